"""Paying an invoice from another account: in the ledger, at once and free."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.db import Db
from app.domain import accounts, batch, ledger, payments, transfers
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.dogecoin import Network
from app.domain.installation import Installation
from app.domain.invoices import receipts
from app.domain.invoices.invoice import NoSuchInvoice
from app.domain.invoices.receipts import Sums
from app.domain.owner import AccountClosed, NoSuchAccount, Owner
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import Available, InvoiceTransfer, Transfer
from app.money import DUST, Koinu, show


class AlreadyPaid(Conflict):
    """The invoice is paid: {received} of {due} have come."""


class NotOpen(Conflict):
    """The invoice is {state}."""


class OwnInvoice(Invalid):
    """An account cannot pay its own invoice."""


@dataclass(frozen=True, slots=True)
class PayFromOrder:
    """The invoice to be paid, and the account that pays what is missing."""

    address: str
    foreign_id: str


async def settle(
    db: Db, orders: Sequence[PayFromOrder], installation: Installation
) -> list[Transfer | Refusal]:
    """Pay what each invoice still lacks, one order after the other, as far as each account's money goes."""
    payers = await accounts.owners(db, [order.foreign_id for order in orders])
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    owners = [*payers.values(), *(invoice.owner for invoice in locked.values())]
    available = await ledger.lock_available(db, [owner.id for owner in owners])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.address,
        lambda order, invoice: _decide(order, payers.get(order.foreign_id), invoice, available),
    )
    steps = batch.accepted(decided)
    made = await transfers.post_invoice_transfers(db, [move for _, move in steps])
    await receipts.write(db, list({invoice.address: invoice for invoice, _ in steps}.values()))
    return batch.outcomes(decided, made)


PAY_FROM: Final = Command("payfrom", settle, plain(transfers.by_ids), lambda transfer: str(transfer.id))


async def request(
    db: Db, orders: Sequence[PayFromOrder], installation: Installation
) -> list[Payment | Refusal]:
    """Ask for payments of what each invoice lacks just now; it counts as received once a block has it."""
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    decided = [_order(installation.network, order, locked.get(order.address)) for order in orders]
    return batch.outcomes(decided, await requesting.request(db, batch.accepted(decided)))


PAY_FROM_ON_CHAIN: Final = Command(
    "payfrom", request, plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)


def _order(network: Network, order: PayFromOrder, now: Sums | None) -> PayOrder | Refusal:
    if now is None:
        return NoSuchInvoice(address=order.address, field="id")
    if refusal := _closed(now):
        return refusal
    missing = Koinu(now.receipts.total - now.receipts.received)
    if missing < DUST:
        return Invalid(
            reason=f"The {show(missing)} DOGE that are missing are too little for a transaction.", field="id"
        )
    payee = Payee.of(network, "", now.address, missing)
    return PayOrder(order.foreign_id, (payee,), reference=now.address)


def _decide(
    order: PayFromOrder, payer: Owner | None, now: Sums | None, available: Available
) -> Step[Sums, InvoiceTransfer] | Refusal:
    if payer is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if now is None:
        return NoSuchInvoice(address=order.address, field="id")
    if now.owner.id == payer.id:
        return OwnInvoice(field="foreign_id")
    if refusal := _closed(now):
        return refusal
    amount = Koinu(now.receipts.total - now.receipts.received)
    after, told = now.settled(amount)
    key = f"payfrom:{now.address}:{after.confirmed_in_ledger}"
    move = InvoiceTransfer("PAYFROM", key, payer, now.owner, amount, now.address, tuple(told))
    return transfers.apply(available, move) or Step(after, move)


def _closed(now: Sums) -> Refusal | None:
    sums = now.receipts
    if not now.owner.open:
        return AccountClosed(foreign_id=now.owner.foreign_id, field="id")
    if sums.received >= sums.due:
        return AlreadyPaid(received=show(sums.received), due=show(sums.due), field="id")
    if sums.cancelled or sums.expired:
        return NotOpen(state="cancelled" if sums.cancelled else "expired", field="id")
    return None
