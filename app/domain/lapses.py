"""Lapses: a payment whose caller wanted to send it itself, and did not in time."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.domain import broadcasts, payments, voids
from app.domain.payments import Payment
from app.tables import STATEMENT_NOW, transactions
from app.tables import payments as payment_rows

AT_ONCE: Final = 50


async def due(db: Db, now: datetime | None = None) -> list[Payment]:
    """Return payments whose time is over at `now` (None: the database's clock) and that nobody has seen, the oldest first."""
    waits = sa.and_(payment_rows.c.expires.is_not(None), payment_rows.c.state.in_(("PENDING", "PROCESSING")))
    over = sa.select(payment_rows.c.id).where(waits, payment_rows.c.expires <= (STATEMENT_NOW if now is None else now))
    return await payments.load(db, payment_rows.c.id.in_(over.order_by(payment_rows.c.expires).limit(AT_ONCE)))


async def seen(db: Db, transaction_id: int) -> None:
    """The node has the transaction: it is on its way, and from now on we send it too, unless it is being cancelled meanwhile.

    The payment is locked by then, and whoever voids it locks it as well.
    """
    await broadcasts.answered(db, [transaction_id], {})
    sent = sa.exists().where(payment_rows.c.transaction_id == transactions.c.id, payment_rows.c.state == "BROADCAST")
    await db.execute(sa.update(transactions).where(transactions.c.id == transaction_id, sent).values(sends=True))


async def unseen(db: Db, payment: Payment) -> None:
    """Void it; a refusal says that it is over or on its way meanwhile."""
    await voids.void(db, [voids.Wish(payment.owner.foreign_id, payment.id, payment.txid)])
