"""A new file that is whole: it gets its name when all of it is on the disk, and never that of another file."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.runtime import folders


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file of the owner's alone, which is named `path` at the end of the block.

    Where the block raises, or where there is such a file by then, nothing is left; then it raises
    FileExistsError. A kill leaves a file beside it, with a name of its own.
    """
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    folders.sync(path.parent)


def _name(fresh: Path, path: Path) -> None:
    """Name the file: a link never takes the place of another file. Sticks with FAT and some shares know no links."""
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        fresh.rename(path)
