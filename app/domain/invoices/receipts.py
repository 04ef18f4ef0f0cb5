"""What an invoice has received, and what is told when that changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts, addresses, invoices, payments
from app.domain import dogecoin
from app.domain.dogecoin import Network
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import json_text
from app.domain.owner import Owner
from app.domain.payments import RETURNED
from app.money import NOTHING, Koinu, show


class InvoiceSums(NamedTuple):
    """What an invoice asks for and has received, in koinu.

    `accepted`: it counts as confirmed before its money is (accept_unconfirmed_below).
    """

    address: str
    total: Koinu
    received: Koinu
    confirmed: Koinu
    accepted: bool = False


def invoice_payment(owner: Owner, event: str, sums: InvoiceSums) -> OutboxEvent:
    """Any INV_* about money, with the sums after it; of an overpayment the excess too.

    INV_TOTAL_PAYMENT_CONFIRMED says `unconfirmed` where the invoice is accepted before its money is confirmed.
    """
    message: dict[str, Any] = invoice_sums(owner, sums)
    if event == "INV_TOTAL_PAYMENT_CONFIRMED" and sums.accepted:
        message["unconfirmed"] = True
    if event.startswith("INV_OVER_PAYMENT"):
        message["overpayment_incoming"] = show(max(0, sums.received - sums.total))
        message["overpayment_confirmed"] = show(max(0, sums.confirmed - sums.total))
    return OutboxEvent(owner.id, owner.foreign_id, event, json_text(message))


def invoice_refunded(owner: Owner, sums: InvoiceSums, refunded: int, amount: int, to: str) -> OutboxEvent:
    """INV_PAYMENT_REFUNDED: what goes back `to` an address or account now, and all that went back by then."""
    message = invoice_sums(owner, sums)
    message |= {"refunded": show(refunded), "amount": show(amount), "to": to}
    return OutboxEvent(owner.id, owner.foreign_id, "INV_PAYMENT_REFUNDED", json_text(message))


def invoice_sums(owner: Owner, sums: InvoiceSums) -> dict[str, str]:
    """Return what every event about the invoice's money says."""
    return {
        "invoice_id": sums.address,
        "account_id": owner.address,
        "foreign_id": owner.foreign_id,
        "invoice_total": show(sums.total),
        "total_incoming": show(sums.received),
        "total_confirmed": show(sums.confirmed),
    }


@dataclass(frozen=True, slots=True)
class Receipts:
    """An invoice's sums in koinu, and what was told of them: `received` is in blocks, `confirmed` deep enough.

    `seen` waits for a block; `acceptable` is the part of it that counts as confirmed (accept_unconfirmed_below).
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

    def plus(self, received: int = 0, confirmed: int = 0) -> "Receipts":
        """Return the same with other sums; what is told of it is `transition`'s to say."""
        return replace(
            self, received=Koinu(self.received + received), confirmed=Koinu(self.confirmed + confirmed)
        )

    def plus_seen(self, seen: int, *, acceptable: bool) -> "Receipts":
        """Return the same with more that waits for a block, or less."""
        part = seen if acceptable else 0
        return replace(self, seen=Koinu(self.seen + seen), acceptable=Koinu(self.acceptable + part))

    @property
    def accepted(self) -> bool:
        """Whether it counts as confirmed before enough of its money is."""
        return self.settled and self.confirmed < self.due

    @property
    def sums(self) -> InvoiceSums:
        """What every event about the invoice says."""
        return InvoiceSums(self.address, self.total, self.received, self.confirmed, self.accepted)


def transition(before: Receipts, after: Receipts) -> tuple[Receipts, list[str]]:
    """Return `after` with what is told marked on it, and the names of the events, in GigaWallet's order.

    What comes after the invoice expired or was cancelled is late, and told as that each time, before what it pays.
    A total is detected once, and again only after it had dropped; it is confirmed once, until a reorg takes that back.
    What was acceptable before a block had it stays accepted while enough is in blocks, or acceptable.
    """
    moved = (before.received, before.confirmed) != (after.received, after.confirmed)
    if not moved and before.acceptable == after.acceptable:
        return after, []
    grown = after.received > before.received
    late = grown and (after.expired or after.cancelled)
    told = [*["INV_BALANCE_CHANGED"] * moved, *["INV_LATE_PAYMENT_DETECTED"] * late]
    if grown and after.received < after.due:
        told.append("INV_PART_PAYMENT_DETECTED")
    if grown and after.received >= after.due and not before.detected:
        told.append("INV_TOTAL_PAYMENT_DETECTED")
    if grown and after.received > after.total:
        told.append("INV_OVER_PAYMENT_DETECTED")
    accepted = before.accepted or after.acceptable > 0
    settled = after.confirmed >= after.due or (accepted and after.received + after.acceptable >= after.due)
    if settled != before.settled:
        told.append("INV_TOTAL_PAYMENT_CONFIRMED" if settled else "INV_PAYMENT_UNCONFIRMED")
    if before.confirmed < after.confirmed > after.total:
        told.append("INV_OVER_PAYMENT_CONFIRMED")
    confirmation_lost = not settled and (before.settled or before.confirmation_lost)
    detected = after.received >= after.due
    late = after.late or late
    return replace(
        after, detected=detected, settled=settled, confirmation_lost=confirmation_lost, late=late
    ), told


