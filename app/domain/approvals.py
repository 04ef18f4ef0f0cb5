"""Approvals: a payment above a limit waits until another caller than the one that asked says yes or no."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import NOW
from app.db.tables import payments as payment_rows
from app.domain import outbox, payments
from app.domain.commands import Command, plain
from app.domain.payments import Payment, payment_event, voiding
from app.domain.payments.payment import ended_unsigned
from app.domain.payments.payment_rows import NoSuchPayment
from app.domain.refusals import Conflict, Forbidden, Refusal


class NotWaiting(Conflict):
    """Payment {id} is {state}: it does not wait for approval."""


class OwnPayment(Forbidden):
    """Payment {id} was asked for with the same key or token: another one must decide on it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the caller `by` says about a payment."""

    foreign_id: str
    id: int
    by: str


async def approve(db: Db, verdicts: Sequence[Verdict]) -> list[Payment | Refusal]:
    """Let payments go on to be signed. The time that `paytx` gives begins again."""
    return [await _approve(db, verdict) for verdict in verdicts]


async def reject(db: Db, verdicts: Sequence[Verdict]) -> list[Payment | Refusal]:
    """End payments; their money comes back."""
    return [await _reject(db, verdict) for verdict in verdicts]


APPROVE: Final = Command(
    "approve", plain(approve), plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)
REJECT: Final = Command(
    "reject", plain(reject), plain(payments.by_ids), lambda payment: str(payment.id), pays=True
)


async def _approve(db: Db, verdict: Verdict) -> Payment | Refusal:
    payment = await _waiting(db, verdict)
    if isinstance(payment, Refusal):
        return payment
    waited = NOW - payment_rows.c.created
    same = payment_rows.c.id == sa.any_(sa.literal([payment.id], bulk.BIGINTS))
    values = {"state": "PENDING", "expires": payment_rows.c.expires + waited}
    await db.execute(sa.update(payment_rows).where(same).values(values))
    approved = payment._replace(state="PENDING")
    await outbox.emit(db, [payment_event(approved, "PAYMENT_APPROVED")])
    return approved


async def _reject(db: Db, verdict: Verdict) -> Payment | Refusal:
    payment = await _waiting(db, verdict)
    if isinstance(payment, Refusal):
        return payment
    rejected = ended_unsigned(payment, "VOIDED")
    await voiding.write(db, [rejected], "PAYMENT_REJECTED")
    return rejected


async def _waiting(db: Db, verdict: Verdict) -> Payment | Refusal:
    """Lock the payment, and return it if it waits for this caller's verdict."""
    payment = (await voiding.lock(db, [verdict.id])).get(verdict.id)
    if payment is None or payment.owner.foreign_id != verdict.foreign_id:
        return NoSuchPayment(id=verdict.id, field="id")
    if payment.state != "AWAITING_APPROVAL":
        return NotWaiting(id=payment.id, state=payment.state)
    return OwnPayment(id=payment.id) if payment.asked_by == verdict.by else payment
