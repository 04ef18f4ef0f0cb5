"""Paying an invoice from another account: in the ledger, at once and free, or on the chain."""

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
from app.domain.invoices.receipts import LockedInvoice
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
    """An invoice to be paid, by its address, and the account that pays what is missing."""

    address: str
    foreign_id: str
    asked_by: str = ""


async def settle(
    db: Db, orders: Sequence[PayFromOrder], installation: Installation
) -> list[Transfer | Refusal]:
    """Pay what each invoice lacks, in order, as far as each account's money goes."""
    payers = await accounts.owners(db, [order.foreign_id for order in orders])
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    owners = [*payers.values(), *(invoice.owner for invoice in locked.values())]
    available = await ledger.lock_available(db, [owner.id for owner in owners])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.address,
        lambda order, invoice: decide(order, payers.get(order.foreign_id), invoice, available),
    )
    steps = batch.accepted(decided)
    made = await transfers.post_invoice_transfers(db, [transfer for _, transfer in steps])
    await receipts.write(db, list({invoice.address: invoice for invoice, _ in steps}.values()))
    return batch.outcomes(decided, made)


PAY_FROM: Final = Command("payfrom", settle, plain(transfers.by_ids), lambda transfer: str(transfer.id))


async def request(
    db: Db, orders: Sequence[PayFromOrder], installation: Installation
) -> list[Payment | Refusal]:
    """Request payments of what each invoice lacks now. A payment counts as received once a block has it."""
    locked = await receipts.lock(db, installation.network, [order.address for order in orders])
    decided = [_pay_order(installation.network, order, locked.get(order.address)) for order in orders]
    return batch.outcomes(decided, await requesting.request(db, batch.accepted(decided)))


PAY_FROM_ON_CHAIN: Final = Command(
    "payfrom", request, plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)


async def on_chain_order(db: Db, order: PayFromOrder, network: Network) -> PayOrder | Refusal:
    """Return the payment of what the invoice lacks now, for an account that another database has."""
    invoice = (await receipts.lock(db, network, [order.address])).get(order.address)
    return _pay_order(network, order, invoice)


async def _request_asked(
    db: Db, asked: Sequence[PayOrder | Refusal], _: Installation
) -> list[Payment | Refusal]:
    return batch.outcomes(asked, await requesting.request(db, batch.accepted(asked)))


PAY_ELSEWHERE: Final = Command(
    "payfrom", _request_asked, plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)
"""Requests what `on_chain_order` has returned. A request that is repeated gets its payment, however the invoice is now."""


def _pay_order(network: Network, order: PayFromOrder, invoice: LockedInvoice | None) -> PayOrder | Refusal:
    if invoice is None:
        return NoSuchInvoice(address=order.address, field="id")
    if refusal := _not_payable(invoice):
        return refusal
    missing = _missing(invoice)
    if missing < DUST:
        return Invalid(
            reason=f"The {show(missing)} DOGE that are missing are too little for a transaction.", field="id"
        )
    payee = Payee.of(network, "", invoice.address, missing)
    return PayOrder(order.foreign_id, (payee,), reference=invoice.address, asked_by=order.asked_by)


def decide(
    order: PayFromOrder, payer: Owner | None, invoice: LockedInvoice | None, available: Available
) -> Step[LockedInvoice, InvoiceTransfer] | Refusal:
    """Return the invoice after it is paid, and the transfer that pays it, or why it cannot be."""
    if payer is None:
        return NoSuchAccount(foreign_id=order.foreign_id, field="foreign_id")
    if invoice is None:
        return NoSuchInvoice(address=order.address, field="id")
    own = OwnInvoice(field="foreign_id") if invoice.owner.id == payer.id else None
    if refusal := own or _not_payable(invoice):
        return refusal
    amount = _missing(invoice)
    settled, events = invoice.settle(amount)
    key = f"payfrom:{invoice.address}:{settled.confirmed_in_ledger}"
    transfer = InvoiceTransfer("PAYFROM", key, payer, invoice.owner, amount, invoice.address, tuple(events))
    return transfers.apply(available, transfer) or Step(settled, transfer)


def _missing(invoice: LockedInvoice) -> Koinu:
    return Koinu(invoice.receipts.total - invoice.receipts.received)


def _not_payable(invoice: LockedInvoice) -> Refusal | None:
    receipts = invoice.receipts
    if not invoice.owner.open:
        return AccountClosed(foreign_id=invoice.owner.foreign_id, field="id")
    if receipts.received >= receipts.due or receipts.settled:
        return AlreadyPaid(
            received=show(receipts.received + receipts.acceptable), due=show(receipts.due), field="id"
        )
    if receipts.cancelled or receipts.expired:
        return NotOpen(state="cancelled" if receipts.cancelled else "expired", field="id")
    return None
