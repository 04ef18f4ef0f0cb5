"""Approvals: a payment above a limit waits until another caller than the one that asked says yes or no."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW
from app.db.tables import payments as payment_rows
from app.domain import batch, outbox, payments
from app.domain.audit_log import Audited, Shown
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.payments import Payment, payment_event, voiding
from app.domain.payments.payment import ended_unsigned
from app.domain.payments.payment_rows import NoSuchPayment
from app.domain.refusals import Conflict, Forbidden, Refusal


class NotWaiting(Conflict):
    """Payment {id} is {state}: it does not wait for approval."""


class OwnPayment(Forbidden):
    """Payment {id} was asked for, or as a payout given its address, with the same key or token: another must decide on it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the caller `by` says about a payment."""

    foreign_id: str
    id: int
    by: str


async def approve(db: Db, verdicts: Sequence[Verdict]) -> list[Payment | Refusal]:
    """Let payments go on to be signed. The time that `paytx` gives begins again."""
    decided = await _decide(db, verdicts, lambda payment: payment._replace(state="PENDING"))
    approved = [payment for payment, _ in batch.accepted(decided)]
    if approved:
        await db.execute(_APPROVE, {"ids": [payment.id for payment in approved]})
        await outbox.emit(db, [payment_event(payment, "PAYMENT_APPROVED") for payment in approved])
    return batch.outcomes(decided, approved)


async def reject(db: Db, verdicts: Sequence[Verdict]) -> list[Payment | Refusal]:
    """End payments; their money comes back."""
    decided = await _decide(db, verdicts, lambda payment: ended_unsigned(payment, "VOIDED"))
    rejected = [payment for payment, _ in batch.accepted(decided)]
    await voiding.write(db, rejected, "PAYMENT_REJECTED")
    return batch.outcomes(decided, rejected)


async def _before(db: Db, verdicts: Sequence[Verdict], _: Installation) -> list[Shown | None]:
    """Lock the payments, and return them as they are."""
    known = await voiding.lock(db, [verdict.id for verdict in verdicts])
    return [_shown(known[verdict.id]) if verdict.id in known else None for verdict in verdicts]


def _shown(payment: Payment) -> Shown:
    """Return what matters of it: it has no transaction yet."""
    shown = payments.payment_shown(payment)
    return {name: shown[name] for name in ("id", "foreign_id", "state", "pay_to", "total", "reference")}


def _id(payment: Payment) -> str:
    return str(payment.id)


_AUDITED: Final = Audited(_shown, _id, _before)
APPROVE: Final = Command("approve", plain(approve), plain(payments.by_ids), _id, pays=True, audited=_AUDITED)
REJECT: Final = Command("reject", plain(reject), plain(payments.by_ids), _id, pays=True, audited=_AUDITED)
_waiting_rows: Final = payment_rows.alias("waiting")
_moved: Final = (
    sa.select(
        _waiting_rows.c.id,
        (_waiting_rows.c.expires + (STATEMENT_NOW - _waiting_rows.c.created)).label("expires"),
    )
    .where(_waiting_rows.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
    .subquery("moved")
)
_APPROVE: Final = (
    sa.update(payment_rows)
    .where(payment_rows.c.id == _moved.c.id)
    .values(state="PENDING", expires=_moved.c.expires)
)


async def _decide(
    db: Db, verdicts: Sequence[Verdict], decision: Callable[[Payment], Payment]
) -> list[Step[Payment, None] | Refusal]:
    """Lock the payments by id, and decide on each in order: the second verdict on a payment finds it decided."""
    return batch.decide(
        verdicts,
        await voiding.lock(db, [verdict.id for verdict in verdicts]),
        lambda verdict: verdict.id,
        lambda verdict, payment: _waiting(verdict, payment, decision),
    )


def _waiting(
    verdict: Verdict, payment: Payment | None, decision: Callable[[Payment], Payment]
) -> Step[Payment, None] | Refusal:
    """Return the payment as the decision leaves it, if it waits for this caller's verdict."""
    if payment is None or payment.owner.foreign_id != verdict.foreign_id:
        return NoSuchPayment(id=verdict.id, field="id")
    if payment.state != "AWAITING_APPROVAL":
        return NotWaiting(id=payment.id, state=payment.state)
    return OwnPayment(id=payment.id) if payment.asked_by == verdict.by else Step(decision(payment), None)
