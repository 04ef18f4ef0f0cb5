"""The commands of an installation with several cells, as an operator runs them one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.program import Program, command

SETTINGS = {
    "KENNEL_CELLS": "4",
    "KENNEL_DATABASE_CONNECTIONS": "50",
    "KENNEL_BACKUP_PASSPHRASE": "such long words, very secret",
}


@pytest.fixture
def divided(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path / "divided", None, **SETTINGS)
    yield program
    program.close()


def test_an_installation_of_four_cells_is_looked_at_and_begins_again(
    divided: Program, tmp_path: Path
) -> None:
    books = tmp_path / "books.jsonl"

    made = command(divided, "key", "create", "--scope", "events:read")
    audited = command(divided, "audit")
    exported, proved = command(divided, "export", str(books)), command(divided, "verify", str(books))
    again = command(divided, "restored", "--anyway")
    keys = command(divided, "key", "list")
    saved = command(divided, "backup", str(tmp_path / "saved"))

    assert "all cells together agree" in audited.stdout, audited.stdout
    assert "what cells owe one another cancels" in audited.stdout
    assert [done.returncode for done in (made, audited, exported, proved)] == [0, 0, 0, 0]
    assert "The last seals of the 4 cells make" in proved.stdout
    assert again.stdout.startswith("Ended 0 payments"), again.stdout
    assert "events:read" in keys.stdout
    assert (saved.returncode, (tmp_path / "saved").exists()) == (0, True), saved.stdout
    names = sorted(path.name for path in (tmp_path / "divided").glob("kennel/sent-*.json"))
    assert names == [f"sent-00{cell}.json" for cell in range(4)]
