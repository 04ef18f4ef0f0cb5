"""A cancelling transaction spends a coin of another one back to its account: only one can be mined."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import payments as payment_rows
from app.db.tables import transactions
from app.domain.payments import fees, signing_queue, spendable_coins, versions, voiding
from app.domain.payments.coin_selection import Choice, Spendable, largest_first
from app.domain.payments.payment import Payment
from app.domain.payments.signing_queue import Signed
from app.money import DUST, Koinu

_IS_CANCELLED: Final = sa.exists().where(
    transactions.c.replaces == payment_rows.c.transaction_id,
    ~transactions.c.pays,
    transactions.c.state != "dead",
    transactions.c.broadcast_by_us,
    ~transactions.c.underpriced,
)
_EXCLUDED: Final = sa.exists().where(
    transactions.c.id == payment_rows.c.transaction_id, transactions.c.conflict_height.is_not(None)
)
TO_CANCEL: Final = sa.select(payment_rows.c.id).where(
    versions.has_state(payment_rows, "CANCELLING"), ~_IS_CANCELLED, ~_EXCLUDED
)
"""Payments to be cancelled that no transaction cancels yet, or only one that the node refuses for its fee.

A payment that a block excludes needs no cancellation. One might spend the coin of a deposit that can never be
again.
"""


async def lock_to_cancel(db: Db) -> list[Payment]:
    """Lock the payments that are TO_CANCEL, oldest first."""
    ids = list(await db.scalars(TO_CANCEL.order_by(payment_rows.c.id).limit(signing_queue.BATCH_SIZE)))
    locked = await voiding.lock(db, ids) if ids else {}
    return [payment for payment in locked.values() if payment.state == "CANCELLING"]


def choose(coins: Sequence[Spendable], payment: Payment, policy: fees.Policy) -> Choice | None:
    """Spend the largest of the coins, and more only where its change would be dust.

    Returns None where no choice has a fee within what was set aside.
    """
    terms = fees.FeeTerms(policy, Koinu(min(payment.total, fees.HIGHEST_FEE)))
    largest = sorted(coins, key=largest_first)
    for count, total in enumerate(accumulate(coin.amount for coin in largest), 1):
        size = fees.size(count, [fees.CHANGE_SCRIPT])
        if size > terms.largest:
            return None
        fee = terms.fee(size)
        if total - fee >= DUST:
            return Choice(tuple(largest[:count]), (), Koinu(total - fee), fee)
    return None


async def take_refused_fee(db: Db, first: int) -> int:
    """Return the highest fee of the refused transactions that cancel this one, 0 if there are none.

    They count as refused no longer.
    """
    cancelling = sa.and_(_cancels(first), transactions.c.state != "dead")
    former = sa.update(transactions).where(cancelling).values(underpriced=False).returning(transactions.c.fee)
    return max(await db.scalars(former), default=0)


async def store(db: Db, signed: Signed) -> None:
    """Store the signed bytes. The coins stay marked for the cancelled transaction, until a block decides.

    Former cancelling transactions are sent no more: they share a coin with this one.
    """
    await db.execute(sa.update(transactions).where(_cancels(signed.replaces)).values(broadcast_by_us=False))
    numbers = await signing_queue.insert_signed(db, [signed])
    await spendable_coins.share(db, numbers[signed.txid], signed.choice.coins)
    await signing_queue.move_change(db, [signed])


def _cancels(first: int | None) -> sa.ColumnElement[bool]:
    return sa.and_(transactions.c.replaces == first, ~transactions.c.pays)
