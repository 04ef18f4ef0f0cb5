"""Loops that only `due` wakes hear of all work that a time brings, and of none that there is not."""

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.db.tables import (
    cursors,
    deliveries,
    dogeconnect_payments,
    holds,
    invoices,
    outbox,
    payments,
    sequencer,
    webhook_endpoints,
)
from app.workers import due

PAST, FUTURE = (sa.text(f"statement_timestamp() {sign} interval '1 hour'") for sign in "-+")
LOOPS = due.work_of(due.WORK)


def invoice(**values: object) -> sa.Insert:
    row = {"account_id": 1, "index": 1, "address": "a", "items": "[]", "total": 9, "due": 9}
    return sa.insert(invoices).values(row | {"required_confirmations": 6, "token": "t"} | values)


def hold(**values: object) -> sa.Insert:
    row = {"account_id": 1, "asset": "DOGE", "amount": 9, "remaining": 9, "state": "HELD"}
    return sa.insert(holds).values(row | values)


def payment(**values: object) -> sa.Insert:
    row = {"account_id": 1, "kind": "paytx", "amount": 9, "reserved": 9, "explicit_fee": 0, "max_fee": 1}
    return sa.insert(payments).values(row | values)


def wallet_payment(offer_at: object) -> sa.Insert:
    row = {"address": "a", "account_id": 1, "index": 1, "txid": b"t", "raw": b"r", "state": "stored"}
    return sa.insert(dogeconnect_payments).values(row | {"offer_at": offer_at})


EVENT = sa.insert(outbox).values(
    account_id=1, foreign_id="shop", type="ACC_CREATED", message="{}", event_id="e"
)
ENDPOINT = sa.insert(webhook_endpoints).values(
    url="http://a/", types=["ALL"], secret="s", state="active", position=0
)
DELIVERY = sa.insert(deliveries).values(endpoint_id=1, position=1, next=FUTURE)
CURSOR = sa.update(cursors).values(position=3)
LAST = sa.update(sequencer).values(last=4)


@pytest.mark.parametrize(
    ("statements", "woken"),
    [
        ([], []),
        ([invoice(expires=PAST)], ["expiry"]),
        ([invoice(expires=FUTURE)], []),
        ([invoice(expires=PAST, received=9)], []),
        ([invoice(expires=PAST, expired=True)], []),
        ([invoice()], []),
        ([hold(expires=PAST)], ["holds"]),
        ([hold(expires=FUTURE)], []),
        ([hold(expires=PAST, state="RELEASED", remaining=0)], []),
        ([payment(state="PROCESSING", expires=PAST, transaction_id=1, fee=1)], ["abandoned"]),
        ([payment(state="PROCESSING", expires=FUTURE, transaction_id=1, fee=1)], []),
        ([payment(state="PENDING")], ["send"]),
        ([payment(state="CANCELLING", transaction_id=1, fee=1)], ["send"]),
        ([payment(state="VOIDED", expires=PAST)], []),
        ([wallet_payment(PAST)], ["dogeconnect"]),
        ([wallet_payment(FUTURE)], []),
        ([wallet_payment(None)], []),
        ([EVENT], ["sequencer"]),
        ([LAST], []),
        ([ENDPOINT], []),
        ([ENDPOINT, CURSOR, LAST], ["webhooks"]),
        ([ENDPOINT, DELIVERY], ["webhooks"]),
        ([DELIVERY], []),
    ],
)
async def test_exactly_the_loops_with_work_are_woken(
    engine: AsyncEngine, statements: list[sa.Executable], woken: list[str]
) -> None:
    async with engine.begin() as db:
        for statement in statements:
            await db.execute(statement)
    calls: list[str] = []

    more = await due.Due(engine, LOOPS, calls.append).step()

    assert (calls, more) == (woken, False)


async def test_what_is_due_is_looked_up_in_indexes_however_many_rows_there_are(engine: AsyncEngine) -> None:
    """With statistics by which most rows match, and where none does, a scan would read them all each second."""
    async with engine.begin() as db:
        for statement in _MANY:
            await db.execute(sa.text(statement))
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
        await db.execute(sa.text("VACUUM ANALYZE"))
    async with engine.begin() as db:
        for statement in _NONE:
            await db.execute(sa.text(statement))
    async with engine.begin() as db:
        before = await _read(db)
        for loop, condition in LOOPS.items():
            assert not await db.scalar(sa.select(condition)), loop
        after = await _read(db)

    assert {
        name: after[name] - before.get(name, 0) for name in after if after[name] - before.get(name, 0) > 20
    } == {}


_ROWS = 5_000
_MANY = (
    f"""INSERT INTO invoices (account_id, index, address, items, total, due, required_confirmations, token, expires)
    SELECT 1, n, 'a' || n, '[]', 9, 9, 6, 't', now() - interval '1 day' FROM generate_series(1, {_ROWS}) AS n""",
    f"""INSERT INTO holds (account_id, asset, amount, remaining, state, expires)
    SELECT 1, 'DOGE', 9, 9, 'HELD', now() - interval '1 day' FROM generate_series(1, {_ROWS})""",
    f"""INSERT INTO payments (account_id, kind, state, amount, reserved, explicit_fee, max_fee, expires)
    SELECT 1, 'paytx', 'PENDING', 9, 9, 0, 1, now() - interval '1 day' FROM generate_series(1, {_ROWS})""",
    f"""INSERT INTO deliveries (endpoint_id, position, state, next)
    SELECT 1, n, 'due', now() FROM generate_series(1, {_ROWS}) AS n""",
)
_NONE = (
    "UPDATE invoices SET expired = true",
    "UPDATE holds SET state = 'RELEASED', remaining = 0",
    "UPDATE payments SET state = 'VOIDED', reserved = 0",
    "UPDATE deliveries SET state = 'delivered'",
)


async def _read(db: Db) -> Mapping[str, int]:
    rows = await db.execute(
        sa.text("SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables")
    )
    return {name: int(number) for name, number in rows}
