"""Voiding: an unsigned payment ends at once. A signed one ends when a cancelling transaction is confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW, transactions
from app.db.tables import payments as payment_rows
from app.domain import batch, outbox
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.payments import broadcast, payouts, versions
from app.domain.payments.payment import COLD, Payment, end_events, ended_unsigned
from app.domain.payments.payment_rows import NoSuchPayment
from app.domain.payments.payment_rows import by_ids as payments_by_ids
from app.domain.payments.payment_rows import load as load_payments
from app.domain.payments.requesting import PAYOUT
from app.domain.refusals import Conflict, Refusal


class AlreadyOver(Conflict):
    """Payment {id} is {state}: it cannot be voided."""


class InABlock(Conflict):
    """Payment {id} is in a block: it can no longer be voided."""


class OnItsWay(Conflict):
    """Payment {id} is on its way: it cannot be voided while the node's mempool holds its transaction."""


class ToColdStorage(Conflict):
    """Payment {id} goes to cold storage: it is not voided, bring the money back."""


class NotAlone(Conflict):
    """Payment {id} shares its transaction with other payments: it cannot be voided alone."""


class BuiltUpon(Conflict):
    """Later payments spend the change of payment {id}: it can no longer be voided."""


class StandsOnOthers(Conflict):
    """Payment {id} was signed again because what it stands on was: it cannot be voided."""


@dataclass(frozen=True, slots=True)
class VoidOrder:
    """A payment to be voided. `unseen` is a txid (internal order) that the node did not know just before."""

    foreign_id: str
    id: int
    unseen: bytes | None = None


class Carrier(NamedTuple):
    """The transaction of a payment, in all its versions. `payments` is how many payments it carries.

    `built_upon`: later ones spend its change. `shares`: all versions spend one coin, so that one transaction
    can cancel them all.
    """

    mined: bool
    payments: int
    built_upon: bool
    shares: bool


async def void(db: Db, orders: Sequence[VoidOrder]) -> list[Payment | Refusal]:
    """Void payments, in order. The sender signs a cancelling transaction for those that are signed."""
    locked = await lock(db, [order.id for order in orders])
    carriers = await _carriers(db, locked)
    decided = batch.decide(
        orders, locked, lambda order: order.id, lambda order, payment: _void(order, payment, carriers)
    )
    voided = [payment for payment, _ in batch.accepted(decided)]
    await write(db, voided)
    return batch.outcomes(decided, voided)


VOID: Final = Command("void", plain(void), plain(payments_by_ids), lambda payment: str(payment.id), pays=True)


async def lock(db: Db, ids: Sequence[int]) -> dict[int, Payment]:
    """Lock the payments, then read them: a statement that does both would join rows from before it waited."""
    named = payment_rows.c.id == sa.any_(sa.literal(sorted(set(ids)), bulk.BIGINTS))
    await db.execute(
        sa.select(payment_rows.c.id).where(named).order_by(payment_rows.c.id).with_for_update(key_share=True)
    )
    return {payment.id: payment for payment in await load_payments(db, named)}


async def _carriers(db: Db, payments: Mapping[int, Payment]) -> dict[int | None, Carrier]:
    """Lock the transactions, so that nothing begins to spend their change; then read what depends on them."""
    numbers = {payment.transaction_id for payment in payments.values() if payment.transaction_id is not None}
    if not numbers:
        return {}
    carrying = transactions.c.id == sa.any_(sa.literal(sorted(numbers), bulk.BIGINTS))
    locked = sa.select(transactions.c.id).where(carrying).order_by(transactions.c.id)
    await db.execute(locked.with_for_update(key_share=True))
    count = sa.select(sa.func.count()).where(payment_rows.c.transaction_id == transactions.c.id)
    columns = (transactions.c.id, versions.MINED, count.scalar_subquery(), versions.BUILT_UPON)
    carriers = sa.select(*columns, versions.SHARES).where(carrying)
    return {row[0]: Carrier(*row[1:]) for row in await db.execute(carriers)}


