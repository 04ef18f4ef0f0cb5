"""Broadcasts: which transactions the node is to be given, and what it answered."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW, transactions
from app.db.tables import payments as payment_rows
from app.domain import outbox
from app.domain.payments import versions
from app.domain.payments.payment import Payment, payment_event
from app.domain.payments.payment_rows import load as load_payments

RESEND: Final = timedelta(seconds=60)
AFTER_REASON: Final = "; "
"""Stands in a payment's error between what the node said and what we say about it."""
_REFUSABLE: Final = ("BROADCAST", "CANCELLING")
_RECENT: Final = transactions.c.last_broadcast > STATEMENT_NOW - RESEND
DUE: Final = sa.and_(
    versions.has_state(transactions, *versions.UNMINED),
    transactions.c.broadcast_by_us,
    sa.or_(transactions.c.last_broadcast.is_(None), ~_RECENT),
)
"""Transactions that no block holds, and that the node was not given in the last minute."""


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


async def note_answers(
    db: Db,
    held: Collection[int],
    refused: Mapping[int, str],
    unsure: Collection[int] = (),
    underpriced: Collection[int] = (),
) -> set[int]:
    """Note which transactions the node has, which it refuses and why, and of which it said nothing certain.

    The `underpriced` ones among the refused need a higher fee. Writes an event for each payment that was sent
    the first time. All transactions are offered again after a minute, until a block decides. Returns those
    that the node had not refused for this reason before.
    """
    numbers = sorted({*held, *refused, *unsure})
    firsts = {row.id: row.first for row in await db.execute(_FIRSTS, {"numbers": numbers})}
    first_ids = sa.literal(sorted(set(firsts.values())), bulk.BIGINTS)
    carried = await load_payments(db, payment_rows.c.transaction_id == sa.any_(first_ids), lock=True)
    await _note_tries(db, numbers, held, underpriced)
    reasons = {firsts[number]: reason for number, reason in refused.items()}
    changes = _changes(carried, {firsts[number] for number in held}, reasons)
    rows = [{"account_id": p.owner.id, "id": p.id, "state": p.state, "error": p.error} for p, _ in changes]
    if rows:
        await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    await outbox.emit(db, [payment_event(payment, event) for payment, event in changes if event])
    newly_refused = {payment.transaction_id for payment, _ in changes if payment.error}
    return {number for number in refused if firsts[number] in newly_refused}


async def _note_tries(
    db: Db, numbers: Sequence[int], held: Collection[int], underpriced: Collection[int]
) -> None:
    """Write when the node was given these transactions, which of them it has, and whose fee is too low."""
    rows = await db.execute(_LOCK, {"numbers": numbers})
    tries = [
        (row.id, "sent" if row.state == "signed" and row.id in held else row.state, row.id in underpriced)
        for row in rows
    ]
    await db.execute(_TRIED, bulk.columns(_TRY, tries))


def _changes(
    carried: Sequence[Payment], held: Collection[int], reasons: Mapping[int, str]
) -> list[tuple[Payment, str]]:
    """Return the payments that the answer about their transaction changes, each with its event or ""."""
    changes = []
    for payment in carried:
        reason = reasons.get(payment.transaction_id or 0, payment.error)
        if payment.transaction_id in held and payment.state == "PROCESSING":
            changes.append((payment._replace(state="BROADCAST", error=""), "PAYMENT_SENT"))
        elif payment.transaction_id in held and payment.error and payment.state in _REFUSABLE:
            changes.append((payment._replace(error=""), ""))
        elif payment.transaction_id not in held and reason != payment.error.split(AFTER_REASON)[0]:
            changes.append((payment._replace(error=reason), ""))
    return changes


_NUMBERS: Final = sa.bindparam("numbers", type_=bulk.BIGINTS)
_STATES: Final = sa.select(payment_rows.c.id, payment_rows.c.state).where(
    payment_rows.c.id == sa.any_(_NUMBERS)
)
_NAMED: Final = transactions.c.id == sa.any_(_NUMBERS)
_FIRSTS: Final = sa.select(transactions.c.id, versions.first_of(transactions).label("first")).where(_NAMED)
"""A transaction carries or cancels the payments of the first of its versions."""
_LOCK: Final = (
    sa.select(transactions.c.id, transactions.c.state)
    .where(_NAMED)
    .order_by(transactions.c.id)
    .with_for_update(key_share=True)
)
_TRY: Final = ("id", "state", "underpriced")
_TRIES: Final = bulk.unnested(transactions, _TRY)
_TRIED: Final = (
    sa.update(transactions)
    .where(transactions.c.id == _TRIES.c.id)
    .values(last_broadcast=STATEMENT_NOW, state=_TRIES.c.state, underpriced=_TRIES.c.underpriced)
)
