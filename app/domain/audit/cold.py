"""What must be true of cold storage: its books are those of its payments and of the deposits that came back."""

from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import COLD_STORAGE, addresses, balances, deposits, payments
from app.domain.audit.slices import Position, Slice, sum_of
from app.domain.payments import COLD, LIVE
from app.money import DOGE

_UNDER_WAY: Final = sum_of(payments.c.amount, payments.c.state.in_(LIVE))
_PAYMENTS: Final = sa.select(
    sa.func.count(), _UNDER_WAY, sum_of(payments.c.amount, payments.c.state == "CONFIRMED")
).where(payments.c.kind == COLD)
_BUCKETS: Final = ("available", "incoming", "outgoing")


async def cold_storage_equals_payments(db: Db, _: Position) -> Slice:
    """What is on its way, lies there, and comes back was posted: each in its bucket.

    They are few: a payment at a time goes there, and an operator brings something back.
    """
    count, leaving, stored = (await db.execute(_PAYMENTS)).one()
    deposited, incoming, confirmed = (await db.execute(_deposits())).one()
    books = sa.select(*(balances.c[name] for name in _BUCKETS))
    row = (
        await db.execute(books.where(balances.c.account_id == COLD_STORAGE, balances.c.asset == DOGE))
    ).first()
    wanted = (confirmed - leaving - stored, incoming, leaving)
    known = (0, 0, 0) if row is None else tuple(row)
    fault = (
        "" if known == wanted else f"cold storage has {known} koinu, and its payments and deposits {wanted}"
    )
    return Slice(count + deposited, fault)


def _deposits() -> sa.Select[int, int, int]:
    """Sum what came to addresses for returns; an index finds those of each address."""
    same = (deposits.c[name] == addresses.c[name] for name in ("account_id", "branch", "index"))
    return (
        sa.select(
            sa.func.count(),
            sum_of(deposits.c.amount, deposits.c.state == "incoming"),
            sum_of(deposits.c.amount, deposits.c.state == "confirmed"),
        )
        .join(addresses, sa.and_(*same))
        .where(addresses.c.purpose == "cold", deposits.c.invoice.is_(None))
    )
