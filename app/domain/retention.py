"""Retention: events that are old, and that everybody has been told of, are forgotten with their deliveries."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import endpoints
from app.tables import STATEMENT_NOW, attempts, cursors, deliveries, events, webhook_backlogs, webhook_endpoints

SLICE: Final = 1_000


async def told(db: Db, places: Collection[str]) -> int | None:
    """Return the position up to which all active endpoints and the `places` that keep a cursor have been told; None: all.

    What waits to be delivered again counts as not told. Disabled endpoints do not count: who enables one later finds what
    is still kept.
    """
    active = webhook_endpoints.c.state == "active"
    waits = sa.and_(deliveries.c.endpoint_id == webhook_endpoints.c.id, deliveries.c.state == "due")
    named = cursors.c.name == sa.any_(sa.literal(sorted(places), bulk.TEXTS))
    fanned_out = sa.and_(cursors.c.name == endpoints.CURSOR, sa.exists().where(active))
    missed = webhook_backlogs.c.endpoint_id == webhook_endpoints.c.id
    parts = sa.union_all(
        sa.select(sa.func.min(cursors.c.position).label("position")).where(fanned_out),
        sa.select(sa.func.min(webhook_backlogs.c.position)).join(webhook_endpoints, missed).where(active),
        sa.select(sa.func.min(deliveries.c.position) - 1).join(webhook_endpoints, waits).where(active),
        sa.select(sa.func.min(cursors.c.position)).where(named),
    ).subquery()
    found: int | None = await db.scalar(sa.select(sa.func.min(parts.c.position)))
    return found


async def forget(db: Db, age: timedelta, until: int | None) -> int:
    """Delete up to SLICE events that are older than `age`, oldest first, up to the position `until`; returns how many."""
    old = events.c.created < STATEMENT_NOW - age
    reached = sa.true() if until is None else events.c.position <= until
    some = sa.select(events.c.position).where(old, reached).order_by(events.c.position).limit(SLICE)
    gone = sa.delete(events).where(events.c.position == sa.any_(sa.func.array(some.scalar_subquery())))
    positions = (await db.scalars(gone.returning(events.c.position))).all()
    if positions:
        for rows in (attempts, deliveries):
            of_endpoint = sa.and_(rows.c.endpoint_id == webhook_endpoints.c.id, rows.c.position <= max(positions))
            await db.execute(sa.delete(rows).where(of_endpoint))
    return len(positions)
