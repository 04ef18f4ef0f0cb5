"""Retention: old events that every receiver has got are deleted, with their deliveries."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import (
    STATEMENT_NOW,
    attempts,
    cursors,
    deliveries,
    events,
    sequencer,
    webhook_backlogs,
    webhook_endpoints,
)
from app.domain import outbox
from app.domain.webhooks import endpoints

ENDPOINTS_SLICE: Final = 2_000
"""Rows of each table of deleted endpoints that one step deletes."""
EVENTS_SLICE: Final = 1_000
"""Events that one step deletes."""
ROWS: Final = 10_000
"""Deliveries, and attempts, that one step deletes: so many endpoints may have got one event."""


async def delivered_up_to(db: Db, sinks: Collection[str]) -> int | None:
    """Return the position up to which all active endpoints and the `sinks` have got the events; None: all.

    A due delivery counts as not delivered, also one that is sent again. Disabled endpoints do not count.
    """
    active = webhook_endpoints.c.state == "active"
    # The first due delivery of each endpoint by its index, however many are due.
    due = sa.select(deliveries.c.position).where(
        deliveries.c.endpoint_id == webhook_endpoints.c.id, deliveries.c.state == "due"
    )
    first_due = due.order_by(deliveries.c.position).limit(1).scalar_subquery()
    of_sink = cursors.c.name == sa.any_(sa.literal(sorted(sinks), bulk.TEXTS))
    fanned_out = sa.and_(cursors.c.name == endpoints.CURSOR, sa.exists().where(active))
    missed = webhook_backlogs.c.endpoint_id == webhook_endpoints.c.id
    parts = sa.union_all(
        sa.select(sa.func.min(cursors.c.position).label("position")).where(fanned_out),
        sa.select(sa.func.min(webhook_backlogs.c.position)).join(webhook_endpoints, missed).where(active),
        sa.select(sa.func.min(first_due) - 1).select_from(webhook_endpoints).where(active),
        sa.select(sa.func.min(cursors.c.position)).where(of_sink),
    ).subquery()
    position: int | None = await db.scalar(sa.select(sa.func.min(parts.c.position)))
    return position


async def delete_expired(db: Db, age: timedelta, until: int | None) -> bool:
    """Delete some events older than `age`, up to the position `until`; say whether there may be more.

    Only the EVENTS_SLICE oldest are read, because there is no index by age. Up to ROWS deliveries of deleted
    events go as well, also those made meanwhile: they would stay due for ever, and hold back all later events.
    """
    reached = sa.true() if until is None else events.c.position <= until
    oldest = (
        sa.select(events.c.position, events.c.created)
        .where(reached)
        .order_by(events.c.position)
        .limit(EVENTS_SLICE)
    )
    slice_ = oldest.subquery()
    expired = sa.select(slice_.c.position).where(slice_.c.created < STATEMENT_NOW - age)
    positions = sa.func.array(expired.scalar_subquery())
    count = await _delete(db, sa.delete(events).where(events.c.position == sa.any_(positions)))
    first = await _first_position(db)
    deleted = [await _delete_before(db, table, first) for table in (attempts, deliveries)]
    return count == EVENTS_SLICE or ROWS in deleted


async def _delete_before(db: Db, table: sa.Table, first: int) -> int:
    """Delete up to ROWS rows of events before the position `first`, and return how many there were.

    Rows that another transaction has locked are skipped: the next step deletes them.
    """
    ctid: sa.ColumnElement[str] = sa.literal_column(f"{table.name}.ctid", bulk.RowId())
    old = sa.select(ctid.label("row")).where(
        table.c.endpoint_id == webhook_endpoints.c.id, table.c.position < first
    )
    ordered = old.order_by(table.c.endpoint_id, table.c.position).limit(ROWS)
    of_endpoint = ordered.with_for_update(skip_locked=True).correlate(webhook_endpoints).lateral()
    not_deleted = webhook_endpoints.c.state != "deleted"  # `sweep` deletes all rows of the others
    every = sa.select(of_endpoint.c.row).select_from(webhook_endpoints.join(of_endpoint, sa.true()))
    rows = sa.func.array(every.where(not_deleted).limit(ROWS).scalar_subquery())
    return (await db.execute(sa.delete(table).where(ctid == sa.any_(rows)))).rowcount


async def _delete(db: Db, expired: sa.Delete) -> int:
    """Delete the events and return how many there were; the sequences of their accounts go on."""
    deleted = (await db.execute(expired.returning(events.c.account_id, events.c.sequence))).all()
    last: dict[int, int] = {}
    for account, sequence in deleted:
        last[account] = max(sequence, last.get(account, 0))
    await outbox.save_sequences(db, last)
    return len(deleted)


async def _first_position(db: Db) -> int:
    """Return the position of the oldest event; without events, that of the next one."""
    of_next = sa.select(sequencer.c.last + 1).where(sequencer.c.account_id == outbox.POSITIONS)
    first = sa.func.coalesce(sa.func.min(events.c.position), of_next.scalar_subquery())
    return int((await db.execute(sa.select(first))).scalar_one())


_DELETED: Final = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.state == "deleted")
_OVER: Final = webhook_endpoints.c.previous_until <= sa.func.now()


async def sweep(db: Db, limit: int = ENDPOINTS_SLICE) -> bool:
    """Erase old secrets, and delete up to `limit` rows of each table of deleted endpoints; say whether any.

    The row of the endpoint goes last, when its Idempotency-Keys are forgotten: their answers show it.
    """
    old = sa.select(webhook_endpoints.c.id).where(_OVER, webhook_endpoints.c.previous_secret != "")
    ids = (await db.scalars(old.limit(limit).with_for_update(skip_locked=True))).all()
    if ids:
        rows = sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids))
        await db.execute(rows.values(previous_secret=""))
    endpoint_ids = (await db.scalars(_DELETED.order_by(webhook_endpoints.c.id))).all()
    if not endpoint_ids:
        return False
    count = 0
    for table in (attempts, deliveries, webhook_backlogs):
        keys = sa.select(*table.primary_key).where(table.c.endpoint_id.in_(endpoint_ids)).limit(limit)
        locked = keys.with_for_update(skip_locked=True)
        count += (
            await db.execute(sa.delete(table).where(sa.tuple_(*table.primary_key).in_(locked)))
        ).rowcount
    if not count:
        await db.execute(sa.delete(webhook_endpoints).where(webhook_endpoints.c.id.in_(endpoint_ids), _OVER))
    return count > 0
