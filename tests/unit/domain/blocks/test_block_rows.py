"""What blocks touch is found by keys and indexes, however much of ours two days of blocks hold."""

import hashlib

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.blocks import block_rows
from app.domain.blocks.block_effects import Block, Spend
from app.domain.dogecoin import REGTEST, Outpoint
from tests import plans

COINS, TIP = 4_000, 10
ROWS = (
    """
    INSERT INTO addresses (script, account_id, branch, index, purpose)
    SELECT int8send(n), n, n % 2, n, 'change' FROM generate_series(1, 4000) AS n
    """,
    """
    INSERT INTO coins (txid, vout, account_id, branch, index, amount, coinbase, change, height)
    SELECT sha256(int8send(n)), 0, n, n % 2, n, n, false, true, 1 FROM generate_series(1, 4000) AS n
    """,
    """
    INSERT INTO transactions (id, txid, raw, fee, broadcast_by_us, state, height, confirm_height)
    OVERRIDING SYSTEM VALUE SELECT n, sha256(int8send(n)), '', 1, true, 'mined', 1, 6 FROM generate_series(1, 4000) AS n
    """,
    """
    INSERT INTO payments (account_id, kind, state, amount, reserved, explicit_fee, max_fee, transaction_id, paid, fee)
    SELECT n, 'pay', 'BROADCAST', 1, 2, 0, 1, n, 1, 1 FROM generate_series(1, 4000) AS n
    """,
    "ANALYZE addresses, coins, transactions, payments",
)


def block_that_spends(count: int) -> Block:
    txids = [hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(1, count + 1)]
    spends = [Spend(Outpoint(txid, 0), bytes(32)) for txid in txids]
    return Block(height=TIP, hash=b"", previous=b"", time=1, work=1, outputs=[], spends=spends)


async def test_thousands_of_coins_and_payments_of_a_batch_are_not_compared_with_each_other(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        for statement in ROWS:
            await db.execute(sa.text(statement))

    async with engine.begin() as db, plans.watched(db) as seen:
        await db.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
        effects = await block_rows.of_blocks(db, REGTEST, 6, [block_that_spends(COINS)], TIP, 0)

    assert (len(effects.coins), len(effects.transactions.transactions)) == (COINS, COINS)
    costly = ("Join Filter", "Seq Scan on addresses", "transaction_id = ANY", "(id = ANY")
    ours = [plan for plan in seen if "typeinfo_tree" not in plan]  # the driver asks once what a type is
    assert [plan for plan in ours if any(words in plan.split("cost=", 1)[-1] for words in costly)] == []
