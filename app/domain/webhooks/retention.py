"""Retention: events that are old, and that everybody has been told of, are forgotten with their deliveries."""

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

EVENTS_SLICE: Final = 1_000
"""Events that one step forgets."""
ROWS: Final = 10_000
"""Deliveries, and attempts, that it removes: one event may have been told to so many endpoints."""


async def told_up_to(db: Db, places: Collection[str]) -> int | None:
    """Return the position up to which all active endpoints and the `places` that keep a cursor have been told; None: all.

    What waits to be delivered again counts as not told. Disabled endpoints do not count: who enables one later finds what
    is still kept.
    """
    active = webhook_endpoints.c.state == "active"
    # Of each endpoint the first by its index, however many are due.
    waits = sa.select(deliveries.c.position).where(
        deliveries.c.endpoint_id == webhook_endpoints.c.id, deliveries.c.state == "due"
    )
    first_due = waits.order_by(deliveries.c.position).limit(1).scalar_subquery()
    named = cursors.c.name == sa.any_(sa.literal(sorted(places), bulk.TEXTS))
    fanned_out = sa.and_(cursors.c.name == endpoints.CURSOR, sa.exists().where(active))
    missed = webhook_backlogs.c.endpoint_id == webhook_endpoints.c.id
    parts = sa.union_all(
        sa.select(sa.func.min(cursors.c.position).label("position")).where(fanned_out),
        sa.select(sa.func.min(webhook_backlogs.c.position)).join(webhook_endpoints, missed).where(active),
        sa.select(sa.func.min(first_due) - 1).select_from(webhook_endpoints).where(active),
        sa.select(sa.func.min(cursors.c.position)).where(named),
    ).subquery()
    found: int | None = await db.scalar(sa.select(sa.func.min(parts.c.position)))
    return found


async def delete_expired(db: Db, age: timedelta, until: int | None) -> bool:
    """Delete up to SLICE events that are older than `age`, oldest first, up to the position `until`; True: there may be more.

    Only the SLICE oldest are looked at: what is behind them is younger, and there is no index by age. Deliveries go after
    their events, up to ROWS at a time, also those that were made of them just then, which would wait for ever and hold
    back all that follows.
    """
    reached = sa.true() if until is None else events.c.position <= until
    oldest = (
        sa.select(events.c.position, events.c.created)
        .where(reached)
        .order_by(events.c.position)
        .limit(EVENTS_SLICE)
    )
    seen = oldest.subquery()
    some = sa.select(seen.c.position).where(seen.c.created < STATEMENT_NOW - age)
    gone = sa.delete(events).where(events.c.position == sa.any_(sa.func.array(some.scalar_subquery())))
    count = await _delete(db, gone)
    first = await _first_kept(db)
    removed = [await _remove(db, rows, first) for rows in (attempts, deliveries)]
    return count == EVENTS_SLICE or ROWS in removed


async def _remove(db: Db, rows: sa.Table, first: int) -> int:
    """Remove up to ROWS rows of events before the `first`, of each endpoint by its key, and return how many.

    What somebody records just now, who locks by key, is not waited for: its turn comes with the next step.
    """
    lies: sa.ColumnElement[str] = sa.literal_column(f"{rows.name}.ctid", bulk.RowId())
    old = sa.select(lies.label("row")).where(
        rows.c.endpoint_id == webhook_endpoints.c.id, rows.c.position < first
    )
    of_endpoint = (
        old.order_by(rows.c.endpoint_id, rows.c.position).limit(ROWS).with_for_update(skip_locked=True)
    )
    found = of_endpoint.correlate(webhook_endpoints).lateral()
    there = webhook_endpoints.c.state != "deleted"  # those are removed with all they have
    some = (
        sa.select(found.c.row).select_from(webhook_endpoints.join(found, sa.true())).where(there).limit(ROWS)
    )
    return (
        await db.execute(sa.delete(rows).where(lies == sa.any_(sa.func.array(some.scalar_subquery()))))
    ).rowcount


async def _delete(db: Db, gone: sa.Delete) -> int:
    """Delete the events and return how many they were; their accounts count on from them."""
    deleted = (await db.execute(gone.returning(events.c.account_id, events.c.sequence))).all()
    counted: dict[int, int] = {}
    for account, sequence in deleted:
        counted[account] = max(sequence, counted.get(account, 0))
    await outbox.save_sequences(db, counted)
    return len(deleted)


async def _first_kept(db: Db) -> int:
    """Return the position of the oldest event, or of the next where none is left."""
    next_one = (
        sa.select(sequencer.c.last + 1).where(sequencer.c.account_id == outbox.POSITIONS).scalar_subquery()
    )
    return int(
        (await db.execute(sa.select(sa.func.coalesce(sa.func.min(events.c.position), next_one)))).scalar_one()
    )


ENDPOINTS_SLICE: Final = 2_000
"""Rows of each table that one step removes."""

_ENDED: Final = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.state == "deleted")
_OVER: Final = webhook_endpoints.c.previous_until <= sa.func.now()


async def sweep(db: Db, limit: int = ENDPOINTS_SLICE) -> bool:
    """Remove up to `limit` rows of each kind, and say whether there was any.

    The endpoint's own row goes last, and not before its Idempotency-Keys are forgotten, which answer with it.
    """
    old = (
        sa.select(webhook_endpoints.c.id).where(_OVER, webhook_endpoints.c.previous_secret != "").limit(limit)
    )
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
        removed += (
            await db.execute(sa.delete(table).where(sa.tuple_(*table.primary_key).in_(locked)))
        ).rowcount
    if not removed:
        await db.execute(sa.delete(webhook_endpoints).where(webhook_endpoints.c.id.in_(ended), _OVER))
    return removed > 0
