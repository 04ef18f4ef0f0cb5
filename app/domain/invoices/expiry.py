"""How invoices end without money when they are not paid in time: they expire."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW, blocks, chain_state, invoices
from app.domain import outbox
from app.domain.invoices import receipts

BATCH: Final = 500


async def expire(db: Db, *, still: bool, limit: int = BATCH) -> int:
    """Expire up to `limit` invoices that lack money and whose time is over; return how many.

    The time is that of our newest block: by then all that came in time is known, also after an outage. Where
    the chain stands `still` it is the clock's. An invoice whose money waits in the node's mempool does not expire
    while it waits there. One that another transaction has locked is skipped.
    """
    selected = receipts.select().where(*_late(still=still)).order_by(invoices.c.expires).limit(limit)
    rows = await bulk.fetch_all(db, selected.with_for_update(key_share=True, skip_locked=True, of=invoices))
    expired = [receipts.of(row).expire() for row in rows]
    await receipts.write(db, [invoice for invoice, _ in expired])
    await outbox.emit(db, [event for _, event in expired])
    return len(expired)


def _late(*, still: bool) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions of an invoice that lacks money and whose time is over."""
    yield sa.not_(sa.or_(invoices.c.expired, invoices.c.cancelled, invoices.c.settled))
    yield invoices.c.expires.is_not(None)
    yield invoices.c.expires <= (STATEMENT_NOW if still else _newest_block())
    yield invoices.c.received + invoices.c.seen < invoices.c.due


def _newest_block() -> sa.ColumnElement[object]:
    """The time in our newest block's header, but not after the clock's."""
    time = sa.select(sa.func.to_timestamp(blocks.c.time)).join(
        chain_state, chain_state.c.height == blocks.c.height
    )
    return sa.func.least(STATEMENT_NOW, time.scalar_subquery())


_FIRST_LATE: Final = (
    sa.select(invoices.c.index).where(*_late(still=True)).order_by(invoices.c.expires).limit(1)
)
ANY_LATE: Final = _FIRST_LATE.scalar_subquery().is_not(None)
"""Whether any invoice lacks money after its time by the clock; that of our newest block may come later."""