def _void(
    order: VoidOrder, payment: Payment | None, carriers: Mapping[int | None, Carrier]
) -> Step[Payment, None] | Refusal:
    if payment is None or payment.owner.foreign_id != order.foreign_id:
        return NoSuchPayment(id=order.id, field="id")
    if refusal := _refusal(payment, carriers.get(payment.transaction_id), order.unseen):
        return refusal
    if payment.transaction_id is None:
        return Step(ended_unsigned(payment, "VOIDED"), None)
    return Step(payment._replace(state="CANCELLING", error=""), None)


def _refusal(payment: Payment, carrier: Carrier | None, unseen: bytes | None) -> Refusal | None:
    if payment.state not in ("AWAITING_APPROVAL", "PENDING", "PROCESSING", "BROADCAST"):
        return AlreadyOver(id=payment.id, state=payment.state)
    if payment.kind == COLD:
        return ToColdStorage(id=payment.id)
    if carrier is None:
        return None
    if carrier.mined:
        return InABlock(id=payment.id)
    if payment.txid != unseen:
        return OnItsWay(id=payment.id)
    return _bound(payment.id, carrier)


def _bound(number: int, carrier: Carrier) -> Refusal | None:
    """Refuse where other payments or transactions depend on the carrier."""
    if carrier.payments > 1:
        return NotAlone(id=number)
    if carrier.built_upon:
        return BuiltUpon(id=number)
    return None if carrier.shares else StandsOnOthers(id=number)


async def write(db: Db, changed: Sequence[Payment], event: str = "PAYMENT_VOIDED") -> None:
    """Give back the money of unsigned payments, and send the transactions of the others no more; `event` tells it."""
    if not changed:
        return
    ended = [payment for payment in changed if payment.state == "VOIDED"]
    rows = [
        {
            "account_id": payment.owner.id,
            "id": payment.id,
            "state": payment.state,
            "error": "",
            "reserved": 0 if payment in ended else payment.reserved,
        }
        for payment in changed
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    signed = [payment.transaction_id for payment in changed if payment.transaction_id is not None]
    if signed:
        firsts = sa.literal(signed, bulk.BIGINTS)
        others = sa.and_(transactions.c.replaces == sa.any_(firsts), transactions.c.pays)
        stopped = sa.update(transactions).where(sa.or_(transactions.c.id == sa.any_(firsts), others))
        await db.execute(stopped.values(broadcast_by_us=False))
    await payouts.suspend_payouts(db, [payment.owner.id for payment in changed if payment.kind == PAYOUT])
    entries = [payment.give_back("voided", payment.reserved) for payment in ended]
    events = end_events(ended, event)
    await outbox.post_and_emit(db, entries, events, [payment.owner for payment in ended])


AT_ONCE: Final = 50


_ABANDONED: Final = sa.and_(
    payment_rows.c.expires.is_not(None),
    versions.has_state(payment_rows, "PENDING", "PROCESSING"),
    payment_rows.c.expires <= STATEMENT_NOW,
)
_FIRST_ABANDONED: Final = sa.select(payment_rows.c.id).where(_ABANDONED).order_by(payment_rows.c.expires)
ANY_ABANDONED: Final = _FIRST_ABANDONED.limit(1).scalar_subquery().is_not(None)
"""Whether any payment was sent by nobody before its time was over."""


async def abandoned(db: Db) -> list[Payment]:
    """Return payments that nobody sent before their time was over, the first to end first."""
    return await load_payments(db, payment_rows.c.id.in_(_FIRST_ABANDONED.limit(AT_ONCE)))


async def note_seen(db: Db, transaction_id: int) -> None:
    """Note that the node has the transaction. From now on we send it too, unless it is being cancelled.

    `note_answers` has locked the payment by then, and so does whoever voids it.
    """
    await broadcast.note_answers(db, [transaction_id], {})
    sent = sa.exists().where(
        payment_rows.c.transaction_id == transactions.c.id, payment_rows.c.state == "BROADCAST"
    )
    await db.execute(
        sa.update(transactions).where(transactions.c.id == transaction_id, sent).values(broadcast_by_us=True)
    )


async def void_unseen(db: Db, payment: Payment) -> None:
    """Void a payment that the node has not seen, unless it has ended or was sent meanwhile."""
    await void(db, [VoidOrder(payment.owner.foreign_id, payment.id, payment.txid)])
