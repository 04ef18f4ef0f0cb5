"""The command `verify`: proves a file of `kennel export`, without a database."""

import gzip
import hashlib
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from rich.console import Console

from app.cli import progress
from app.cli.books import export
from app.cli.books.export import FIRST, HEADER, HEADER_OF_CELLS, Contents
from app.cli.progress import Advance
from app.db.tables import CLEARING, WITHOUT_BALANCE

LINE_CHARACTERS: Final = 4 << 20
"""An entry with a thousand payees is far shorter."""
MOST_CELLS: Final = 64

AccountAsset = tuple[int, str]


class BadFile(Exception):
    """What is wrong with a file, in one sentence that names the line."""


def verify_file(path: Path, advance: Advance) -> Contents:
    """Prove that every seal holds, every entry balances, and every balance follows from the one before.

    Of several cells it proves that for each, and that what they owe one another cancels. Raises BadFile where
    something is not so.
    """
    proof = _Proof()
    size = path.stat().st_size
    with path.open("rb") as file, _decompressed(file, path) as lines:
        for number, line in _lines(lines):
            proof.read(number, line)
            if number % 10_000 == 0:
                advance("bytes", min(file.tell(), size), size)
    return proof.ended()


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


def _decompressed(file: IO[bytes], path: Path) -> Any:
    return gzip.GzipFile(fileobj=file, mode="rb") if path.suffix == ".gz" else export.Plain(file)


@dataclass(slots=True)
class _Halves:
    """What the halves of crossings come to so far, by asset.

    Beside their sum stands one in which each counts as often as the hash of its key says: both are zero only where the
    halves of each key cancel. So no key need be remembered.
    """

    sums: dict[str, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))

    def add(self, key: str, asset: str, amount: int) -> None:
        """Count a half."""
        weight = int.from_bytes(hashlib.sha256(key.encode()).digest())
        total, weighted = self.sums[asset]
        self.sums[asset] = total + amount, weighted + weight * amount

    @property
    def fault(self) -> str:
        """Say what does not cancel; "" for nothing."""
        wrong = [
            (asset, total) for asset, (total, weighted) in sorted(self.sums.items()) if total or weighted
        ]
        return "".join(
            f"What cells owe one another in {asset} does not cancel: the halves of a crossing differ "
            f"(by {total} together)."
            for asset, total in wrong[:1]
        )


@dataclass(slots=True)
class _Ledger:
    """What the lines of one ledger have proved so far."""

    halves: _Halves
    sealed: int = 0
    seals: int = 0
    entry: int = 0
    head: bytes = FIRST
    leaves: list[bytes] = field(default_factory=list)
    balances: dict[AccountAsset, tuple[int, list[int]]] = field(default_factory=dict)

    def take(self, value: Any, line: bytes) -> str:
        """Take an entry or a seal; returns what is wrong with it."""
        if isinstance(value, dict):
            return self._seal(value)
        self.leaves.append(hashlib.sha256(line).digest())
        return self._entry(value)

    @property
    def contents(self) -> Contents:
        """What was taken."""
        return Contents(self.sealed, len(self.leaves), self.seals, self.head.hex())

    def _seal(self, seal: dict[str, Any]) -> str:
        hashed = hashlib.sha256(self.head + b"".join(self.leaves)).digest()
        self.seals += 1
        if (seal["seal"], seal["entries"], seal["hash"]) != (self.seals, len(self.leaves), hashed.hex()):
            fault = f"an entry before it was changed, added or removed (seal {self.seals})"
            return f"is a seal that does not hold: {fault}"
        self.head, self.sealed, self.leaves = hashed, self.sealed + len(self.leaves), []
        return ""

    def _entry(self, entry: list[Any]) -> str:
        number, key, postings = entry[0], entry[6], entry[9]
        if number <= self.entry:
            return f"has entry {number} behind entry {self.entry}"
        self.entry = number
        sums: dict[str, int] = {}
        for posting in postings:
            account, asset, amount = posting[0], posting[1], posting[4]
            sums[asset] = sums.get(asset, 0) + amount
            if account == CLEARING:
                self.halves.add(key, asset, amount)
            if not self._follows(posting):
                fault = f"whose balance of account {account} does not follow from the one before"
                return f"has entry {number}, {fault}"
        return f"has entry {number}, which does not balance" if any(sums.values()) or not sums else ""

    def _follows(self, posting: list[Any]) -> bool:
        account, asset, seq, bucket, amount, *after = posting[:9]
        if account in WITHOUT_BALANCE:
            return True
        last, before = self.balances.get((account, asset), (0, [0, 0, 0, 0]))
        expected = list(before)
        expected[("available", "incoming", "held", "outgoing").index(bucket)] += amount
        self.balances[account, asset] = (seq, after)
        return seq == last + 1 and after == expected


@dataclass(slots=True)
class _Proof:
    """What the lines so far have proved: of the ledger that is read, and of the cells before it."""

    cells: int = 0
    halves: _Halves = field(default_factory=_Halves)
    parts: list[Contents] = field(default_factory=list)
    ledger: _Ledger | None = None

    def read(self, number: int, line: bytes) -> None:
        """Take one line; BadFile where it does not follow."""
        try:
            value = json.loads(line)
            fault = self._take(value, line) if self.cells else self._header(value)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            fault = "is not what an export holds"
        if fault:
            raise BadFile(f"Line {number} {fault}.")

    def ended(self) -> Contents:
        """Say what the whole file holds; BadFile where an end is missing, or the cells do not agree."""
        if not self.cells:
            raise BadFile("The file is empty.")
        self._end_part()
        if len(self.parts) != self.cells:
            raise BadFile(f"The file has {len(self.parts)} of {self.cells} cells: its end is missing.")
        if fault := self.halves.fault:
            raise BadFile(fault)
        return export.together(self.parts)

    def _header(self, value: Any) -> str:
        if value == HEADER:
            self.cells, self.ledger = 1, _Ledger(self.halves)
            return ""
        cells = value.get("cells") if isinstance(value, dict) else None
        if (
            isinstance(cells, int)
            and 1 < cells <= MOST_CELLS
            and value == {**HEADER_OF_CELLS, "cells": cells}
        ):
            self.cells = cells
            return ""
        return "is not the header of an export that this version reads"

    def _take(self, value: Any, line: bytes) -> str:
        if self.cells > 1 and isinstance(value, dict) and "cell" in value:
            self._end_part()
            self.ledger = _Ledger(self.halves)
            return "" if value == {"cell": len(self.parts)} else "is not the beginning of the next cell"
        return self.ledger.take(value, line) if self.ledger else "belongs to no cell"

    def _end_part(self) -> None:
        if self.ledger is not None:
            self.parts.append(self.ledger.contents)


def verify(file: Path) -> None:
    """Prove a file of `kennel export`: its seals hold, its entries balance; exit with 1 if not."""
    try:
        with progress.shown(export.console()) as advance:
            contents = verify_file(file, advance)
    except (BadFile, OSError) as error:
        sys.exit(f"kennel: {error}")
    Console().print(f"All is as it was sealed: {contents}", soft_wrap=True, highlight=False)
