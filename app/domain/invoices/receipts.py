"""What an invoice has received, and the events when that changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts, invoices, payments
from app.domain.dogecoin import Network
from app.domain.invoices.invoice import paid_to, scripts
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import json_text
from app.domain.owner import Owner
from app.domain.payments import RETURNED
from app.money import NOTHING, Koinu, show


class Receipts(NamedTuple):
    """What an invoice has received, in koinu, and which events were written about it.

    `received` is in blocks, and `confirmed` has the required confirmations. `seen` waits for a block;
    `acceptable` is the part of it that counts as confirmed (accept_unconfirmed_below). `renews` is the first
    invoice, whose price this one renews.
    """

    address: str
    total: Koinu
    due: Koinu
    required_confirmations: int
    received: Koinu
    confirmed: Koinu
    detected: bool
    settled: bool
    confirmation_lost: bool
    expired: bool = False
    cancelled: bool = False
    late: bool = False
    seen: Koinu = NOTHING
    acceptable: Koinu = NOTHING
    renews: str | None = None

    def plus(self, received: int = 0, confirmed: int = 0) -> "Receipts":
        """Return the receipts with these amounts added; `transition` says which events that makes."""
        return self._replace(
            received=Koinu(self.received + received), confirmed=Koinu(self.confirmed + confirmed)
        )

    def plus_seen(self, seen: int, *, acceptable: bool) -> "Receipts":
        """Return the receipts with `seen` added to what waits for a block."""
        part = seen if acceptable else 0
        return self._replace(seen=Koinu(self.seen + seen), acceptable=Koinu(self.acceptable + part))

    @property
    def accepted(self) -> bool:
        """Whether it counts as confirmed before enough of its money is confirmed."""
        return self.settled and self.confirmed < self.due


def transition(before: Receipts, after: Receipts) -> tuple[Receipts, list[str]]:
    """Return `after` with its flags, and the names of the events of the change, in GigaWallet's order.

    What comes after the invoice expired or was cancelled is late, and has an event each time. A total is
    detected once, and again only after it had dropped. It is confirmed once, until a reorg takes that back.
    What was acceptable before a block had it stays accepted while enough is in blocks or acceptable.
    """
    changed = (before.received, before.confirmed) != (after.received, after.confirmed)
    if not changed and before.acceptable == after.acceptable:
        return after, []
    grown = after.received > before.received
    late = grown and (after.expired or after.cancelled)
    detected = after.received >= after.due
    accepted = before.accepted or after.acceptable > 0
    settled = after.confirmed >= after.due or (accepted and after.received + after.acceptable >= after.due)
    events = [*["INV_BALANCE_CHANGED"] * changed, *["INV_LATE_PAYMENT_DETECTED"] * late]
    if grown and not detected:
        events.append("INV_PART_PAYMENT_DETECTED")
    if grown and detected and not before.detected:
        events.append("INV_TOTAL_PAYMENT_DETECTED")
    if grown and after.received > after.total:
        events.append("INV_OVER_PAYMENT_DETECTED")
    if settled != before.settled:
        events.append("INV_TOTAL_PAYMENT_CONFIRMED" if settled else "INV_PAYMENT_UNCONFIRMED")
    if before.confirmed < after.confirmed > after.total:
        events.append("INV_OVER_PAYMENT_CONFIRMED")
    confirmation_lost = not settled and (before.settled or before.confirmation_lost)
    late = after.late or late
    return after._replace(
        detected=detected, settled=settled, confirmation_lost=confirmation_lost, late=late
    ), events


def invoice_payment(owner: Owner, event: str, receipts: Receipts) -> OutboxEvent:
    """Return any INV_* event about money, with the amounts after it; of an overpayment also the excess.

    INV_TOTAL_PAYMENT_CONFIRMED says `unconfirmed` where the invoice is accepted before its money is
    confirmed.
    """
    message: dict[str, Any] = invoice_amounts(owner, receipts)
    if event == "INV_TOTAL_PAYMENT_CONFIRMED" and receipts.accepted:
        message["unconfirmed"] = True
    if event.startswith("INV_OVER_PAYMENT"):
        message["overpayment_incoming"] = show(max(0, receipts.received - receipts.total))
        message["overpayment_confirmed"] = show(max(0, receipts.confirmed - receipts.total))
    return OutboxEvent(owner.id, owner.foreign_id, event, json_text(message))


def invoice_refunded(owner: Owner, receipts: Receipts, refunded: int, amount: int, to: str) -> OutboxEvent:
    """Return INV_PAYMENT_REFUNDED: what goes back `to` an address or account, and all that did so far."""
    message = invoice_amounts(owner, receipts)
    message |= {"refunded": show(refunded), "amount": show(amount), "to": to}
    return OutboxEvent(owner.id, owner.foreign_id, "INV_PAYMENT_REFUNDED", json_text(message))


def invoice_amounts(owner: Owner, receipts: Receipts) -> dict[str, str]:
    """Return what every event about the invoice's money says; `renews` only where it renews another's price."""
    amounts = {
        "invoice_id": receipts.address,
        "account_id": owner.address,
        "foreign_id": owner.foreign_id,
        "invoice_total": show(receipts.total),
        "total_incoming": show(receipts.received),
        "total_confirmed": show(receipts.confirmed),
    }
    return amounts | ({"renews": receipts.renews} if receipts.renews else {})


@dataclass(frozen=True, slots=True)
class LockedInvoice:
    """A locked invoice: what it has received, what of that inside the ledger, and what it refunded inside."""

    owner: Owner
    index: int
    receipts: Receipts
    confirmed_in_ledger: Koinu
    refunded_in_ledger: Koinu

    @property
    def address(self) -> str:
        """The invoice's id."""
        return self.receipts.address

    def settle(self, amount: Koinu) -> tuple["LockedInvoice", list[OutboxEvent]]:
        """Return it with `amount` received and confirmed in the ledger, and the events."""
        receipts, events = transition(self.receipts, self.receipts.plus(amount, amount))
        settled = replace(
            self, receipts=receipts, confirmed_in_ledger=Koinu(self.confirmed_in_ledger + amount)
        )
        return settled, [invoice_payment(self.owner, event, receipts) for event in events]

    def add_seen(self, amount: int, *, acceptable: bool) -> tuple["LockedInvoice", list[OutboxEvent]]:
        """Return it with `amount` added to what waits for a block, and the events."""
        receipts, events = transition(self.receipts, self.receipts.plus_seen(amount, acceptable=acceptable))
        seen = replace(self, receipts=receipts)
        return seen, [invoice_payment(self.owner, event, receipts) for event in events]

    def expire(self) -> tuple["LockedInvoice", OutboxEvent]:
        """Return it expired, and the event."""
        expired = replace(self, receipts=self.receipts._replace(expired=True))
        return expired, invoice_payment(self.owner, "INV_EXPIRED", self.receipts)

    def cancel(self) -> tuple["LockedInvoice", OutboxEvent]:
        """Return it cancelled, and the event."""
        cancelled = replace(self, receipts=self.receipts._replace(cancelled=True))
        return cancelled, invoice_payment(self.owner, "INV_CANCELLED", self.receipts)


