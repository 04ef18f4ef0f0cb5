"""The audit: compares the ledger's tables slice by slice; each slice sees one moment of the database."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import QUERY_CANCELED, Db, sqlstate, tables
from app.domain import audit, blocks
from app.domain.audit import Position, Slice, Totals, cold, hash_chain, holds, ledger, payments
from app.domain.dogecoin import Outpoint
from app.money import NOTHING, Koinu

FetchCoins = Callable[[Sequence[Outpoint]], Awaitable[tuple[bytes, Sequence[int | None]] | None]]
"""Returns the node's best block and the amount of each coin (None: no such coin); None from a silent node."""

Rest = Callable[[float], Awaitable[None]]
"""Is awaited after each slice, with the seconds that it took."""

DeriveXpubs = Callable[[Sequence[int]], Mapping[int, str]]
"""Derives the xpubs of accounts from the seed, by account number."""

SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of each check for callers who cannot wait: its first slice, and one after `percent` of it.

    The whole audit takes at most `seconds`.
    """

    percent: int
    seconds: int = SECONDS


class Deadline:
    """The end of a sample's time; a whole audit has none.

    With `keeps_limits` statements have the limits of their connection, and no others.
    """

    def __init__(self, sample: Sample | None, *, keeps_limits: bool = False) -> None:
        self._end = time.monotonic() + sample.seconds if sample else None
        self._keeps_limits = keeps_limits

    @property
    def seconds(self) -> float | None:
        """The time that remains, at least a millisecond; None: no end."""
        return None if self._end is None else max(0.001, self._end - time.monotonic())

    async def limit(self, db: Db) -> None:
        """Give each statement of the transaction no more than the time that remains."""
        if not self._keeps_limits:
            milliseconds = int(1000 * (self.seconds or 0))
            await db.execute(sa.text(f"SET LOCAL statement_timeout = {milliseconds}"))


@dataclass(frozen=True, slots=True)
class Sources:
    """What an audit reads: the database, whose `snapshots` each see one moment, the node and the seed."""

    snapshots: AsyncEngine
    deadline: Deadline
    fetch_coins: FetchCoins | None = None
    derive_xpubs: DeriveXpubs | None = None
    rest: Rest | None = None

    async def read(self, check: "Check", after: Position) -> Slice:
        """Read a slice, and rest."""
        began = time.monotonic()
        part = await check.read(self, after)
        if self.rest is not None:
            await self.rest(time.monotonic() - began)
        return part


ReadSlice = Callable[[Sources, Position], Awaitable[Slice]]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be true, by its name in the API; `read` checks the slice after a position.

    A position has the column `key`, then columns whose least values are `least`.
    """

    name: str
    read: ReadSlice
    key: sa.Column[int] | None = None
    least: tuple[Any, ...] = ()

    async def start(self, engine: AsyncEngine, sample: Sample) -> Position:
        """Return the position after which the second slice of a sample begins."""
        if self.key is None:
            return (bytes([255 * sample.percent // 100]), 0)  # a coin's txid, which is as good as random
        async with engine.connect() as db:
            last = await db.scalar(sa.select(sa.func.max(self.key))) or 0
        return (last * sample.percent // 100, *self.least)


def _checks_of(sources: Sources) -> list[Check]:
    """Return the checks whose sources there are."""
    return [
        *CHECKS,
        *[SEED][: sources.derive_xpubs is not None],
        *[COINS][: sources.fetch_coins is not None],
    ]


def _rows(check: Callable[[Db, Position], Awaitable[Slice]]) -> ReadSlice:
    """Check rows of the database, and nothing else."""

    async def read(sources: Sources, after: Position) -> Slice:
        async with sources.snapshots.begin() as db:
            await sources.deadline.limit(db)
            return await check(db, after)

    return read


async def _addresses(sources: Sources, after: Position) -> Slice:
    """Derive addresses again, in a thread and outside of any transaction."""
    async with sources.snapshots.begin() as db:
        await sources.deadline.limit(db)
        rows = await payments.address_slice(db, after)
    return await asyncio.to_thread(payments.check_addresses, rows)


async def _accounts(sources: Sources, after: Position) -> Slice:
    """Derive accounts' keys again, in the same way."""
    async with sources.snapshots.begin() as db:
        await sources.deadline.limit(db)
        rows = await payments.account_slice(db, after)
    derive = sources.derive_xpubs or (lambda _: {})
    return payments.check_accounts(rows, await asyncio.to_thread(derive, [row["number"] for row in rows]))


_NOT_ASKED: Final = "the node did not answer, or its tip moved: coins were not looked for there"
_OF_OTHER_BLOCKS: Final = "the node and the ledger are at different blocks: coins were not looked for"


async def _coins(sources: Sources, after: Position) -> Slice:
    """Compare coins with the node; its answer counts only while its best block is our tip."""
    async with sources.snapshots.begin() as db:
        await sources.deadline.limit(db)
        tip = await blocks.tip(db)
        coins = await payments.coin_slice(db, after)
    if not coins:
        return Slice(0)
    following = tuple(coins[-1][0]) if len(coins) == payments.COINS else None
    answer = await _fetch(sources, [outpoint for outpoint, _ in coins])
    if answer is None:
        return Slice(0, "", following, _NOT_ASKED)
    if tip is None or answer[0] != tip.hash:
        return Slice(0, "", following, _OF_OTHER_BLOCKS)
    return replace(payments.check_coins(coins, answer[1]), next=following)


async def _fetch(sources: Sources, coins: Sequence[Outpoint]) -> tuple[bytes, Sequence[int | None]] | None:
    try:
        async with asyncio.timeout(sources.deadline.seconds):
            return await sources.fetch_coins(coins) if sources.fetch_coins else None
    except TimeoutError:
        return None


_BALANCE: Final = tables.balances.c.account_id
_INVOICE: Final = tables.invoices.c.account_id
CHECKS: Final = (
    Check("entries balance", _rows(ledger.entries_balance), tables.entries.c.id),
    Check("balances equal their postings", _rows(ledger.balances_equal_postings), _BALANCE, ("",)),
    Check("invoices equal their deposits", _rows(ledger.invoices_equal_deposits), _INVOICE, (-1,)),
    Check("invoices equal their sightings", _rows(ledger.invoices_equal_sightings), _INVOICE, (-1,)),
    Check("invoices equal their entries", _rows(ledger.invoices_equal_entries), _INVOICE, (-1,)),
    Check("payments equal their entries", _rows(payments.payments_equal_entries), tables.payments.c.id),
    Check("outgoing is what payments reserve", _rows(payments.outgoing_equals_payments), _BALANCE),
    Check("held is what holds and escrows keep", _rows(holds.held_equals_holds), _BALANCE, ("",)),
    Check("holds equal their entries", _rows(holds.holds_equal_entries), tables.holds.c.id),
    Check("escrows equal their entries", _rows(holds.escrows_equal_entries), tables.escrows.c.id),
    Check("clawback is what is owed", _rows(payments.clawback_equals_debts)),
    Check("cold storage equals its payments", _rows(cold.cold_storage_equals_payments)),
    Check("blocks move what they post", _rows(ledger.blocks_equal_entries)),
    Check("entries are as they were sealed", _rows(hash_chain.entries_equal_seals), tables.seals.c.number),
    Check("addresses are of their accounts' keys", _addresses, tables.addresses.c.account_id, (-1, -1)),
)
SEED: Final = Check("accounts' keys are of the seed", _accounts, tables.accounts.c.id)
COINS: Final = Check("coins are at the node", _coins)


TOTALS: Final = "customers, coins and world agree"
ALL: Final = "`kennel audit` looks at all"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's result: `fault` names the first row that is wrong, `note` says what was left out, and why."""

    name: str
    checked: int
    fault: str
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault

    @property
    def detail(self) -> str:
        """The fault, else the note."""
        return self.fault or self.note


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings, and the totals at the tip's height; balances exceed the coins by `shortfall`."""

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None
    shortfall: Koinu = NOTHING

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the ledger."""
        return all(finding.ok for finding in self.findings)

    @property
    def solvent(self) -> bool:
        """Whether every balance has its coins."""
        return not self.shortfall


async def run(
    engine: AsyncEngine,
    fetch_coins: FetchCoins | None = None,
    sample: Sample | None = None,
    derive_xpubs: DeriveXpubs | None = None,
    rest: Rest | None = None,
) -> AuditReport:
    """Run every check; commits meanwhile disturb none, since each slice sees one moment.

    Without `fetch_coins` no coin is compared with the node, and without `derive_xpubs` no account's key with
    the seed. With `sample` each check reads a part, and says so. With `rest` it has time: a statement that takes too
    long for the connection is given up, and that is said too.
    """
    snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
    deadline = Deadline(sample, keeps_limits=rest is not None)
    sources = Sources(snapshots, deadline, fetch_coins, derive_xpubs, rest)
    findings = [await _find(check, sources, sample) for check in _checks_of(sources)]
    async with snapshots.begin() as db:
        shortfall = await blocks.shortfall(db)
    totals, height = list[Totals](), None
    try:
        async with snapshots.begin() as db:
            await sources.deadline.limit(db)
            height = await audit.height(db)
            totals = await audit.totals(db)
    except exc.DBAPIError as error:
        findings.append(Finding(TOTALS, 0, "", _too_long(error)))
    else:
        faults = "; ".join(total.fault for total in totals if total.fault)
        findings.append(Finding(TOTALS, len(totals), faults))
    return AuditReport(tuple(findings), tuple(totals), height, shortfall)


def _too_long(error: exc.DBAPIError) -> str:
    """Say that the time was over; any other error is the caller's."""
    if sqlstate(error) != QUERY_CANCELED:
        raise error
    return f"not looked at to the end, for the time was over: {ALL}"


async def _find(check: Check, sources: Sources, sample: Sample | None) -> Finding:
    """Read slice after slice; of a sample only two."""
    checked, after, notes, skipped = 0, Position(), set[str](), False
    try:
        for number in count():
            part = await sources.read(check, after)
            checked += part.checked
            notes |= {part.note} - {""}
            if part.fault or part.next is None or (sample is not None and number == 1):
                break
            start = await check.start(sources.snapshots, sample) if sample else part.next
            after = max(part.next, start)
            skipped = skipped or after != part.next
    except exc.DBAPIError as error:
        return Finding(check.name, checked, "", _too_long(error))
    if not part.fault and (skipped or part.next is not None):
        notes.add(f"only a part was looked at: {ALL}")
    return Finding(check.name, checked, part.fault, "; ".join(sorted(notes)))
