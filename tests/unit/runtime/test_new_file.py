"""A new file has its name once it is whole, and never takes the place of another."""

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from app.runtime import new_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_has_its_name_at_the_end_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "backup"

    with new_file.writing(path) as file:
        file.write(b"half")
        file.flush()
        during = path.exists()
        file.write(b" and half")

    assert not during
    assert path.read_bytes() == b"half and half"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["backup"]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), new_file.writing(tmp_path / "backup") as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert names(tmp_path) == []


def test_two_at_once_do_not_mix_and_the_second_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "backup"

    second = ExitStack()
    second.enter_context(new_file.writing(path)).write(b"second")
    with new_file.writing(path) as first:
        first.write(b"first")
    with pytest.raises(FileExistsError):
        second.close()

    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["backup"]
