from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import coins, transaction_inputs, transactions
from app.domain import blocks
from app.domain.blocks import OwnTransaction
from app.money import Koinu

COIN = {"txid": b"c" * 32, "vout": 0}


async def signed(engine: AsyncEngine, number: int, replaces: int | None = None) -> OwnTransaction:
    """A transaction that spends the coin, in the database."""
    row = {
        "id": number,
        "txid": bytes([number]) * 32,
        "raw": b"",
        "fee": 1,
        "replaces": replaces,
        "sends": True,
    }
    row["pays"] = replaces is None
    async with engine.begin() as db:
        await db.execute(sa.insert(transactions).values(**row, state="sent"))
        await db.execute(sa.insert(transaction_inputs).values(**COIN, transaction_id=number, amount=9))
    return OwnTransaction(
        number,
        bytes([number]) * 32,
        Koinu(1),
        replaces,
        True,
        "sent",
        None,
        None,
        None,
        0,
        pays=replaces is None,
    )


async def holder(engine: AsyncEngine) -> int | None:
    async with engine.begin() as db:
        number: int | None = await db.scalar(sa.select(coins.c.transaction_id))
    return number


async def die(engine: AsyncEngine, sending: OwnTransaction) -> None:
    async with engine.begin() as db:
        await blocks.write(db, [replace(sending, state="dead")])


async def test_a_coin_is_free_only_when_neither_the_payment_nor_its_cancellation_can_spend_it(
    engine: AsyncEngine,
) -> None:
    original, cancellation = await signed(engine, 1), await signed(engine, 2, replaces=1)
    place = {"account_id": 0, "branch": 0, "index": 0, "amount": 9, "coinbase": False, "height": 1}
    async with engine.begin() as db:
        await db.execute(sa.insert(coins).values(**COIN, **place, transaction_id=1))

    await die(engine, original)
    assert await holder(engine) == 1
    await die(engine, cancellation)
    assert await holder(engine) is None
