"""Broadcasts: which transactions the node is to be given, and what it said to them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import payments as payment_rows
from app.db.tables import transactions
from app.domain import outbox
from app.domain.payments.payment import Payment, payment_event, with_state
from app.domain.payments.payment import load as load_payments

RESEND: Final = timedelta(seconds=60)
AFTER_REASON: Final = "; "
"""Between what the node said of a payment and what we say of that."""
_REFUSABLE: Final = ("BROADCAST", "CANCELLING")


# The states are said, not given as parameters: otherwise the index of the few that wait could not be asked.
_UNMINED: Final = transactions.c.state.in_(
    [sa.literal_column(f"'{state}'", sa.Text) for state in ("signed", "sent")]
)
_LATELY: Final = transactions.c.tried > sa.func.clock_timestamp() - RESEND
DUE: Final = sa.and_(_UNMINED, transactions.c.sends, sa.or_(transactions.c.tried.is_(None), ~_LATELY))
"""Transactions that no block holds, and that the node was not given lately."""


class Unsent(NamedTuple):
    """A transaction that the node is to be given."""

    id: int
    txid: bytes
    raw: bytes


async def unsent(db: Db, limit: int) -> list[Unsent]:
    """Return transactions that are DUE, oldest first: parents before children."""
    due = sa.select(transactions).where(DUE).order_by(transactions.c.id).limit(limit)
    return [Unsent(row["id"], bytes(row["txid"]), bytes(row["raw"])) for row in await bulk.fetch_all(db, due)]


async def states(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    """Return the states of these payments, by their numbers."""
    rows = await db.execute(_STATES, {"numbers": numbers})
    return {row.id: row.state for row in rows}


async def answered(
    db: Db,
    held: Collection[int],
    refused: Mapping[int, str],
    unsure: Collection[int] = (),
    outbid: Collection[int] = (),
) -> set[int]:
    """Note which transactions the node has, which it does not take and why, and of which it said nothing certain.

    Those `outbid` among the refused need a higher fee.
    Tells of payments that went out the first time. All are offered again in a while, until a block decides. Returns those
    whose refusal is news.
    """
    numbers = sorted({*held, *refused, *unsure})
    originals = {row.id: row.original for row in await db.execute(_ORIGINALS, {"numbers": numbers})}
    first_ids = sa.literal(sorted(set(originals.values())), bulk.BIGINTS)
    carried = await load_payments(db, payment_rows.c.transaction_id == sa.any_(first_ids), lock=True)
    await db.execute(_LOCK, {"numbers": numbers})
    await db.execute(_TRIED, {"numbers": numbers, "held": sorted(held), "outbid": sorted(outbid)})
    reasons = {originals[number]: reason for number, reason in refused.items()}
    moved = _moved(carried, {originals[number] for number in held}, reasons)
    rows = [{"account_id": p.owner.id, "id": p.id, "state": p.state, "error": p.error} for p, _ in moved]
    if rows:
        await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    await outbox.emit(db, [payment_event(payment, event) for payment, event in moved if event])
    news = {payment.transaction_id for payment, _ in moved if payment.error}
    return {number for number in refused if originals[number] in news}


def _moved(
    carried: Sequence[Payment], held: Collection[int], reasons: Mapping[int, str]
) -> list[tuple[Payment, str]]:
    """Return the payments that an answer about their transaction changes, each with the event that tells of it."""
    moved = []
    for payment in carried:
        reason = reasons.get(payment.transaction_id or 0, payment.error)
        if payment.transaction_id in held and payment.state == "PROCESSING":
            moved.append((with_state(payment, "BROADCAST"), "PAYMENT_SENT"))
        elif payment.transaction_id in held and payment.error and payment.state in _REFUSABLE:
            moved.append((with_state(payment, payment.state), ""))
        elif payment.transaction_id not in held and reason != payment.error.split(AFTER_REASON)[0]:
            moved.append((with_state(payment, payment.state, reason), ""))
    return moved


_NUMBERS: Final = sa.bindparam("numbers", type_=bulk.BIGINTS)
_STATES: Final = sa.select(payment_rows.c.id, payment_rows.c.state).where(
    payment_rows.c.id == sa.any_(_NUMBERS)
)
_NAMED: Final = transactions.c.id == sa.any_(_NUMBERS)
_HELD: Final = transactions.c.id == sa.any_(sa.bindparam("held", type_=bulk.BIGINTS))
_ORIGINALS: Final = sa.select(
    transactions.c.id, sa.func.coalesce(transactions.c.replaces, transactions.c.id).label("original")
).where(_NAMED)
"""The payments that a transaction carries, or that it cancels, are those of its original."""
_LOCK: Final = (
    sa.select(transactions.c.id).where(_NAMED).order_by(transactions.c.id).with_for_update(key_share=True)
)
_FIRST: Final = sa.and_(transactions.c.state == "signed", _HELD)
_TRIED: Final = (
    sa.update(transactions)
    .where(_NAMED)
    .values(
        tried=sa.func.clock_timestamp(),
        state=sa.case((_FIRST, "sent"), else_=transactions.c.state),
        outbid=transactions.c.id == sa.any_(sa.bindparam("outbid", type_=bulk.BIGINTS)),
    )
)
