"""Locks are taken in one order: whoever waits holds nothing that the one before it still needs."""

import asyncio
from typing import cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.db.tables import TREASURY, accounts, webhook_endpoints
from app.domain import dogecoin, holds, ledger, webhooks
from app.domain.escrows import Escrow, NewEscrow, locking
from app.domain.holds import NewHold
from app.domain.ledger import Bucket, Entry, NewAsset, Posting, post
from app.domain.payments import Choice, Path, Signed, payouts, signing_queue
from app.domain.webhooks import health
from tests import scenario


async def two_endpoints(engine: AsyncEngine, **columns: object) -> None:
    """Make two endpoints; the row of the second comes before that of the first in the table."""
    row = {"url": "http://x", "types": ["ALL"], "secret": "", "position": 0, **columns}
    async with engine.begin() as db:
        for _ in range(2):
            await db.execute(sa.insert(webhook_endpoints).values(row))
    async with engine.begin() as db:
        first = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == 1)
        await db.execute(first.values(description="written again"))


async def lock_endpoint(db: Db, number: int) -> None:
    await db.execute(sa.select(webhook_endpoints).where(webhook_endpoints.c.id == number).with_for_update())


async def test_who_notes_how_endpoints_are_locks_them_by_their_numbers(engine: AsyncEngine) -> None:
    await two_endpoints(engine)
    results = [health.AttemptResult(number, "http://x") for number in (2, 1)]

    async def note() -> None:
        async with engine.begin() as db:
            await health.update(db, results)

    async with engine.begin() as db:
        await lock_endpoint(db, 1)
        noting = asyncio.create_task(note())
        await scenario.until_someone_waits(engine)
        await lock_endpoint(db, 2)
    await noting

    async with engine.connect() as db:
        failing = await db.scalars(sa.select(webhook_endpoints.c.failing_since))
        assert None not in failing.all()


async def test_who_renames_an_account_locks_its_endpoints_by_their_numbers(engine: AsyncEngine) -> None:
    await two_endpoints(engine, foreign_id="shop")

    async def rename() -> None:
        async with engine.begin() as db:
            await webhooks.rename(db, "shop", "store")

    async with engine.begin() as db:
        await lock_endpoint(db, 1)
        renaming = asyncio.create_task(rename())
        await scenario.until_someone_waits(engine)
        await lock_endpoint(db, 2)
    await renaming

    async with engine.connect() as db:
        assert set(await db.scalars(sa.select(webhook_endpoints.c.foreign_id))) == {"store"}


async def test_who_turns_a_hold_into_an_escrow_waits_for_the_hold_before_it_keeps_the_seller_open(
    engine: AsyncEngine,
) -> None:
    for name in ("buyer", "seller"):
        await scenario.open_account(engine, name)
    issued = (Posting(0, Bucket.AVAILABLE, 5, "gold"), Posting(TREASURY, Bucket.AVAILABLE, -5, "gold"))
    async with engine.begin() as db:
        await ledger.create(db, [NewAsset("gold", "", 0)])
        await post(db, [Entry("TOPUP", ("transfer", "1"), "topup", issued)])
    async with engine.begin() as db:
        [hold] = await holds.place(db, [NewHold("buyer", "gold", 5)])
    number = scenario.accepted(hold).id

    async def sell() -> Escrow:
        async with engine.begin() as db:
            [outcome] = await locking.lock(
                db, [NewEscrow("order", "buyer", "seller", "gold", 5, hold=number)]
            )
        return scenario.accepted(outcome)

    async with engine.begin() as db:
        await holds.lock(db, [number])
        selling = asyncio.create_task(sell())
        await scenario.until_someone_waits(engine)
        await db.execute(sa.select(accounts).where(accounts.c.id == 1).with_for_update())

    assert (await selling).state == "LOCKED"


async def test_who_stores_what_was_signed_locks_all_accounts_at_once_and_in_order(
    engine: AsyncEngine,
) -> None:
    """Change of the second account was used, and a payout of the first has failed."""
    await scenario.open_account(engine, "first")
    await scenario.open_account(engine, "second")
    change = Path(1, dogecoin.CHANGE, 0, b"")
    signed = Signed(bytes(32), b"", cast("Choice", None), change, 0)

    async def store() -> None:
        async with engine.begin() as db:
            await signing_queue.move_change(db, [signed], [0])
            await payouts.suspend_payouts(db, [0])

    async with engine.begin() as db:
        await db.execute(sa.select(accounts).where(accounts.c.id == 0).with_for_update())
        storing = asyncio.create_task(store())
        await scenario.until_someone_waits(engine)
        await db.execute(sa.select(accounts).where(accounts.c.id == 1).with_for_update())
    await storing

    async with engine.connect() as db:
        assert (await db.scalars(sa.select(accounts.c.next_change).order_by(accounts.c.id))).all() == [0, 1]
