"""What ended endpoints leave behind, removed a slice at a time: attempts, deliveries, backlogs, and old secrets."""

from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.tables import attempts, deliveries, webhook_backlogs, webhook_endpoints

SLICE: Final = 2_000
"""Rows of each table that one step removes."""

_ENDED: Final = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.state == "deleted")
_OVER: Final = webhook_endpoints.c.previous_until <= sa.func.now()


async def sweep(db: Db, limit: int = SLICE) -> bool:
    """Remove up to `limit` rows of each kind, and say whether there was any.

    The endpoint's own row goes last, and not before its Idempotency-Keys are forgotten, which answer with it.
    """
    old = sa.select(webhook_endpoints.c.id).where(_OVER, webhook_endpoints.c.previous_secret != "").limit(limit)
    some = (await db.scalars(old.with_for_update(skip_locked=True))).all()
    if some:
        rows = sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(some))
        await db.execute(rows.values(previous_secret=""))
    ended = (await db.execute(_ENDED.order_by(webhook_endpoints.c.id))).scalars().all()
    if not ended:
        return False
    removed = 0
    for table in (attempts, deliveries, webhook_backlogs):
        keys = sa.select(*table.primary_key).where(table.c.endpoint_id.in_(ended)).limit(limit)
        locked = keys.with_for_update(skip_locked=True)
        removed += (await db.execute(sa.delete(table).where(sa.tuple_(*table.primary_key).in_(locked)))).rowcount
    if not removed:
        await db.execute(sa.delete(webhook_endpoints).where(webhook_endpoints.c.id.in_(ended), _OVER))
    return removed > 0
