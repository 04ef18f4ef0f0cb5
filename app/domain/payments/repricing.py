"""A payment whose fee becomes another: what its outputs get then, and what its account sets aside or gets back for it."""

from collections.abc import Iterable
from dataclasses import replace

from app.db import Row
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.payments import fees
from app.domain.payments.payment import Payment
from app.domain.payments.request import CONSOLIDATION
from app.money import NOTHING, Koinu

AVAILABLE, OUTGOING = Bucket.AVAILABLE, Bucket.OUTGOING


def largest_fee(payment: Payment) -> Koinu:
    """Return what a signed payment may cost: an exact fee stays, and so does that of a transaction which pays nobody."""
    if payment.explicit_fee or payment.kind == CONSOLIDATION:
        return payment.fee or NOTHING
    return Koinu(max(payment.fee or 0, fees.FeeTerms.of(fees.Policy(), max_fee=payment.max_fee).most))


def priced(payment: Payment, fee: Koinu, version: int | None = None) -> Payment:
    """Return a signed payment with another fee, of another `version`: its account bears the difference, or its outputs do."""
    payment = replace(payment, version_id=version or payment.version_id)
    before = payment.fee or NOTHING
    if fee == before:
        return payment
    if not payment.deducts:
        total = Koinu((payment.paid or 0) + fee)
        return replace(payment, fee=fee, reserved=total, repriced=payment.repriced + 1)
    deducted = Koinu(
        payment.amount - (payment.paid or 0) + fee - before
    )  # of what it left over none is an output's
    amounts = fees.deduct(
        [output.amount for output in payment.outputs], [output.share for output in payment.outputs], deducted
    )
    outputs = tuple(replace(output, paid=paid) for output, paid in zip(payment.outputs, amounts, strict=True))
    return replace(payment, fee=fee, paid=Koinu(sum(amounts)), outputs=outputs)


def set_aside(before: Payment, now: Payment) -> Entry | None:
    """Return the movement of what the higher fee takes from what the account can spend; None where nothing moves."""
    more = now.reserved - before.reserved
    account = now.owner.id
    postings = (Posting(account, AVAILABLE, -more), Posting(account, OUTGOING, more))
    return now.entry("repriced", postings, now.repriced) if more else None


def renamed(payment: Payment, txid: bytes) -> Payment:
    """Return the payment as it goes on under another txid, at the same price."""
    return replace(payment, txid=txid, former=payment.txid)


def paid_rows(carried: Iterable[Payment]) -> list[Row]:
    """Return what each output of these gets, as rows of payment_outputs."""
    return [
        {"account_id": payment.owner.id, "payment_id": payment.id, "number": number, "paid": output.paid}
        for payment in carried
        for number, output in enumerate(payment.outputs)
    ]
