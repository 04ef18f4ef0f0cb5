"""How holds end, in whole or in part: they are released, captured by an account, or expire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import STATEMENT_NOW
from app.db.tables import holds as rows
from app.domain import accounts, batch, transfers
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.holds import hold as holds
from app.domain.holds.hold import Hold, NoSuchHold
from app.domain.ledger import RawAmount
from app.domain.owner import Owner, find_open
from app.domain.refusals import Invalid, Refusal
from app.domain.transfers import EntryGroup

BATCH: Final = 500

HoldStep = Step[Hold, EntryGroup]
"""The hold after some entries, and the group of these entries."""


class OwnHold(Invalid):
    """The account {foreign_id} has given this hold itself: to get it back, release it."""


@dataclass(frozen=True, slots=True)
class Release:
    """An `amount` of the hold (None: all that remains) is to be given back."""

    hold: int
    amount: RawAmount | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """An `amount` of the hold (None: all that remains) is for the account `to`; the rest is given back."""

    hold: int
    to: str
    amount: RawAmount | None = None


async def release(db: Db, orders: Sequence[Release]) -> list[Hold | Refusal]:
    """Release holds, in order. What is not released of a hold stays held."""
    locked = await holds.lock(db, [order.hold for order in orders])
    time = await holds.clock(db, locked)
    decided = batch.decide(
        orders, locked, lambda order: order.hold, lambda order, hold: _release(order, hold, time)
    )
    return batch.outcomes(decided, await _post(db, batch.accepted(decided)))


RELEASE: Final = Command("release", plain(release), plain(holds.by_ids), lambda hold: str(hold.id))


async def capture(db: Db, orders: Sequence[Capture]) -> list[Hold | Refusal]:
    """Capture holds, in order. A hold is captured once, and what is not captured then goes back."""
    payees = await accounts.owners(db, [order.to for order in orders])
    locked = await holds.lock(db, [order.hold for order in orders])
    time = await holds.clock(db, locked)
    decided = batch.decide(
        orders,
        locked,
        lambda order: order.hold,
        lambda order, hold: decide_capture(order, hold, payees, time),
    )
    return batch.outcomes(decided, await _post(db, batch.accepted(decided)))


CAPTURE: Final = Command("capture", plain(capture), plain(holds.by_ids), lambda hold: str(hold.id))


_HELD: Final = sa.literal_column("'HELD'", sa.Text)
"""A literal: with a parameter no partial index would be used."""
_LATE: Final = sa.and_(rows.c.state == _HELD, rows.c.expires <= STATEMENT_NOW)
_FIRST_LATE: Final = sa.select(rows.c.id).where(_LATE).order_by(rows.c.expires).limit(1)
ANY_LATE: Final = _FIRST_LATE.scalar_subquery().is_not(None)
"""Whether the time of any hold is over."""


async def expire(db: Db, limit: int = BATCH) -> int:
    """Give back what remains of up to `limit` holds whose time is over; return how many.

    A hold that another transaction has locked is skipped: it may just be captured.
    """
    selected = holds.SELECT.where(_LATE).order_by(rows.c.expires).limit(limit)
    locked = await bulk.fetch_all(db, selected.with_for_update(key_share=True, skip_locked=True, of=rows))
    await _post(db, [_expire(holds.of(row)) for row in locked])
    return len(locked)


def _release(order: Release, hold: Hold | None, time: datetime | None) -> HoldStep | Refusal:
    if hold is None:
        return NoSuchHold(id=order.hold, field="id")
    amount = hold.over(time) or hold.amount_of(order.amount)
    if isinstance(amount, Refusal):
        return amount
    after, entry = hold.give_back(amount, "RELEASED")
    return Step(after, EntryGroup(hold.asset, (entry,), (holds.released(after, amount),)))


def _payee(order: Capture, hold: Hold, payees: Mapping[str, Owner]) -> Owner | Refusal:
    payee = find_open(payees, order.to, "to")
    if isinstance(payee, Owner) and payee.id == hold.owner.id:
        return OwnHold(foreign_id=order.to, field="to")
    return payee


def decide_capture(
    order: Capture, hold: Hold | None, payees: Mapping[str, Owner], time: datetime | None
) -> HoldStep | Refusal:
    """Return the hold after the capture, and its entries, or why it cannot be captured."""
    if hold is None:
        return NoSuchHold(id=order.hold, field="id")
    amount = hold.over(time) or hold.amount_of(order.amount)
    if isinstance(amount, Refusal):
        return amount
    payee = _payee(order, hold, payees)
    if isinstance(payee, Refusal):
        return payee
    after, entry = hold.capture(amount, payee)
    entries = [entry]
    if after.remaining:
        after, rest = after.give_back(after.remaining, "CAPTURED")
        entries.append(rest)
    return Step(after, EntryGroup(hold.asset, tuple(entries), holds.captured(after, payee, amount)))


def _expire(hold: Hold) -> HoldStep:
    amount = hold.remaining
    after, entry = hold.give_back(amount, "EXPIRED")
    return Step(after, EntryGroup(hold.asset, (entry,), (holds.expired(after, amount),)))


async def _post(db: Db, steps: Sequence[HoldStep]) -> list[Hold]:
    """Post the entries and write the holds; return each hold after its entries."""
    await transfers.post_groups(db, [group for _, group in steps])
    await holds.write(db, list({hold.id: hold for hold, _ in steps}.values()))
    return [hold for hold, _ in steps]
