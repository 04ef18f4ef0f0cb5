"""The sender finds what waits by indexes, however many payments are done."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.payments import sender_work, signing_queue
from tests import plans

PAYMENTS = """
    INSERT INTO payments (account_id, kind, state, amount, reserved, explicit_fee, max_fee)
    SELECT n, 'pay', 'CONFIRMED', 1, 0, 0, 1 FROM generate_series(1, 9999) AS n
"""
TRANSACTIONS = """
    INSERT INTO transactions (txid, raw, fee, broadcast_by_us, state, height)
    SELECT sha256(int8send(n)), '', 1, true, 'mined', 1 FROM generate_series(1, 9999) AS n
"""


async def test_what_waits_is_found_among_all_that_is_done_by_the_indexes_of_the_few_that_wait(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        for statement in (PAYMENTS, TRANSACTIONS, "ANALYZE payments, transactions"):
            await db.execute(sa.text(statement))

    async with engine.begin() as db, plans.watched(db) as seen:
        work = await sender_work.look(db)

    [plan] = [plan for plan in seen if "payments_paused" in plan]
    used = (
        "payments_pending_idx",
        "payments_cancelling_idx",
        "transactions_unmined_idx",
        "transactions_pkey",
    )
    assert [index for index in used if index not in plan] == []
    assert (work.paused, work.signs, work.sends) == (signing_queue.NOT_FOLLOWED, False, False)
