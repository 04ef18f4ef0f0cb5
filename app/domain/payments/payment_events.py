"""What is told of payments beside what happened to each: the money that goes, comes back, or goes out after all."""

from collections.abc import Sequence

from app.domain import outbox
from app.domain.outbox import Flow, OutboxEvent
from app.domain.payments.payment import Payment, payment_event
from app.money import show


def requested(payment: "Payment") -> tuple[OutboxEvent, OutboxEvent]:
    """Tell that money was set aside for it."""
    return payment_event(payment, "PAYMENT_REQUESTED"), flow(payment)


def ended(given: Sequence["Payment"], event: str) -> list[OutboxEvent]:
    """Tell of payments that ended unpaid, and that their money does not go out."""
    return [one for payment in given for one in (payment_event(payment, event), *turned(payment))]


def turned(payment: "Payment") -> list[OutboxEvent]:
    """Tell that its money came back, or goes out after all: to its account, and for a refund's invoice."""
    return [flow(payment), refund_returned(payment)] if payment.kind == "refund" else [flow(payment)]


def flow(payment: "Payment") -> OutboxEvent:
    """ACC_PAYMENT of money that is to go out, or `reversed` once that came back.

    Which transaction carries it, and its fee, is told by PAYMENT_SENT.
    """
    out = Flow("out", "payment", payment.reference or str(payment.id), payment.amount)
    return outbox.account_payment(payment.owner, out, back=payment.is_returned)


def refund_returned(payment: "Payment") -> OutboxEvent:
    """INV_REFUND_RETURNED: a refund was not paid, or `reversed` goes out after all."""
    message = {
        "invoice_id": payment.reference,
        "payment_id": payment.id,
        "amount": show(payment.amount),
        "to": payment.outputs[0].address,
        "reversed": not payment.is_returned,
    }
    return outbox.of_account(payment.owner, "INV_REFUND_RETURNED", message)
