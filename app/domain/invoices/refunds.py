"""Refunds: confirmed money of an invoice goes back to an address or to an account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import deposits, dogeconnect_payments
from app.domain import accounts, batch, dogecoin, ledger, outbox, payments, transfers
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


class NothingToRefund(Conflict):
    """The invoice has nothing to give back."""


class AboveReceived(Conflict):
    """The invoice can give back {left}, and {amount} were asked for."""


class OwnInvoice(Invalid):
    """The invoice's own account has the money already."""


class NoRefundAddress(Invalid):
    """No wallet has named an address for refunds with a payment of this invoice: name one."""


class Twice(Exception):
    """One invoice is refunded twice in a batch: run the requests one by one."""


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of an invoice `to` an address or a foreign_id; `amount` None: all that it can give back.

    `to` "" is the address that the payer's wallet has named.
    """

    invoice: str
    to: str
    amount: Koinu | None = None
    asked_by: str = ""

    def __post_init__(self) -> None:
        """Refuse an amount of nothing or less."""
        if self.amount is not None and self.amount <= 0:
            raise Invalid(reason="An amount is greater than zero.", field="amount")

    def amount_of(self, invoice: LockedInvoice, on_chain: int) -> Koinu | Refusal:
        """Return how much goes back of the invoice, or refuse; `on_chain` went to addresses before."""
        refundable = max(0, invoice.receipts.confirmed - invoice.refunded_in_ledger - on_chain)
        if not refundable:
            return NothingToRefund(field="id")
        if self.amount is not None and self.amount > refundable:
            return AboveReceived(left=show(refundable), amount=show(self.amount), field="amount")
        return self.amount or Koinu(refundable)


async def refund_inside(
    db: Db, orders: Sequence[Refund], installation: Installation
) -> list[Transfer | Refusal]:
    """Refund to accounts, in order, as far as each invoice and its account's money goes."""
    payees = await accounts.owners(db, [order.to for order in orders])
    locked = await receipts.lock(db, installation.network, [order.invoice for order in orders])
    on_chain = await receipts.refunded_on_chain(db, locked)
    owners = [*payees.values(), *(invoice.owner for invoice in locked.values())]
    available = await ledger.lock_available(db, [owner.id for owner in owners])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.invoice,
        lambda order, invoice: decide(
            order, payees.get(order.to), invoice, on_chain.get(order.invoice, 0), available
        ),
    )
    steps = batch.accepted(decided)
    made = await transfers.post_invoice_transfers(db, [transfer for _, transfer in steps])
    await receipts.write(db, list({invoice.address: invoice for invoice, _ in steps}.values()))
    return batch.outcomes(decided, made)


REFUND_TO_ACCOUNT: Final = Command(
    "refundtoacc", refund_inside, plain(transfers.by_ids), lambda transfer: str(transfer.id)
)


async def refund_on_chain(
    db: Db, orders: Sequence[Refund], installation: Installation
) -> list[Payment | Refusal]:
    """Request payments to addresses under the invoices' locks; the invoice's account bears the fee.

    A payment counts as refunded unless it has failed or is voided: nothing has to be taken back then.
    """
    if len({order.invoice for order in orders}) < len(orders):
        raise Twice
    named = await _named(db, [order.invoice for order in orders if not order.to])
    orders = [replace(order, to=order.to or named.get(order.invoice, "")) for order in orders]
    locked = await receipts.lock(db, installation.network, [order.invoice for order in orders])
    on_chain = await receipts.refunded_on_chain(db, locked)
    decided = [
        _pay_order(installation.network, order, locked.get(order.invoice), on_chain.get(order.invoice, 0))
        for order in orders
    ]
    outcomes = batch.outcomes(decided, await requesting.request(db, batch.accepted(decided)))
    events = [
        _event(locked[order.invoice], on_chain[order.invoice] + outcome.amount, outcome.amount, order.to)
        for order, outcome in zip(orders, outcomes, strict=True)
        if isinstance(outcome, Payment)
    ]
    await outbox.emit(db, events)
    return outcomes


REFUND_TO_ADDRESS: Final = Command(
    "refundtoaddr", refund_on_chain, plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)


def decide(
    order: Refund, payee: Owner | None, invoice: LockedInvoice | None, on_chain: int, available: Available
) -> Step[LockedInvoice, InvoiceTransfer] | Refusal:
    """Return the invoice after the refund, and the transfer that gives the money back, or why it cannot be."""
    if invoice is None:
        return NoSuchInvoice(address=order.invoice, field="id")
    amount = order.amount_of(invoice, on_chain)
    if isinstance(amount, Refusal):
        return amount
    if payee is None:
        return NoSuchAccount(foreign_id=order.to, field="foreign_id")
    if payee.id == invoice.owner.id:
        return OwnInvoice(field="foreign_id")
    if not payee.open:
        return AccountClosed(foreign_id=order.to, field="foreign_id")
    refunded = replace(invoice, refunded_in_ledger=Koinu(invoice.refunded_in_ledger + amount))
    event = _event(refunded, on_chain, amount, order.to)
    key = f"refund:{refunded.address}:{refunded.refunded_in_ledger}"
    transfer = InvoiceTransfer("REFUND", key, invoice.owner, payee, amount, invoice.address, (event,))
    return transfers.apply(available, transfer) or Step(refunded, transfer)


def _pay_order(
    network: Network, order: Refund, invoice: LockedInvoice | None, on_chain: int
) -> PayOrder | Refusal:
    if invoice is None:
        return NoSuchInvoice(address=order.invoice, field="id")
    amount = order.amount_of(invoice, on_chain)
    if isinstance(amount, Refusal):
        return amount
    if not order.to:
        return NoRefundAddress(field="address")
    if (script := dogecoin.to_script_or_none(network, order.to)) is None:
        return Invalid(reason="The address cannot be paid on this network.", field="address")
    if amount < DUST:
        return Invalid(reason=f"An amount is at least {show(DUST)} DOGE.", field="amount")
    payees = (Payee(order.to, script, amount),)
    key = (invoice.owner.id, invoice.index)
    return PayOrder(
        invoice.owner.foreign_id,
        payees,
        kind="refund",
        reference=invoice.address,
        invoice=key,
        asked_by=order.asked_by,
    )


def _event(invoice: LockedInvoice, on_chain: int, amount: int, to: str) -> outbox.OutboxEvent:
    refunded = invoice.refunded_in_ledger + on_chain
    return receipts.invoice_refunded(invoice.owner, invoice.receipts, refunded, amount, to)


async def _named(db: Db, addresses: Sequence[str]) -> dict[str, str]:
    """Return the addresses for refunds that wallets have named, by invoice.

    Only a wallet whose own transaction has paid the invoice, confirmed: anybody can submit another one.
    """
    if not addresses:
        return {}
    rows = await db.execute(_NAMED, {"addresses": list(addresses)})
    return {row.address: row.refund for row in rows}


_PAID: Final = sa.exists().where(
    deposits.c.account_id == dogeconnect_payments.c.account_id,
    deposits.c.txid == dogeconnect_payments.c.txid,
    deposits.c.invoice == dogeconnect_payments.c.index,
    deposits.c.state == "confirmed",
)
_NAMED: Final = sa.select(dogeconnect_payments.c.address, dogeconnect_payments.c.refund).where(
    dogeconnect_payments.c.address == sa.any_(sa.bindparam("addresses", type_=bulk.TEXTS)), _PAID
)
