"""The checks of an audit, in their order: what each must find true, and how its slices are read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.sources import Sample, Sources
from app.db import Db, Row, tables
from app.domain import blocks
from app.domain.audit import Position, Slice, clearing, cold, hash_chain, holds, ledger, payments
from app.domain.dogecoin import Outpoint
from app.money import DOGE

ReadSlice = Callable[[Sources, Position], Awaitable[Slice]]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be true, by its name in the API; `read_slice` checks the slice after a position.

    A position has the values `first`, then the column `key`, then columns whose least values are `least`.
    """

    name: str
    read_slice: ReadSlice
    key: sa.Column[int] | None = None
    least: tuple[Any, ...] = ()
    first: tuple[Any, ...] = ()

    async def read(self, sources: Sources, after: Position) -> Slice:
        """Read a slice, and rest."""
        began = time.monotonic()
        part = await self.read_slice(sources, after)
        if sources.rest is not None:
            await sources.rest(time.monotonic() - began)
        return part

    async def start(self, engine: AsyncEngine, sample: Sample) -> Position:
        """Return the position after which the second slice of a sample begins."""
        if self.key is None:
            return (bytes([255 * sample.percent // 100]), 0)  # a coin's txid, which is as good as random
        async with engine.connect() as db:
            last = await db.scalar(sa.select(sa.func.max(self.key))) or 0
        return (*self.first, last * sample.percent // 100, *self.least)


def of(sources: Sources) -> list[Check]:
    """Return the checks whose sources there are."""
    return [
        *CHECKS,
        *[CLEARING][: bool(sources.others)],
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


AGAIN_SECONDS: Final = 1.0
"""After which a half is looked for again: where cells lie on several servers, they do not commit at the same moment."""


async def _clearing(sources: Sources, after: Position) -> Slice:
    """Look for the other halves of crossings after this cell was read: they are there as soon as its own is."""
    async with sources.snapshots.begin() as db:
        await sources.deadline.limit(db)
        halves = await clearing.halves(db, after)
    if (part := clearing.check(halves, await _elsewhere(sources, halves))).fault:
        await asyncio.sleep(AGAIN_SECONDS)
        part = clearing.check(halves, await _elsewhere(sources, halves))
    return part


async def _elsewhere(sources: Sources, halves: Sequence[Row]) -> list[Row]:
    """Return what all other cells have posted under the keys of these."""
    rows: list[Row] = []
    for engine in sources.others if halves else ():
        async with engine.begin() as db:
            await sources.deadline.limit(db)
            rows += await clearing.of_keys(db, halves)
    return rows


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
CLEARING: Final = Check("what cells owe one another cancels", _clearing, tables.entries.c.id, first=(DOGE,))
COINS: Final = Check("coins are at the node", _coins)
