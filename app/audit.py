"""Holds the books against each other, slice by slice, each slice one moment of the database."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app import tables
from app.db import Db, sqlstate
from app.domain import audit, blocks, holding_audit, payment_audit, seals
from app.domain.audit import Slice, Totals
from app.domain.deposits import Outpoint

Check = Callable[[Db, tuple[Any, ...]], Awaitable[Slice]]
Read = Callable[[tuple[Any, ...]], Awaitable[Slice]]
AtNode = Callable[[Sequence[Outpoint]], Awaitable[tuple[bytes, Sequence[int | None]] | None]]
"""Asks the node for coins: its best block, and what each holds (None: no such coin); None while it cannot say."""

Keys = Callable[[Sequence[int]], Mapping[int, str]]
"""Derives the xpubs of accounts from the seed, by number."""

SECONDS: Final = 15
"""For a part of the books."""
ADDRESSES: Final = "addresses are of their accounts' keys"
SEED: Final = "accounts' keys are of the seed"
COINS: Final = "coins are at the node"
TOTALS: Final = "customers, coins and world agree"
WHOLE: Final = "`kennel audit` looks at all"
_CANCELED: Final = "57014"

CHECKS: Final[dict[str, Check]] = {
    "entries balance": audit.entries_balance,
    "balances equal their postings": audit.balances_equal_postings,
    "invoices equal their deposits": audit.invoices_equal_deposits,
    "invoices equal their entries": audit.invoices_equal_entries,
    "payments equal their entries": payment_audit.payments_equal_entries,
    "outgoing is what payments reserve": payment_audit.outgoing_is_payments,
    "held is what holds and escrows keep": holding_audit.held_is_kept,
    "holds equal their entries": holding_audit.holds_equal_entries,
    "escrows equal their entries": holding_audit.escrows_equal_entries,
    "clawback is what is owed": payment_audit.clawback_is_owed,
    "blocks move what they post": audit.blocks_agree,
    "entries are as they were sealed": seals.hold,
}


_FIRST: Final[dict[str, tuple[sa.Column[int], tuple[Any, ...]]]] = {
    "entries balance": (tables.entries.c.id, ()),
    "balances equal their postings": (tables.balances.c.account_id, ("",)),
    "invoices equal their deposits": (tables.invoices.c.account_id, (-1,)),
    "invoices equal their entries": (tables.invoices.c.account_id, (-1,)),
    "payments equal their entries": (tables.payments.c.id, ()),
    "outgoing is what payments reserve": (tables.balances.c.account_id, ()),
    "held is what holds and escrows keep": (tables.balances.c.account_id, ("",)),
    "holds equal their entries": (tables.holds.c.id, ()),
    "escrows equal their entries": (tables.escrows.c.id, ()),
    "entries are as they were sealed": (tables.seals.c.number, ()),
    ADDRESSES: (tables.addresses.c.account_id, (-1, -1)),
    SEED: (tables.accounts.c.id, ()),
}
"""By what each check goes on from slice to slice: the first column of its key, and the least that the others can be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to: `fault` names the first row that is wrong, `note` says what was not looked at, and why."""

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
class Part:
    """A part of the books, for who cannot wait: of each check the oldest slice, and one that begins `percent` of the way on.

    All of it within `seconds`.
    """

    percent: int
    seconds: int = SECONDS


class _Time:
    """What is left of it; without end for a whole audit."""

    def __init__(self, part: Part | None) -> None:
        self.part = part
        self._end = time.monotonic() + part.seconds if part else None

    @property
    def left(self) -> int | None:
        """Milliseconds, at least 1; None: no end."""
        return None if self._end is None else max(1, int(1000 * (self._end - time.monotonic())))

    async def limit(self, db: Db) -> None:
        """Give each statement of the transaction no longer than what is left."""
        await db.execute(sa.text(f"SET LOCAL statement_timeout = {self.left or 0}"))


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, with the totals at the tip's height."""

    findings: tuple[Finding, ...]
    totals: tuple[Totals, ...]
    height: int | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.ok for finding in self.findings)


