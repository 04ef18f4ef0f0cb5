"""What is told of payments beside what happened to each: the money that goes, comes back, or goes out after all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.domain import facts, ledger
from app.domain.facts import Flow
from app.domain.outbox import Fact
from app.money import show

if TYPE_CHECKING:
    from app.domain.payments import Payment


def requested(payment: "Payment") -> tuple[Fact, Fact]:
    """Tell that money was set aside for it."""
    return facts.payment_event(payment, "PAYMENT_REQUESTED"), flow(payment)


def ended(given: Sequence["Payment"], event: str) -> list[Fact]:
    """Tell of payments that ended unpaid, and that their money does not go out."""
    return [one for payment in given for one in (facts.payment_event(payment, event), *turned(payment))]


def turned(payment: "Payment") -> list[Fact]:
    """Tell that its money came back, or goes out after all: to its account, and for a refund's invoice."""
    return [flow(payment), refund_returned(payment)] if payment.kind == "refund" else [flow(payment)]


def flow(payment: "Payment") -> Fact:
    """ACC_PAYMENT of money that is to go out, or `reversed` once that came back.

    Which transaction carries it, and its fee, is told by PAYMENT_SENT.
    """
    out = Flow("out", "payment", payment.reference or str(payment.id), payment.amount)
    return facts.account_payment(payment.owner, out, back=payment.is_returned)


def refund_returned(payment: "Payment") -> Fact:
    """INV_REFUND_RETURNED: a refund was not paid, or `reversed` goes out after all."""
    message = {
        "invoice_id": payment.reference,
        "payment_id": payment.id,
        "amount": show(payment.amount),
        "to": payment.outputs[0].address,
        "reversed": not payment.is_returned,
    }
    return facts.of_account(payment.owner, "INV_REFUND_RETURNED", message)


def balance_changes(given: Sequence["Payment"], outcomes: Sequence[ledger.Outcome]) -> list[Fact]:
    """Tell each account's balance after all that was posted: once per account."""
    owners = {payment.owner.id: payment.owner for payment in given}
    lines = [line for outcome in outcomes if isinstance(outcome, ledger.Posted) for line in outcome.lines]
    last = {line.posting.account: line.balance for line in lines if line.posting.account in owners}
    return [facts.balance_change(owners[account], balance) for account, balance in sorted(last.items())]
