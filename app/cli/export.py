"""The commands `export` (write the ledger to a file) and `verify` (prove such a file without a database)."""

import asyncio
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import progress
from app.cli.command import on_database, started
from app.cli.progress import Advance
from app.db import Db
from app.db.tables import TREASURY
from app.domain import ledger
from app.domain.ledger import Seal, hash_chain
from app.runtime import new_file

HEADER: Final = {"kennel": "entries and seals", "version": 1}
LINE_CHARACTERS: Final = 4 << 20
"""An entry with a thousand payees is far shorter."""
FIRST: Final = hashlib.sha256(b"").digest()
"""What stands before the first seal."""

AccountAsset = tuple[int, str]


class BadFile(Exception):
    """What is wrong with a file, in one sentence that names the line."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: entries in seals, and those too young for one."""

    sealed: int
    unsealed: int
    seals: int
    head: str
    """The last seal's hash (hex). Stored elsewhere, it shows whether the whole file was replaced."""

    def __str__(self) -> str:
        young = f"; {self.unsealed:,} younger ones are not sealed yet" if self.unsealed else ""
        return f"{self.sealed:,} entries in {self.seals:,} seals{young}. The last seal is {self.head}."


async def write_file(engine: AsyncEngine, path: Path, advance: Advance) -> Contents:
    """Write the entries of one moment to the file, whole or not at all.

    The lines are UTF-8: a header, the entries, and each seal after its last entry. With `.gz` they are
    compressed.
    """
    moment = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with new_file.writing(path) as file, _compressed(file, path) as lines:
        async with moment.begin() as db:
            return await _write_entries(db, lines, advance)


async def _write_entries(db: Db, file: IO[bytes], advance: Advance) -> Contents:
    end = await ledger.last_entry(db)
    sealed = unsealed = number = after = 0
    head = FIRST
    _put(file, json.dumps(HEADER))
    async for seal, lines in _parts(db, end):
        for _, line in lines:
            _put(file, line)
        if seal is None:
            unsealed += len(lines)
        else:
            sealed, number, head = sealed + len(lines), seal.number, seal.hash
            _put(file, json.dumps({"seal": seal.number, "entries": seal.entries, "hash": seal.hash.hex()}))
        after = lines[-1][0] if lines else after
        advance("entries", after, end)
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


def verify_file(path: Path, advance: Advance) -> Contents:
    """Prove that every seal holds, every entry balances, and every balance follows from the one before.

    Raises BadFile where one does not.
    """
    proof = _Proof()
    size = path.stat().st_size
    with path.open("rb") as file, _decompressed(file, path) as lines:
        for number, line in _lines(lines):
            proof.read(number, line)
            if number % 10_000 == 0:
                advance("bytes", min(file.tell(), size), size)
    if not proof.begun:
        raise BadFile("The file is empty.")
    return Contents(proof.sealed, len(proof.leaves), proof.seals, proof.head.hex())


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        while line := file.readline(LINE_CHARACTERS):
            number += 1
            if not line.endswith(b"\n"):
                raise BadFile(f"Line {number} ends before its end.")
            yield number, line[:-1]
    except (EOFError, OSError, zlib.error) as error:  # a bad gzip header is an OSError
        raise BadFile(f"The file cannot be read behind line {number}: {error}") from None


@dataclass(slots=True)
class _Proof:
    """What the lines so far have proved."""

    begun: bool = False
    sealed: int = 0
    seals: int = 0
    entry: int = 0
    head: bytes = FIRST
    leaves: list[bytes] = field(default_factory=list)
    balances: dict[AccountAsset, tuple[int, list[int]]] = field(default_factory=dict)

    def read(self, number: int, line: bytes) -> None:
        """Take one line; BadFile where it does not follow."""
        try:
            value = json.loads(line)
            fault = self._take(value, line) if self.begun else self._header(value)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            fault = "is not what an export holds"
        if fault:
            raise BadFile(f"Line {number} {fault}.")

    def _header(self, value: Any) -> str:
        self.begun = True
        return "" if value == HEADER else "is not the header of an export that this version reads"

    def _take(self, value: Any, line: bytes) -> str:
        if isinstance(value, dict):
            return self._seal(value)
        self.leaves.append(hashlib.sha256(line).digest())
        return self._entry(value)

    def _seal(self, seal: dict[str, Any]) -> str:
        hashed = hashlib.sha256(self.head + b"".join(self.leaves)).digest()
        self.seals += 1
        if (seal["seal"], seal["entries"], seal["hash"]) != (self.seals, len(self.leaves), hashed.hex()):
            fault = f"an entry before it was changed, added or removed (seal {self.seals})"
            return f"is a seal that does not hold: {fault}"
        self.head, self.sealed, self.leaves = hashed, self.sealed + len(self.leaves), []
        return ""

    def _entry(self, entry: list[Any]) -> str:
        number, postings = entry[0], entry[9]
        if number <= self.entry:
            return f"has entry {number} behind entry {self.entry}"
        self.entry = number
        sums: dict[str, int] = {}
        for posting in postings:
            sums[posting[1]] = sums.get(posting[1], 0) + posting[4]
            if not self._follows(posting):
                fault = f"whose balance of account {posting[0]} does not follow from the one before"
                return f"has entry {number}, {fault}"
        return f"has entry {number}, which does not balance" if any(sums.values()) or not sums else ""

    def _follows(self, posting: list[Any]) -> bool:
        account, asset, seq, bucket, amount, *after = posting[:9]
        if account == TREASURY:
            return True
        last, before = self.balances.get((account, asset), (0, [0, 0, 0, 0]))
        expected = list(before)
        expected[("available", "incoming", "held", "outgoing").index(bucket)] += amount
        self.balances[account, asset] = (seq, after)
        return seq == last + 1 and after == expected


def _put(file: IO[bytes], line: str) -> None:
    file.write(line.encode() + b"\n")


def _compressed(file: IO[bytes], path: Path) -> Any:
    """Return a writer. It writes no name and no time, so the same entries make the same file."""
    return gzip.GzipFile("", "wb", 6, file, mtime=0) if path.suffix == ".gz" else _Plain(file)


def _decompressed(file: IO[bytes], path: Path) -> Any:
    return gzip.GzipFile(fileobj=file, mode="rb") if path.suffix == ".gz" else _Plain(file)


class _Plain:
    """A file that stays open when the block ends, as gzip leaves the one below it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.flush()


New = Annotated[Path, typer.Argument(help="A new file; with .gz at its end it is compressed.")]
Written = Annotated[
    Path, typer.Argument(help="What `kennel export` has written.", exists=True, dir_okay=False)
]


def export(file: New) -> None:
    """Write every entry with its seals to a file, beside a running Kennel or without one."""
    if file.exists():
        sys.exit(f"kennel: {file} is there already.")
    try:
        with started(beside=True) as (_, database), progress.shown(_console()) as advance:
            contents = asyncio.run(on_database(database, lambda engine: write_file(engine, file, advance)))
    except OSError as error:
        sys.exit(f"kennel: {file} cannot be written: {error}.")
    Console().print(str(contents), soft_wrap=True, highlight=False)


def verify(file: Written) -> None:
    """Prove a file of `kennel export`: its seals hold, its entries balance; exit with 1 if not."""
    try:
        with progress.shown(_console()) as advance:
            contents = verify_file(file, advance)
    except (BadFile, OSError) as error:
        sys.exit(f"kennel: {error}")
    Console().print(f"All is as it was sealed: {contents}", soft_wrap=True, highlight=False)


def _console() -> Console:
    return Console(stderr=True)
