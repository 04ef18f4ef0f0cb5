"""What an audit looks at: each thing that must be true, what reads a slice of it, and by what it goes on from there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db, tables
from app.domain import audit, blocks
from app.domain.audit import Slice
from app.domain.dogecoin import Outpoint

AtNode = Callable[[Sequence[Outpoint]], Awaitable[tuple[bytes, Sequence[int | None]] | None]]
"""Asks the node for coins: its best block, and what each holds (None: no such coin); None while it cannot say."""

Keys = Callable[[Sequence[int]], Mapping[int, str]]
"""Derives the xpubs of accounts from the seed, by number."""

SECONDS: Final = 15
"""For a part of the books."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the books, for who cannot wait: of each check the oldest slice, and one that begins `percent` of the way on.

    All of it within `seconds`.
    """

    percent: int
    seconds: int = SECONDS


class Time:
    """What is left of it; without end for a whole audit."""

    def __init__(self, part: Part | None) -> None:
        self._end = time.monotonic() + part.seconds if part else None

    @property
    def left(self) -> int | None:
        """Milliseconds, at least 1; None: no end."""
        return None if self._end is None else max(1, int(1000 * (self._end - time.monotonic())))

    async def limit(self, db: Db) -> None:
        """Give each statement of the transaction no longer than what is left."""
        await db.execute(sa.text(f"SET LOCAL statement_timeout = {self.left or 0}"))


@dataclass(frozen=True, slots=True)
class Sources:
    """What an audit reads: the database, each transaction of `moments` one moment of it; where there are, node and seed."""

    moments: AsyncEngine
    left: Time
    ask: AtNode | None = None
    keys: Keys | None = None


Look = Callable[[Sources, tuple[Any, ...]], Awaitable[Slice]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true, by its name on the wire; `look` reads a slice of it.

    From slice to slice it goes on by columns of which `key` is the first, and `least` the least that the others can be.
    """

    name: str
    look: Look
    key: sa.Column[int] | None = None
    least: tuple[Any, ...] = ()

    async def start(self, engine: AsyncEngine, part: Part) -> tuple[Any, ...]:
        """Return where the second slice of a part begins."""
        if self.key is None:
            return (bytes([255 * part.percent // 100]), 0)  # a coin's txid, which is as good as random
        async with engine.connect() as db:
            last = await db.scalar(sa.select(sa.func.max(self.key))) or 0
        return (last * part.percent // 100, *self.least)


def of(sources: Sources) -> list[Check]:
    """Return the checks for which there is something to read."""
    return [
        *CHECKS,
        *[SEED][: sources.keys is not None],
        *[COINS][: sources.ask is not None],
    ]


def _rows(read: Callable[[Db, tuple[Any, ...]], Awaitable[Slice]]) -> Look:
    """Read rows, and nothing else."""

    async def look(sources: Sources, after: tuple[Any, ...]) -> Slice:
        async with sources.moments.begin() as db:
            await sources.left.limit(db)
            return await read(db, after)

    return look


async def _addresses(sources: Sources, after: tuple[Any, ...]) -> Slice:
    """Derive addresses again, in a thread and outside of any transaction."""
    async with sources.moments.begin() as db:
        await sources.left.limit(db)
        rows = await audit.some_addresses(db, after)
    return await asyncio.to_thread(audit.derived, rows)


async def _accounts(sources: Sources, after: tuple[Any, ...]) -> Slice:
    """Derive accounts' keys again, in the same way."""
    async with sources.moments.begin() as db:
        await sources.left.limit(db)
        rows = await audit.some_accounts(db, after)
    derive = sources.keys or (lambda _: {})
    return audit.of_seed(rows, await asyncio.to_thread(derive, [row["number"] for row in rows]))


async def _coins(sources: Sources, after: tuple[Any, ...]) -> Slice:
    """Look for coins at the node; what it says counts only while its best block is our tip."""
    async with sources.moments.begin() as db:
        await sources.left.limit(db)
        tip = await blocks.tip(db)
        given = await audit.some_coins(db, after)
    following = tuple(given[-1][0]) if len(given) == audit.COINS else None
    said = await _asked(sources, [outpoint for outpoint, _ in given])
    if given and said is None:
        return Slice(
            0, "", following, "the node did not answer, or its tip moved: coins were not looked for there"
        )
    if said is None or tip is None or said[0] != tip.hash:
        note = "the node and the ledger are at different blocks: coins were not looked for" if given else ""
        return Slice(0, "", following, note)
    return replace(audit.at_node(given, said[1]), next=following)


async def _asked(
    sources: Sources, outpoints: Sequence[Outpoint]
) -> tuple[bytes, Sequence[int | None]] | None:
    milliseconds = sources.left.left
    try:
        async with asyncio.timeout(milliseconds and milliseconds / 1000):
            return await sources.ask(outpoints) if outpoints and sources.ask else None
    except TimeoutError:
        return None


CHECKS: Final = (
    Check("entries balance", _rows(audit.entries_balance), tables.entries.c.id),
    Check(
        "balances equal their postings",
        _rows(audit.balances_equal_postings),
        tables.balances.c.account_id,
        ("",),
    ),
    Check(
        "invoices equal their deposits",
        _rows(audit.invoices_equal_deposits),
        tables.invoices.c.account_id,
        (-1,),
    ),
    Check(
        "invoices equal their entries",
        _rows(audit.invoices_equal_entries),
        tables.invoices.c.account_id,
        (-1,),
    ),
    Check("payments equal their entries", _rows(audit.payments_equal_entries), tables.payments.c.id),
    Check(
        "outgoing is what payments reserve", _rows(audit.outgoing_is_payments), tables.balances.c.account_id
    ),
    Check(
        "held is what holds and escrows keep", _rows(audit.held_is_kept), tables.balances.c.account_id, ("",)
    ),
    Check("holds equal their entries", _rows(audit.holds_equal_entries), tables.holds.c.id),
    Check("escrows equal their entries", _rows(audit.escrows_equal_entries), tables.escrows.c.id),
    Check("clawback is what is owed", _rows(audit.clawback_is_owed)),
    Check("blocks move what they post", _rows(audit.blocks_agree)),
    Check("entries are as they were sealed", _rows(audit.hold), tables.seals.c.number),
    Check("addresses are of their accounts' keys", _addresses, tables.addresses.c.account_id, (-1, -1)),
)
SEED: Final = Check("accounts' keys are of the seed", _accounts, tables.accounts.c.id)
COINS: Final = Check("coins are at the node", _coins)
