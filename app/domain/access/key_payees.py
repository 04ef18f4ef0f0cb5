"""The addresses that a key may pay, where it may not pay all, and since when each is listed."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk
from app.db.tables import NOW, key_payees

MOST_PAYEES = 1_000
"""The most addresses of a list."""


async def put(db: Db, key_id: int, addresses: Sequence[str]) -> None:
    """List these in place of those before. One that stays listed keeps its time. The key's row is locked."""
    wanted = sorted(set(addresses))
    gone = key_payees.c.address != sa.all_(sa.literal(wanted, bulk.TEXTS))
    await db.execute(sa.delete(key_payees).where(key_payees.c.key_id == key_id, gone))
    if wanted:
        rows = [{"key_id": key_id, "address": address} for address in wanted]
        await db.execute(insert(key_payees).values(rows).on_conflict_do_nothing())


async def listed(db: Db, key_id: int, delay_seconds: int = 0) -> tuple[str, ...]:
    """Return the addresses that have been listed for so long, in order."""
    since = NOW - timedelta(seconds=delay_seconds)
    of_key = sa.select(key_payees.c.address).where(key_payees.c.key_id == key_id, key_payees.c.since <= since)
    return tuple(await db.scalars(of_key.order_by(key_payees.c.address).limit(MOST_PAYEES)))
