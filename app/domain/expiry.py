"""Expiry: an invoice that was not paid in time is over, and that is told once."""

from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import invoice_sums, outbox
from app.tables import STATEMENT_NOW, blocks, chain_state, invoices

BATCH: Final = 500


async def expire(db: Db, *, still: bool, limit: int = BATCH) -> int:
    """Mark and tell up to `limit` invoices that are over and lack money; returns how many.

    Over by the time of our newest block: what came in time is known by then, also after a while away. Where the chain
    stands `still` the clock decides. An invoice that somebody holds just now is left for the next time.
    """
    waiting = sa.not_(sa.or_(invoices.c.expired, invoices.c.cancelled, invoices.c.settled))
    over = sa.and_(invoices.c.expires.is_not(None), invoices.c.expires <= (STATEMENT_NOW if still else _newest_block()))
    found = invoice_sums.select().where(waiting, over, invoices.c.received < invoices.c.due)
    found = found.order_by(invoices.c.expires).limit(limit)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, skip_locked=True, of=invoices))
    ended = [invoice_sums.of(row).expired() for row in rows]
    await invoice_sums.write(db, [after for after, _ in ended])
    await outbox.emit(db, [fact for _, fact in ended])
    return len(ended)


def _newest_block() -> sa.ColumnElement[object]:
    """The time in our newest block's header, which may run ahead of the clock."""
    time = sa.select(sa.func.to_timestamp(blocks.c.time)).join(chain_state, chain_state.c.height == blocks.c.height)
    return sa.func.least(STATEMENT_NOW, time.scalar_subquery())
