"""Refunds: money of an invoice goes back, to an address or to an account; never more than was confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.db import Db
from app.domain import accounts, batch, dogecoin, ledger, outbox, payments, transfers
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


class NothingToRefund(Conflict):
    """The invoice has nothing to give back."""


class AboveReceived(Conflict):
    """The invoice can give back {left}, and {amount} were asked for."""


class OwnInvoice(Invalid):
    """The invoice's own account has the money already."""


class Twice(Exception):
    """One invoice is refunded twice in a batch: run the requests one by one."""


@dataclass(frozen=True, slots=True)
class Refund:
    """What an invoice is to give back `to` an address or a foreign_id; None: all that it can."""

    invoice: str
    to: str
    amount: Koinu | None = None

    def __post_init__(self) -> None:
        """Refuse what is no amount."""
        if self.amount is not None and self.amount <= 0:
            raise Invalid(reason="An amount is greater than zero.", field="amount")

    def amount_of(self, now: Sums, sent_back: int) -> Koinu | Refusal:
        """Say how much goes back from the invoice as it is; `sent_back` went to addresses already."""
        left = max(0, now.receipts.confirmed - now.refunded_in_ledger - sent_back)
        if not left:
            return NothingToRefund(field="id")
        if self.amount is not None and self.amount > left:
            return AboveReceived(left=show(left), amount=show(self.amount), field="amount")
        return self.amount or Koinu(left)


async def refund_inside(
    db: Db, orders: Sequence[Refund], installation: Installation
) -> list[Transfer | Refusal]:
    """Give back, one order after the other, as far as each invoice and its account's money goes."""
    payees = await accounts.owners(db, [order.to for order in orders])
    locked = await receipts.lock(db, installation.network, [order.invoice for order in orders])
    sent_back = await receipts.sent_back(db, locked)
    owners = [*payees.values(), *(invoice.owner for invoice in locked.values())]
    available = await ledger.lock_available(db, [owner.id for owner in owners])
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.invoice,
        lambda order, invoice: _decide(
            order, payees.get(order.to), (invoice, sent_back.get(order.invoice, 0)), available
        ),
    )
    steps = batch.accepted(decided)
    made = await transfers.post_invoice_transfers(db, [move for _, move in steps])
    await receipts.write(db, list({invoice.address: invoice for invoice, _ in steps}.values()))
    return batch.outcomes(decided, made)


REFUND_TO_ACCOUNT: Final = Command(
    "refundtoacc", refund_inside, plain(transfers.by_ids), lambda transfer: str(transfer.id)
)


async def refund_on_chain(
    db: Db, orders: Sequence[Refund], installation: Installation
) -> list[Payment | Refusal]:
    """Ask for the payments under the invoices' locks; the invoice's account bears the fee.

    What a payment gives back counts while it is not failed or voided: nothing has to be taken back then.
    """
    if len({order.invoice for order in orders}) < len(orders):
        raise Twice
    locked = await receipts.lock(db, installation.network, [order.invoice for order in orders])
    sent_back = await receipts.sent_back(db, locked)
    decided = [
        _order(installation.network, order, locked.get(order.invoice), sent_back.get(order.invoice, 0))
        for order in orders
    ]
    outcomes = batch.outcomes(decided, await requesting.request(db, batch.accepted(decided)))
    told = [
        _told(locked[order.invoice], sent_back[order.invoice] + outcome.amount, outcome.amount, order.to)
        for order, outcome in zip(orders, outcomes, strict=True)
        if isinstance(outcome, Payment)
    ]
    await outbox.emit(db, told)
    return outcomes


REFUND_TO_ADDRESS: Final = Command(
    "refundtoaddr", refund_on_chain, plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)


def _decide(
    order: Refund, payee: Owner | None, given: tuple[Sums | None, int], available: Available
) -> Step[Sums, InvoiceTransfer] | Refusal:
    now, sent_back = given
    if now is None:
        return NoSuchInvoice(address=order.invoice, field="id")
    amount = order.amount_of(now, sent_back)
    if isinstance(amount, Refusal):
        return amount
    if payee is None:
        return NoSuchAccount(foreign_id=order.to, field="foreign_id")
    if payee.id == now.owner.id:
        return OwnInvoice(field="foreign_id")
    if not payee.open:
        return AccountClosed(foreign_id=order.to, field="foreign_id")
    after = replace(now, refunded_in_ledger=Koinu(now.refunded_in_ledger + amount))
    told = _told(after, sent_back, amount, order.to)
    key = f"refund:{now.address}:{after.refunded_in_ledger}"
    move = InvoiceTransfer("REFUND", key, now.owner, payee, amount, now.address, (told,))
    return transfers.apply(available, move) or Step(after, move)


def _order(network: Network, order: Refund, now: Sums | None, sent_back: int) -> PayOrder | Refusal:
    if now is None:
        return NoSuchInvoice(address=order.invoice, field="id")
    amount = order.amount_of(now, sent_back)
    if isinstance(amount, Refusal):
        return amount
    if (script := dogecoin.to_script_or_none(network, order.to)) is None:
        return Invalid(reason="The address cannot be paid on this network.", field="address")
    if amount < DUST:
        return Invalid(reason=f"An amount is at least {show(DUST)} DOGE.", field="amount")
    payee = Payee(order.to, script, amount)
    invoice = (now.owner.id, now.index)
    return PayOrder(now.owner.foreign_id, (payee,), kind="refund", reference=now.address, invoice=invoice)


def _told(now: Sums, sent_back: int, amount: int, to: str) -> outbox.OutboxEvent:
    return receipts.invoice_refunded(
        now.owner, now.receipts.sums, now.refunded_in_ledger + sent_back, amount, to
    )