async def lock(db: Db, network: Network, addresses: Sequence[str]) -> dict[str, LockedInvoice]:
    """Lock the invoices to be paid to these addresses, by account and index; return those that exist."""
    rows = await bulk.fetch_all(db, _LOCK, {"scripts": scripts(network, addresses)})
    return {row["address"]: of(row) for row in rows}


_RECEIPTS: Final = Receipts._fields
_FIXED: Final = ("address", "total", "due", "required_confirmations", "renews")
_CHANGING: Final = tuple(name for name in _RECEIPTS if name not in _FIXED)


def select() -> sa.Select[tuple[object, ...]]:
    """Select invoices with their owners, as `of` reads them."""
    names = ("account_id", "index", "confirmed_in_ledger", "refunded_in_ledger", *_RECEIPTS)
    owner = (accounts.c.foreign_id, accounts.c.address.label("account_address"), accounts.c.state)
    columns = [invoices.c[name] for name in names]
    return sa.select(*columns, *owner).join(accounts, accounts.c.id == invoices.c.account_id)


_LOCK: Final = (
    paid_to(select())
    .order_by(invoices.c.account_id, invoices.c.index)
    .with_for_update(key_share=True, of=invoices)
)


def of(row: Row) -> LockedInvoice:
    """Read a row of `select`."""
    return LockedInvoice(
        Owner(row["account_id"], row["foreign_id"], row["account_address"], row["state"] == "open"),
        row["index"],
        Receipts(**{name: row[name] for name in _RECEIPTS}),
        Koinu(row["confirmed_in_ledger"]),
        Koinu(row["refunded_in_ledger"]),
    )


async def refunded_on_chain(db: Db, locked: Mapping[str, LockedInvoice]) -> dict[str, int]:
    """Return what each invoice has refunded to addresses, in koinu, by the invoice's address.

    Read it once the invoices are locked: a refund begins only under these locks. A refund that fails
    meanwhile still counts, so that never too much goes back.
    """
    names = ("invoice_account", "invoice_index")
    keys = [dict(zip(names, (invoice.owner.id, invoice.index), strict=True)) for invoice in locked.values()]
    if not keys:
        return {}
    key = bulk.rows(payments, names, keys)
    columns = [payments.c[name] for name in names]
    refunded = (
        sa.select(*columns, sa.func.sum(payments.c.amount).label("sum"))
        .join(key, sa.and_(*(payments.c[name] == key.c[name] for name in names)))
        .where(payments.c.state.not_in(RETURNED))
        .group_by(*columns)
    )
    sums = {(row[0], row[1]): int(row.sum) for row in await db.execute(refunded)}
    return {address: sums.get((invoice.owner.id, invoice.index), 0) for address, invoice in locked.items()}


async def write(db: Db, changed: Sequence[LockedInvoice]) -> None:
    """Write these invoices, which are locked."""
    if changed:
        rows = [
            {
                "account_id": invoice.owner.id,
                "index": invoice.index,
                "confirmed_in_ledger": invoice.confirmed_in_ledger,
                "refunded_in_ledger": invoice.refunded_in_ledger,
                **{name: getattr(invoice.receipts, name) for name in _CHANGING},
            }
            for invoice in changed
        ]
        await bulk.update(db, invoices, ("account_id", "index"), rows)
