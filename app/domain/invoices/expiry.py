"""Expiry: an invoice that was not paid in time is over, and that is told once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW, blocks, chain_state, invoices
from app.domain import accounts, batch, outbox, owner
from app.domain.batch import Step
from app.domain.commands import Command
from app.domain.installation import Installation
from app.domain.invoices import invoice, receipts
from app.domain.invoices.invoice import Invoice, NoSuchInvoice, NotInThisAccount
from app.domain.outbox import OutboxEvent
from app.domain.refusals import Conflict, Refusal

BATCH: Final = 500


async def expire(db: Db, *, still: bool, limit: int = BATCH) -> int:
    """Mark and tell up to `limit` invoices that are over and lack money; returns how many.

    Over by the time of our newest block: what came in time is known by then, also after a while away. Where the chain
    stands `still` the clock decides. An invoice that somebody holds just now is left for the next time.
    """
    waiting = sa.not_(sa.or_(invoices.c.expired, invoices.c.cancelled, invoices.c.settled))
    over = sa.and_(
        invoices.c.expires.is_not(None), invoices.c.expires <= (STATEMENT_NOW if still else _newest_block())
    )
    found = receipts.select().where(waiting, over, invoices.c.received < invoices.c.due)
    found = found.order_by(invoices.c.expires).limit(limit)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, skip_locked=True, of=invoices))
    ended = [receipts.of(row).expired() for row in rows]
    await receipts.write(db, [after for after, _ in ended])
    await outbox.emit(db, [fact for _, fact in ended])
    return len(ended)


def _newest_block() -> sa.ColumnElement[object]:
    """The time in our newest block's header, which may run ahead of the clock."""
    time = sa.select(sa.func.to_timestamp(blocks.c.time)).join(
        chain_state, chain_state.c.height == blocks.c.height
    )
    return sa.func.least(STATEMENT_NOW, time.scalar_subquery())


class AlreadyReceived(Conflict):
    """Money has come for this invoice: it cannot be cancelled, but refunded."""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The invoice to be cancelled, by its account and address."""

    foreign_id: str
    address: str


async def cancel(
    db: Db, orders: Sequence[CancelOrder], installation: Installation
) -> list[Invoice | Refusal]:
    """Cancel what has received nothing, one order after the other.

    What is cancelled already stays so, and tells nothing.
    """
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.address,
        lambda order, now: _cancel(order, now, known=order.foreign_id in owners),
    )
    steps = batch.accepted(decided)
    await receipts.write(db, [after for after, event in steps if event is not None])
    await outbox.emit(db, [event for _, event in steps if event is not None])
    shown = await invoice.load(db, [order.address for order in orders], installation)
    return batch.outcomes(decided, [shown[after.address] for after, _ in steps])


CANCEL: Final = Command("cancel", cancel, invoice.load, lambda cancelled: cancelled.address)


def _cancel(
    order: CancelOrder, now: receipts.Sums | None, *, known: bool
) -> Step[receipts.Sums, OutboxEvent | None] | Refusal:
    """Return the invoice cancelled, and the event; none of one that is cancelled already."""
    if not known:
        return owner.NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if now is None:
        return NoSuchInvoice(address=order.address, field="id")
    if now.owner.foreign_id != order.foreign_id:
        return NotInThisAccount(field="id")
    if now.receipts.received:
        return AlreadyReceived(field="id")
    return Step(now, None) if now.receipts.cancelled else Step(*now.cancelled())
