"""How invoices end without money: they expire when they are not paid in time, or they are cancelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW, blocks, chain_state, invoices
from app.domain import accounts, batch, outbox
from app.domain.batch import Step
from app.domain.commands import Command
from app.domain.installation import Installation
from app.domain.invoices import receipts
from app.domain.invoices.invoice import Invoice, NoSuchInvoice, NotInThisAccount, load
from app.domain.invoices.receipts import LockedInvoice
from app.domain.outbox import OutboxEvent
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal

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
    """Cancel invoices that have received nothing, in order.

    One that is cancelled already stays so, without an event.
    """
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.address,
        lambda order, invoice: _cancel(order, invoice, known=order.foreign_id in owners),
    )
    steps = batch.accepted(decided)
    await receipts.write(db, [cancelled for cancelled, event in steps if event is not None])
    await outbox.emit(db, [event for _, event in steps if event is not None])
    loaded = await load(db, [order.address for order in orders], installation)
    return batch.outcomes(decided, [loaded[cancelled.address] for cancelled, _ in steps])


CANCEL: Final = Command("cancel", cancel, load, lambda invoice: invoice.address)


def _cancel(
    order: CancelOrder, invoice: LockedInvoice | None, *, known: bool
) -> Step[LockedInvoice, OutboxEvent | None] | Refusal:
    """Return the cancelled invoice, and the event; None where it was cancelled before."""
    if not known:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if invoice is None:
        return NoSuchInvoice(address=order.address, field="id")
    if invoice.owner.foreign_id != order.foreign_id:
        return NotInThisAccount(field="id")
    if invoice.receipts.received or invoice.receipts.settled:
        return AlreadyReceived(field="id")
    return Step(invoice, None) if invoice.receipts.cancelled else Step(*invoice.cancel())