async def run(
    engine: AsyncEngine, ask: AtNode | None = None, part: Part | None = None, keys: Keys | None = None
) -> Report:
    """Run every check; what commits meanwhile disturbs none, since each slice sees one moment.

    Without `ask` the coins are not looked for at the node, and without `keys` the accounts' keys are not held against the
    seed; with `part` no check reads all, and says so.
    """
    moments = engine.execution_options(isolation_level="REPEATABLE READ")
    left = _Time(part)
    findings = [
        await _whole(moments, name, partial(_slice, moments, check, left), left) for name, check in CHECKS.items()
    ]
    findings.append(await _whole(moments, ADDRESSES, partial(_addresses, moments, left), left))
    if keys is not None:
        findings.append(await _whole(moments, SEED, partial(_accounts, moments, keys, left), left))
    if ask is not None:
        findings.append(await _whole(moments, COINS, partial(_coins, moments, ask, left), left))
    totals, height = [], None
    try:
        async with moments.begin() as db:
            await left.limit(db)
            height = await audit.height(db)
            totals = await audit.totals(db)
    except exc.DBAPIError as error:
        findings.append(Finding(TOTALS, 0, "", _too_long(error)))
    else:
        faults = [total.fault for total in totals if total.fault]
        findings.append(Finding(TOTALS, len(totals), "; ".join(faults)))
    return Report(tuple(findings), tuple(totals), height)


def _too_long(error: exc.DBAPIError) -> str:
    """Say that the time was over; any other trouble is the caller's."""
    if sqlstate(error) != _CANCELED:
        raise error
    return f"not looked at to the end, for the time was over: {WHOLE}"


async def _whole(engine: AsyncEngine, name: str, read: Read, left: _Time) -> Finding:
    """Read slice after slice; of a part only two."""
    checked, after, notes, skipped = 0, tuple[Any, ...](), set[str](), False
    try:
        for number in count():
            found = await read(after)
            checked += found.checked
            notes |= {found.note} - {""}
            if found.fault or found.next is None:
                break
            if left.part is not None and number == 1:
                break
            after = max(found.next, await _start(engine, name, left.part)) if left.part else found.next
            skipped = skipped or after != found.next
    except exc.DBAPIError as error:
        return Finding(name, checked, "", _too_long(error))
    if not found.fault and (skipped or found.next is not None):
        notes.add(f"only a part was looked at: {WHOLE}")
    return Finding(name, checked, found.fault, "; ".join(sorted(notes)))


async def _start(engine: AsyncEngine, name: str, part: Part) -> tuple[Any, ...]:
    """Return where the second slice of a part begins."""
    if name not in _FIRST:
        return (bytes([255 * part.percent // 100]), 0)  # a coin's txid, which is as good as random
    column, rest = _FIRST[name]
    async with engine.connect() as db:
        last = await db.scalar(sa.select(sa.func.max(column))) or 0
    return (last * part.percent // 100, *rest)


async def _slice(engine: AsyncEngine, check: Check, left: _Time, after: tuple[Any, ...]) -> Slice:
    async with engine.begin() as db:
        await left.limit(db)
        return await check(db, after)


async def _addresses(engine: AsyncEngine, left: _Time, after: tuple[Any, ...]) -> Slice:
    """Derive addresses again, in a thread and outside of any transaction."""
    async with engine.begin() as db:
        await left.limit(db)
        rows = await payment_audit.some_addresses(db, after)
    return await asyncio.to_thread(payment_audit.derived, rows)


async def _accounts(engine: AsyncEngine, keys: Keys, left: _Time, after: tuple[Any, ...]) -> Slice:
    """Derive accounts' keys again, in the same way."""
    async with engine.begin() as db:
        await left.limit(db)
        rows = await payment_audit.some_accounts(db, after)
    return payment_audit.of_seed(rows, await asyncio.to_thread(keys, [row["number"] for row in rows]))


async def _coins(engine: AsyncEngine, ask: AtNode, left: _Time, after: tuple[Any, ...]) -> Slice:
    """Look for coins at the node; what it says counts only while its best block is our tip."""
    async with engine.begin() as db:
        await left.limit(db)
        tip = await blocks.tip(db)
        given = await payment_audit.some_coins(db, after)
    following = tuple(given[-1][0]) if len(given) == payment_audit.COINS else None
    said = await _asked(ask, [outpoint for outpoint, _ in given], left)
    if given and said is None:
        return Slice(0, "", following, "the node did not answer, or its tip moved: coins were not looked for there")
    if said is None or tip is None or said[0] != tip.hash:
        note = "the node and the ledger are at different blocks: coins were not looked for" if given else ""
        return Slice(0, "", following, note)
    return replace(payment_audit.at_node(given, said[1]), next=following)


async def _asked(ask: AtNode, outpoints: Sequence[Outpoint], left: _Time) -> tuple[bytes, Sequence[int | None]] | None:
    milliseconds = left.left
    try:
        async with asyncio.timeout(milliseconds and milliseconds / 1000):
            return await ask(outpoints) if outpoints else None
    except TimeoutError:
        return None