_RECEIPTS: Final = tuple(field.name for field in fields(Receipts))


@dataclass(frozen=True, slots=True)
class Sums:
    """What an invoice has received, by either way, and given back to accounts."""

    owner: Owner
    index: int
    receipts: Receipts
    confirmed_in_ledger: Koinu
    refunded_in_ledger: Koinu

    @property
    def address(self) -> str:
        """The invoice's id."""
        return self.receipts.address

    def settled(self, amount: Koinu) -> tuple["Sums", list[OutboxEvent]]:
        """Return it with `amount` received and confirmed in the ledger, and what that tells."""
        moved = self.receipts.plus(amount, amount)
        now, events = transition(self.receipts, moved)
        after = replace(self, receipts=now, confirmed_in_ledger=Koinu(self.confirmed_in_ledger + amount))
        return after, [invoice_payment(self.owner, event, now.sums) for event in events]

    def sighted(self, amount: int, *, acceptable: bool) -> tuple["Sums", list[OutboxEvent]]:
        """Return it with `amount` more that waits for a block, or less, and what that tells."""
        now, events = transition(self.receipts, self.receipts.plus_seen(amount, acceptable=acceptable))
        after = replace(self, receipts=now)
        return after, [invoice_payment(self.owner, event, now.sums) for event in events]

    def expired(self) -> tuple["Sums", OutboxEvent]:
        """Return it expired, and the event."""
        after = replace(self, receipts=replace(self.receipts, expired=True))
        return after, invoice_payment(self.owner, "INV_EXPIRED", self.receipts.sums)

    def cancelled(self) -> tuple["Sums", OutboxEvent]:
        """Return it cancelled, and the event."""
        after = replace(self, receipts=replace(self.receipts, cancelled=True))
        return after, invoice_payment(self.owner, "INV_CANCELLED", self.receipts.sums)


async def lock(db: Db, network: Network, given: Sequence[str]) -> dict[str, Sums]:
    """Lock the invoices to be paid to these addresses, by account and index; what is none is left out."""
    wanted = [
        script for address in given if (script := dogecoin.to_script_or_none(network, address)) is not None
    ]
    same = sa.and_(addresses.c.account_id == invoices.c.account_id, addresses.c.index == invoices.c.index)
    where = sa.and_(
        addresses.c.script == sa.any_(sa.literal(wanted, bulk.BYTES)), addresses.c.purpose == "invoice"
    )
    found = select().join(addresses, same).where(where).order_by(invoices.c.account_id, invoices.c.index)
    rows = await bulk.fetch_all(db, found.with_for_update(key_share=True, of=invoices))
    return {row["address"]: of(row) for row in rows}


def select() -> sa.Select[tuple[object, ...]]:
    """Invoices with their owners, as `of` reads them."""
    names = ("account_id", "index", "confirmed_in_ledger", "refunded_in_ledger", *_RECEIPTS)
    owner = (accounts.c.foreign_id, accounts.c.address.label("account_address"), accounts.c.state)
    columns = [invoices.c[name] for name in names]
    return sa.select(*columns, *owner).join(accounts, accounts.c.id == invoices.c.account_id)


def of(row: Row) -> Sums:
    """Read a row of `select`."""
    return Sums(
        Owner(row["account_id"], row["foreign_id"], row["account_address"], row["state"] == "open"),
        row["index"],
        Receipts(**{name: row[name] for name in _RECEIPTS}),
        Koinu(row["confirmed_in_ledger"]),
        Koinu(row["refunded_in_ledger"]),
    )


async def sent_back(db: Db, locked: Mapping[str, Sums]) -> dict[str, int]:
    """Sum the refunds to addresses; right under the invoices' locks, since a refund begins only under them.

    One that fails meanwhile counts still: that errs on the safe side.
    """
    given = [{"invoice_account": one.owner.id, "invoice_index": one.index} for one in locked.values()]
    if not given:
        return {}
    names = ("invoice_account", "invoice_index")
    keys = bulk.rows(payments, names, given)
    found = (
        sa.select(
            payments.c.invoice_account, payments.c.invoice_index, sa.func.sum(payments.c.amount).label("sum")
        )
        .join(keys, sa.and_(*(payments.c[name] == keys.c[name] for name in names)))
        .where(payments.c.state.not_in(RETURNED))
        .group_by(payments.c.invoice_account, payments.c.invoice_index)
    )
    sums = {(row.invoice_account, row.invoice_index): int(row.sum) for row in await db.execute(found)}
    return {address: sums.get((one.owner.id, one.index), 0) for address, one in locked.items()}


async def write(db: Db, changed: Sequence[Sums]) -> None:
    """Write the invoices back; they are locked."""
    if changed:
        fixed = ("address", "total", "due", "required_confirmations")
        names = [name for name in _RECEIPTS if name not in fixed]
        rows = [
            {
                "account_id": one.owner.id,
                "index": one.index,
                "confirmed_in_ledger": one.confirmed_in_ledger,
                "refunded_in_ledger": one.refunded_in_ledger,
                **{name: getattr(one.receipts, name) for name in names},
            }
            for one in changed
        ]
        await bulk.update(db, invoices, ("account_id", "index"), rows)
