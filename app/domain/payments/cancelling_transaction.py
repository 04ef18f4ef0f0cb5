"""The cancelling transaction: one that spends a coin of another one back to its account, so that only one of them can be."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import payments as payment_rows
from app.db.tables import transactions
from app.domain.payments import fees, signing_queue, spendable_coins, voiding
from app.domain.payments.coin_selection import Choice, Spendable
from app.domain.payments.payment import Payment
from app.domain.payments.signing_queue import Signed
from app.money import DUST, Koinu

_P2PKH = bytes(25)

_CANCELS: Final = sa.and_(
    transactions.c.replaces == payment_rows.c.transaction_id,
    ~transactions.c.pays,
    transactions.c.state != "dead",
)
_RIVAL: Final = sa.exists().where(_CANCELS, transactions.c.sends, ~transactions.c.outbid)
_OVERTAKEN: Final = sa.exists().where(
    transactions.c.id == payment_rows.c.transaction_id, transactions.c.conflict_height.is_not(None)
)
WANTED: Final = sa.select(payment_rows.c.id).where(
    payment_rows.c.state == sa.literal_column("'CANCELLING'", sa.Text), ~_RIVAL, ~_OVERTAKEN
)
"""Payments that are to be cancelled and of which nothing does so yet, or only what the node refuses for its fee.

What a block has overtaken needs no cancellation; one might spend the coin of a deposit that can never be again.
"""


async def wanted(db: Db) -> list[Payment]:
    """Lock those that are WANTED, oldest first."""
    ids = list(await db.scalars(WANTED.order_by(payment_rows.c.id).limit(signing_queue.BATCH_SIZE)))
    locked = await voiding.lock(db, ids) if ids else {}
    return [payment for payment in locked.values() if payment.state == "CANCELLING"]


def choose(held: Sequence[Spendable], payment: Payment, policy: fees.Policy) -> Choice | None:
    """Take the largest coin, and more only where change of one would be dust; None where the fee is above what was set aside."""
    terms = fees.FeeTerms(policy, Koinu(min(payment.total, fees.HIGHEST_FEE)))
    largest = sorted(held, key=lambda coin: (-coin.amount, coin.outpoint))
    for count, total in enumerate(accumulate(coin.amount for coin in largest), 1):
        size = fees.size(count, [_P2PKH])
        if size > terms.largest:
            return None
        if total - terms.fee(size) >= DUST:
            fee = terms.fee(size)
            return Choice(tuple(largest[:count]), (), Koinu(total - fee), fee)
    return None


async def refused_fee(db: Db, first: int) -> int:
    """Return the highest fee of those that cancel it already, of which the node takes none; it refuses them no more from here."""
    theirs = sa.and_(transactions.c.replaces == first, ~transactions.c.pays, transactions.c.state != "dead")
    before = sa.update(transactions).where(theirs).values(outbid=False).returning(transactions.c.fee)
    return max(await db.scalars(before), default=0)


async def store(db: Db, signed: Signed) -> None:
    """Keep the signed bytes; the coins stay those of the transaction that it cancels, until a block decides.

    What cancels it already is sent no more: they share a coin.
    """
    theirs = sa.and_(transactions.c.replaces == signed.replaces, ~transactions.c.pays)
    await db.execute(sa.update(transactions).where(theirs).values(sends=False))
    numbers = await signing_queue.insert(db, [signed])
    await spendable_coins.share(db, numbers[signed.txid], signed.choice.coins)
    await signing_queue.move_change(db, [signed])
