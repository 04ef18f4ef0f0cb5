"""A coin of a dead transaction is free only when no other of its family can spend it."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import coins, transaction_inputs, transactions
from app.domain.blocks import own_transaction_rows
from app.domain.blocks.own_transactions import OwnTransaction
from app.money import Koinu

COIN = {"txid": b"c" * 32, "vout": 0}


async def signed(engine: AsyncEngine, number: int, replaces: int | None = None) -> OwnTransaction:
    """Store a transaction that spends the coin."""
    transaction = OwnTransaction(
        id=number, txid=bytes([number]) * 32, fee=Koinu(1), replaces=replaces, broadcast_by_us=True, state="sent",
        height=None, confirm_height=None, conflict_height=None, mined_count=0, pays=replaces is None,
    )  # fmt: skip
    names = ("id", "txid", "fee", "replaces", "broadcast_by_us", "state", "pays")
    row = {name: getattr(transaction, name) for name in names}
    async with engine.begin() as db:
        await db.execute(sa.insert(transactions).values(**row, raw=b""))
        await db.execute(sa.insert(transaction_inputs).values(**COIN, transaction_id=number, amount=9))
    return transaction


async def holder(engine: AsyncEngine) -> int | None:
    async with engine.begin() as db:
        number: int | None = await db.scalar(sa.select(coins.c.transaction_id))
    return number


async def die(engine: AsyncEngine, transaction: OwnTransaction) -> None:
    async with engine.begin() as db:
        await own_transaction_rows.write(db, [transaction._replace(state="dead")])


async def test_a_coin_is_free_only_when_neither_the_payment_nor_its_cancellation_can_spend_it(
    engine: AsyncEngine,
) -> None:
    original, cancellation = await signed(engine, 1), await signed(engine, 2, replaces=1)
    plain = {"account_id": 0, "branch": 0, "index": 0, "amount": 9, "coinbase": False, "height": 1}
    async with engine.begin() as db:
        await db.execute(sa.insert(coins).values(**COIN, **plain, transaction_id=1))

    await die(engine, original)
    assert await holder(engine) == 1
    await die(engine, cancellation)
    assert await holder(engine) is None
