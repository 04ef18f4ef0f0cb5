"""Clearing: what a cell's accounts have given to those of other cells. It has postings, and no balance that anybody locks."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import CLEARING, balances, counterparties, crossings
from app.domain import ledger, transfers
from app.domain.ledger import Bucket, Entry, Posted, Posting
from app.domain.pages import PageRequest
from app.domain.transfers import Share, Transfer, TransferFilter
from tests import funding
from tests.ledger_walk import invariants

GOLD = funding.GOLD
AWAY = 1001
"""An account of another cell."""


def half(account: int, amount: int, key: str, kind: str = "TRANSFER") -> Entry:
    """The half of an entry by which an account here gains, or gives (negative)."""
    lines = (
        Posting(account, Bucket.AVAILABLE, amount, GOLD),
        Posting(CLEARING, Bucket.AVAILABLE, -amount, GOLD),
    )
    return Entry(kind, ("request", key), key, lines)


async def post(engine: AsyncEngine, *entries: Entry) -> list[Posted]:
    async with engine.begin() as db:
        outcomes = await ledger.post(db, entries)
    return [outcome for outcome in outcomes if isinstance(outcome, Posted)]


async def test_what_went_to_other_cells_and_came_from_them_is_summed_before_and_after_a_seal(
    engine: AsyncEngine,
) -> None:
    account = (await funding.fund(engine, {"ann": 100}, GOLD))["ann"]

    await asyncio.gather(*(post(engine, half(account, amount, f"k{amount}")) for amount in (-30, 5, -7)))

    async with engine.begin() as db:
        before = await ledger.clearing_balances(db)
        await invariants.check(db)
        assert await ledger.clearing_balances(db) == before == {"DOGE": 0, GOLD: 32}
        rows = sa.select(sa.func.count()).select_from(balances).where(balances.c.account_id == CLEARING)
        assert await db.scalar(rows) == 0
    await post(engine, half(account, -1, "later"))
    async with engine.begin() as db:
        assert (await ledger.clearing_balances(db))[GOLD] == 33
        assert (await ledger.treasury_balances(db))[GOLD] == -100


async def shown(engine: AsyncEngine, foreign_id: str = "") -> list[Transfer]:
    async with engine.connect() as db:
        page = await transfers.page(db, TransferFilter(foreign_id), PageRequest(None, 10))
    return [listed.transfer for listed in page.items]


async def test_a_half_is_shown_as_the_whole_and_in_the_list_of_all_only_where_it_was_asked_for(
    engine: AsyncEngine,
) -> None:
    account = (await funding.fund(engine, {"ann": 100}, GOLD))["ann"]
    [sent, received] = await post(engine, half(account, -30, "sent"), half(account, 5, "received"))
    elsewhere = [(sent.id, AWAY, 30, sent.id), (received.id, AWAY, -5, 77)]
    async with engine.begin() as db:
        await db.execute(insert(counterparties).values(id=AWAY, foreign_id="bob", address="D"))
        await db.execute(insert(crossings).values(elsewhere))

    [received_here, sent_here] = await shown(engine, "ann")

    assert (received_here.id, received_here.payers, received_here.payees) == (
        77,
        (Share("bob", 5),),
        (Share("ann", 5),),
    )
    assert (sent_here.id, sent_here.payers, sent_here.payees) == (
        sent.id,
        (Share("ann", 30),),
        (Share("bob", 30),),
    )
    assert await shown(engine) == [sent_here]
