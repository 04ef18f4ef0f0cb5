"""What `export` does: it writes the ledger to a file, cell by cell. `kennel verify` proves such a file."""

import asyncio
import gzip
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from rich.console import Console

from app.cli import progress
from app.cli.command import on_cells, started
from app.cli.progress import Advance
from app.db import Db
from app.db.all_cells import AllCells
from app.domain import ledger
from app.domain.ledger import Seal, hash_chain
from app.runtime import new_file

HEADER: Final = {"kennel": "entries and seals", "version": 1}
HEADER_OF_CELLS: Final = {"kennel": "entries and seals of cells", "version": 1}
"""Has the number of `cells` beside it; the part of each begins with its number."""
FIRST: Final = hashlib.sha256(b"").digest()
"""What stands before the first seal."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: entries in seals, and those too young for one."""

    sealed: int
    unsealed: int
    seals: int
    head: str
    """The last seal's hash (hex); of several cells the hash of all their last ones.

    Stored elsewhere, it shows whether the whole file was replaced.
    """
    cells: int = 1

    def __str__(self) -> str:
        young = f"; {self.unsealed:,} younger ones are not sealed yet" if self.unsealed else ""
        last = "The last seal is" if self.cells == 1 else f"The last seals of the {self.cells} cells make"
        return f"{self.sealed:,} entries in {self.seals:,} seals{young}. {last} {self.head}."


def together(parts: Sequence[Contents]) -> Contents:
    """Say what a file holds, of what it holds of each cell."""
    if len(parts) == 1:
        return parts[0]
    heads = hashlib.sha256(b"".join(bytes.fromhex(part.head) for part in parts))
    sealed, unsealed = sum(part.sealed for part in parts), sum(part.unsealed for part in parts)
    return Contents(sealed, unsealed, sum(part.seals for part in parts), heads.hexdigest(), len(parts))


async def write_file(cells: AllCells, path: Path, advance: Advance) -> Contents:
    """Write the entries of one moment to the file, whole or not at all.

    The lines are UTF-8: a header, then of each cell the entries, and each seal after its last entry. With `.gz`
    they are compressed.
    """
    with new_file.writing(path) as file, _compressed(file, path) as lines:
        async with cells.moment() as db:
            return await _write(db, cells, lines, advance)


async def _write(db: Db, cells: AllCells, file: IO[bytes], advance: Advance) -> Contents:
    if len(cells) == 1:
        _put(file, json.dumps(HEADER))
        return await _write_entries(db, file, advance, "entries")
    parts = []
    _put(file, json.dumps({**HEADER_OF_CELLS, "cells": len(cells)}))
    for cell in range(len(cells)):
        _put(file, json.dumps({"cell": cell}))
        await cells.enter(db, cell)
        parts.append(await _write_entries(db, file, advance, f"entries of cell {cell}"))
    return together(parts)


async def _write_entries(db: Db, file: IO[bytes], advance: Advance, stage: str) -> Contents:
    end = await ledger.last_entry(db)
    sealed = unsealed = number = after = 0
    head = FIRST
    async for seal, lines in _parts(db, end):
        for _, line in lines:
            _put(file, line)
        if seal is None:
            unsealed += len(lines)
        else:
            sealed, number, head = sealed + len(lines), seal.number, seal.hash
            _put(file, json.dumps({"seal": seal.number, "entries": seal.entries, "hash": seal.hash.hex()}))
        after = lines[-1][0] if lines else after
        advance(stage, after, end)
    return Contents(sealed, unsealed, number, head.hex())


async def _parts(db: Db, end: int) -> AsyncIterator[tuple[Seal | None, list[tuple[int, str]]]]:
    """Yield the lines seal by seal, then those that have none."""
    number = after = 0
    while seals := await hash_chain.page(db, number, limit=100):
        for seal in seals:
            yield seal, await ledger.sealed_lines(db, seal.first_entry - 1, seal.last_entry, seal.entries + 1)
        number, after = seals[-1].number, seals[-1].last_entry
    while lines := await ledger.sealed_lines(db, after, end):
        yield None, lines
        after = lines[-1][0]


def _put(file: IO[bytes], line: str) -> None:
    file.write(line.encode() + b"\n")


def _compressed(file: IO[bytes], path: Path) -> Any:
    """Return a writer. It writes no name and no time, so the same entries make the same file."""
    return gzip.GzipFile("", "wb", 6, file, mtime=0) if path.suffix == ".gz" else Plain(file)


class Plain:
    """A file that stays open when the block ends, as gzip leaves the one below it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.flush()


def export(file: Path) -> None:
    """Write every entry with its seals to a file, beside a running Kennel or without one."""
    if file.exists():
        sys.exit(f"kennel: {file} is there already.")
    try:
        with started(beside=True) as (_, database), progress.shown(console()) as advance:
            contents = asyncio.run(on_cells(database, lambda cells: write_file(cells, file, advance)))
    except OSError as error:
        sys.exit(f"kennel: {file} cannot be written: {error}.")
    Console().print(str(contents), soft_wrap=True, highlight=False)


def console() -> Console:
    """Return where the progress is shown, beside what the command prints."""
    return Console(stderr=True)
