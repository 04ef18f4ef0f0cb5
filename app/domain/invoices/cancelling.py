"""Cancels invoices to which nothing has come: with the first one of an order those that renew its price end too."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk, serialization_failure
from app.domain import accounts, batch, outbox
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.invoices import receipts
from app.domain.invoices.invoice import Invoice, NoSuchInvoice, NotInThisAccount, load
from app.domain.invoices.receipts import LockedInvoice
from app.domain.outbox import OutboxEvent
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal

RENEWALS: Final = 1_000
"""The most invoices that renew the price of one order and are looked at, the newest first."""


class AlreadyReceived(Conflict):
    """Money has come for this invoice: it cannot be cancelled, but refunded."""


class PaidAtNewPrice(Conflict):
    """Money has come for {address}, at a new price of this order: it cannot be cancelled, but refunded."""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The invoice to be cancelled, by its account and address."""

    foreign_id: str
    address: str


async def cancel(
    db: Db, orders: Sequence[CancelOrder], installation: Installation
) -> list[Invoice | Refusal]:
    """Cancel invoices that have received nothing, in order, each with the open ones that renew its price.

    One that is cancelled already stays so, without an event.
    """
    owners = await accounts.owners(db, [order.foreign_id for order in orders])
    locked = await _lock(db, installation.network, {order.address for order in orders})
    cancelling = _Cancelling(locked)
    decided = [cancelling.decide(order, known=order.foreign_id in owners) for order in orders]
    await receipts.write(db, list(cancelling.cancelled.values()))
    await outbox.emit(db, cancelling.events)
    loaded = await load(db, [order.address for order in orders], installation)
    return batch.outcomes(decided, [loaded[invoice.address] for invoice in batch.accepted(decided)])


CANCEL: Final = Command("cancel", cancel, load, lambda invoice: invoice.address)


@dataclass(slots=True)
class _Cancelling:
    """The invoices of a batch, locked and by address, as the orders before have left them; what changed, and its events."""

    invoices: Mapping[str, LockedInvoice]
    cancelled: dict[str, LockedInvoice] = field(default_factory=dict)
    events: list[OutboxEvent] = field(default_factory=list)

    def decide(self, order: CancelOrder, *, known: bool) -> LockedInvoice | Refusal:
        """Cancel the invoice and the open ones that renew its price, or return why not."""
        invoice = self._now(order.address)
        if not known:
            return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
        if invoice is None:
            return NoSuchInvoice(address=order.address, field="id")
        if invoice.owner.foreign_id != order.foreign_id:
            return NotInThisAccount(field="id")
        renewals = [other for other in self.invoices.values() if other.receipts.renews == order.address]
        if not invoice.receipts.cancelled and (refusal := _objection(invoice, renewals)) is not None:
            return refusal
        for ended in (invoice, *(renewal for renewal in renewals if _is_open(renewal))):
            self._cancel(ended.address)
        return invoice

    def _now(self, address: str) -> LockedInvoice | None:
        return self.cancelled.get(address) or self.invoices.get(address)

    def _cancel(self, address: str) -> None:
        if not self.invoices[address].receipts.cancelled and address not in self.cancelled:
            self.cancelled[address], event = self.invoices[address].cancel()
            self.events.append(event)


def _objection(invoice: LockedInvoice, renewals: Sequence[LockedInvoice]) -> Refusal | None:
    """Return why an order cannot be cancelled: money has come for it, at this price or at a new one."""
    if _has_received(invoice):
        return AlreadyReceived(field="id")
    paid = [renewal.address for renewal in renewals if _has_received(renewal)]
    return PaidAtNewPrice(address=paid[0], field="id") if paid else None


def _has_received(invoice: LockedInvoice) -> bool:
    return bool(invoice.receipts.received or invoice.receipts.settled)


def _is_open(invoice: LockedInvoice) -> bool:
    return not (_has_received(invoice) or invoice.receipts.expired)


_RENEWALS: Final = sa.text("""
    SELECT renewal.address FROM unnest(:firsts) AS asked (first)
    CROSS JOIN LATERAL (
        SELECT address, expired, cancelled, settled, received FROM invoices
        WHERE renews = asked.first ORDER BY index DESC LIMIT :most
    ) AS renewal
    WHERE settled OR received > 0 OR NOT (expired OR cancelled)
""").bindparams(sa.bindparam("firsts", type_=bulk.TEXTS))
"""Those that are open or that have money; what is over without any stays as it is."""


async def _lock(db: Db, network: Network, addresses: Collection[str]) -> dict[str, LockedInvoice]:
    """Lock invoices and those that renew their prices, in one order.

    Who makes another one has the first one's lock. So a later statement sees all there are. Where one was made, or was
    paid late, between the two, the transaction is to be done again: its lock would come out of order.
    """
    wanted = {*addresses, *await _renewals(db, addresses)}
    locked = await receipts.lock(db, network, sorted(wanted))
    if not wanted.issuperset(await _renewals(db, addresses)):
        raise serialization_failure("the price of an order was renewed while it was cancelled")
    return locked


async def _renewals(db: Db, addresses: Collection[str]) -> list[str]:
    asked = {"firsts": sorted(addresses), "most": RENEWALS}
    return [row["address"] for row in await bulk.fetch_all(db, _RENEWALS, asked)]
