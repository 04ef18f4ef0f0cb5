"""The commands that write the ledger to a file (`export`), and prove such a file without a database (`verify`)."""

import asyncio
import gzip
import hashlib
import json
import os
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import progress
from app.config.settings import Settings
from app.db import Db
from app.db.database import Database
from app.db.tables import TREASURY
from app.domain import ledger
from app.domain.ledger import Seal, hash_chain

HEADER: Final = {"kennel": "entries and seals", "version": 1}
LINE_CHARACTERS: Final = 4 << 20
"""An entry with a thousand payees is far shorter."""
FIRST: Final = hashlib.sha256(b"").digest()
"""What stands before the first seal."""

Tell = Callable[[str, int, int], None]
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
    """The last seal's hash (hex): who writes it down elsewhere finds out if everything is replaced."""

    def __str__(self) -> str:
        young = f"; {self.unsealed:,} younger ones are not sealed yet" if self.unsealed else ""
        return f"{self.sealed:,} entries in {self.seals:,} seals{young}. The last seal is {self.head}."


async def write_file(engine: AsyncEngine, path: Path, tell: Tell) -> Contents:
    """Write all there is at one moment to the file, whole or not at all.

    Lines of UTF-8: a header, the entries, and behind the last entry of each seal the seal. With `.gz` it is compressed.
    """
    part = path.with_name(f"{path.name}.part")
    moment = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with part.open("wb") as file:
        with _packed(file, path) as packed:
            async with moment.begin() as db:
                contents = await _write_entries(db, packed, tell)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return contents


async def _write_entries(db: Db, file: IO[bytes], tell: Tell) -> Contents:
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
        tell("entries", after, end)
    return Contents(sealed, unsealed, number, head.hex())


async def _parts(db: Db, end: int) -> AsyncIterator[tuple[Seal | None, list[tuple[int, str]]]]:
    """Yield the lines seal by seal, then those that have none."""
    number = after = 0
    while found := await hash_chain.page(db, number, limit=100):
        for seal in found:
            yield seal, await ledger.sealed_lines(db, seal.first_entry - 1, seal.last_entry, seal.entries + 1)
        number, after = found[-1].number, found[-1].last_entry
    while lines := await ledger.sealed_lines(db, after, end):
        yield None, lines
        after = lines[-1][0]


def verify_file(path: Path, tell: Tell) -> Contents:
    """Prove that every seal holds, every entry balances, and every balance follows from the one before; or BadFile."""
    proof = _Proof()
    size = path.stat().st_size
    with path.open("rb") as file, _unpacked(file, path) as unpacked:
        for number, line in _lines(unpacked):
            proof.read(number, line)
            if number % 10_000 == 0:
                tell("bytes", min(file.tell(), size), size)
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
    """What was read so far."""

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
            given = json.loads(line)
            fault = self._header(given) if not self.begun else self._take(given, line)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            fault = "is not what an export holds"
        if fault:
            raise BadFile(f"Line {number} {fault}.")

    def _header(self, given: Any) -> str:
        self.begun = True
        return "" if given == HEADER else "is not the header of an export that this version reads"

    def _take(self, given: Any, line: bytes) -> str:
        if isinstance(given, dict):
            return self._seal(given)
        self.leaves.append(hashlib.sha256(line).digest())
        return self._entry(given)

    def _seal(self, given: dict[str, Any]) -> str:
        hashed = hashlib.sha256(self.head + b"".join(self.leaves)).digest()
        self.seals += 1
        if (given["seal"], given["entries"], given["hash"]) != (self.seals, len(self.leaves), hashed.hex()):
            return f"is a seal that does not hold: an entry before it was changed, added or removed (seal {self.seals})"
        self.head, self.sealed, self.leaves = hashed, self.sealed + len(self.leaves), []
        return ""

    def _entry(self, given: list[Any]) -> str:
        number, postings = given[0], given[9]
        if number <= self.entry:
            return f"has entry {number} behind entry {self.entry}"
        self.entry = number
        sums: dict[str, int] = {}
        for posting in postings:
            sums[posting[1]] = sums.get(posting[1], 0) + posting[4]
            if not self._follows(posting):
                return f"has entry {number}, whose balance of account {posting[0]} does not follow from the one before"
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


def _packed(file: IO[bytes], path: Path) -> Any:
    """Without a name and time in it, so that the same entries make the same file."""
    return gzip.GzipFile("", "wb", 6, file, mtime=0) if path.suffix == ".gz" else _Plain(file)


def _unpacked(file: IO[bytes], path: Path) -> Any:
    return gzip.GzipFile(fileobj=file, mode="rb") if path.suffix == ".gz" else _Plain(file)


class _Plain:
    """A file that stays open when the block ends, as gzip leaves the one below it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.flush()


Started = Callable[[bool], AbstractContextManager[tuple[Settings, Database]]]
"""Settings and database for a command; called with whether one that a running Kennel has started will do."""

New = Annotated[Path, typer.Argument(help="A new file; with .gz at its end it is compressed.")]
Written = Annotated[
    Path, typer.Argument(help="What `kennel export` has written.", exists=True, dir_okay=False)
]


def register(commands: typer.Typer, started: Started) -> None:
    """Add the commands."""

    @commands.command()
    def export(file: New) -> None:
        """Write every entry with its seals to a file, beside a running Kennel or without one."""
        if file.exists():
            sys.exit(f"kennel: {file} is there already.")
        try:
            with started(True) as (_, database), progress.shown(_console()) as tell:
                contents = asyncio.run(_write(database, file, tell))
        except OSError as error:
            sys.exit(f"kennel: {file} cannot be written: {error}.")
        Console().print(str(contents), soft_wrap=True, highlight=False)

    @commands.command()
    def verify(file: Written) -> None:
        """Prove a file of `kennel export`: its seals hold, its entries balance. The exit code is 1 if anything is wrong."""
        try:
            with progress.shown(_console()) as tell:
                contents = verify_file(file, tell)
        except (BadFile, OSError) as error:
            sys.exit(f"kennel: {error}")
        Console().print(f"All is as it was sealed: {contents}", soft_wrap=True, highlight=False)


def _console() -> Console:
    return Console(stderr=True)


async def _write(database: Database, file: Path, tell: progress.Tell) -> Contents:
    async with database.without_timeouts() as engine:
        return await write_file(engine, file, tell)
