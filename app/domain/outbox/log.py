"""Events as they are read back: in the order of their positions, by type and by account."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import Db
from app.db.tables import accounts, events
from app.domain.access import EVERYTHING, Reach
from app.domain.outbox import writing
from app.domain.refusals import Invalid

ALL: Final = "ALL"
PAGE: Final = 100
WINDOW: Final = 20_000
"""Events that one page reads at most, so that rare types cost no long scan."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event with its numbers; `message` is the JSON text that was written when it happened."""

    position: int
    account_id: int
    sequence: int
    foreign_id: str
    event_id: str
    type: str
    message: str
    created: datetime


class Page(NamedTuple):
    """Events, oldest first, and the position to go on after, which moves also where no event matched."""

    events: list[Event]
    position: int


class BeyondTheEnd(Invalid):
    """There is no event {position} yet, the last one is {last}: go on from a cursor that GET /events gives now."""


def class_of(event_type: str) -> str:
    """Return the class of a type, by which GigaWallet filters: `ACC` of `ACC_CREATED`."""
    return event_type.partition("_")[0]


def matches_filter(types: Collection[str], event_type: str) -> bool:
    """Say whether a type matches a filter of `ALL`, classes and single types."""
    return ALL in types or event_type in types or class_of(event_type) in types


def envelope(event: Event) -> bytes:
    """Return the JSON that is sent of an event everywhere: GigaWallet's three fields first, then ours.

    The message is put in as it was stored. Parsing it again could change it: `1.0` and `1`, the order of its
    keys.
    """
    fields = {
        "event_type": event.type,
        "message": orjson.Fragment(event.message),
        "event_id": event.event_id,
        "sequence": event.sequence,
        "position": event.position,
        "created": event.created.isoformat(),
    }
    return orjson.dumps(fields)


def in_base64(event: Event) -> Event:
    """Return the event as GigaWallet sent it before September 2023: the message is base64 of the JSON."""
    return replace(event, message=f'"{base64.b64encode(event.message.encode()).decode()}"')


async def page(
    db: Db,
    after: int,
    limit: int = PAGE,
    types: Collection[str] = (ALL,),
    foreign_id: str | None = None,
    reach: Reach = EVERYTHING,
) -> Page:
    """Return at most `limit` events after a position, oldest first, of one account or of all within reach.

    A page that is not full ends at the last event, or after WINDOW events that were searched.
    """
    last = await writing.last_position(db)  # before the others: they can read all events up to it
    number = events.c.position if foreign_id is None else events.c.sequence
    behind = sa.select(events).where(await _behind(db, after, foreign_id), events.c.position <= last)
    everything = ALL in types and (foreign_id is not None or not reach.limited)
    wanted = behind.order_by(number) if everything else _among(behind, types, number, reach)
    listed = await _fetch(db, wanted.limit(limit))
    if len(listed) == limit:
        return Page(listed, listed[-1].position)
    reached: int | None = None if everything else await db.scalar(_nth(behind, number, WINDOW))
    return Page(listed, max(after, last) if reached is None else reached)


async def check(db: Db, position: int, field: str = "cursor") -> None:
    """Raise BeyondTheEnd where no event has this position yet: its reader would miss the events before it."""
    last = await writing.last_position(db) if position else 0
    if position > last:
        raise BeyondTheEnd(position=position, last=last, field=field)


async def at(db: Db, positions: Sequence[int]) -> list[Event]:
    """Return the events at these positions, in order."""
    wanted = sa.cast(list(positions), sa.ARRAY(sa.BigInteger))
    return await _fetch(
        db, sa.select(events).where(events.c.position == sa.any_(wanted)).order_by(events.c.position)
    )


async def position_before(db: Db, moment: datetime) -> int:
    """Return about the last position before a time, found by halving: later events have greater positions.

    It is not exact, because events are numbered in the order of their commits.
    """
    low, high = 0, await writing.last_position(db)
    while low < high:
        middle = (low + high + 1) // 2
        first = sa.select(events.c.created).where(events.c.position >= middle)
        created = await db.scalar(first.order_by(events.c.position).limit(1))
        low, high = (middle, high) if created is not None and created < moment else (low, middle - 1)
    return low


# The events of an account have their sequences in the order of their positions, and the oldest are deleted
# first. So halving finds the sequence by the primary key, and reads 20 rows of a million. An index by
# position would cost each event that is written. The account may have been renamed since: its name of now
# counts.
_FIRST_BEHIND: Final = sa.text("""
    WITH RECURSIVE halves (account_id, low, high) AS (
        SELECT accounts.id, oldest.sequence, newest.sequence + 1
        FROM accounts
        CROSS JOIN LATERAL (
            SELECT sequence FROM events WHERE account_id = accounts.id ORDER BY 1 LIMIT 1
        ) AS oldest
        CROSS JOIN LATERAL (
            SELECT sequence FROM events WHERE account_id = accounts.id ORDER BY 1 DESC LIMIT 1
        ) AS newest
        WHERE accounts.foreign_id = :foreign_id
    UNION ALL
        SELECT account_id,
            CASE WHEN before THEN middle + 1 ELSE low END, CASE WHEN before THEN high ELSE middle END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (
                SELECT position FROM events WHERE events.account_id = halves.account_id AND sequence >= middle
                ORDER BY sequence LIMIT 1
            ) <= :after AS before
            OFFSET 0  -- computed once, used twice
        ) AS compared
        WHERE low < high
    )
    SELECT account_id, low AS sequence FROM halves WHERE low = high
""").bindparams(sa.bindparam("foreign_id", type_=sa.Text), sa.bindparam("after", type_=sa.BigInteger))


async def _behind(db: Db, after: int, foreign_id: str | None) -> sa.ColumnElement[bool]:
    """Return the condition of events behind a position; for one account by its sequences."""
    if foreign_id is None:
        return events.c.position > after
    first = (await db.execute(_FIRST_BEHIND, {"foreign_id": foreign_id, "after": after})).one_or_none()
    if first is None:
        return sa.false()
    return sa.and_(events.c.account_id == first.account_id, events.c.sequence >= first.sequence)


def _among(
    behind: sa.Select[Any], types: Collection[str], number: sa.Column[int], reach: Reach
) -> sa.Select[Any]:
    """Order the events, and keep those of these types and accounts among the first WINDOW."""
    window = behind.order_by(number).limit(WINDOW).subquery()
    within = sa.true() if not reach.limited else _within(window, reach)
    wanted = sa.cast(sorted(types), sa.ARRAY(sa.Text))
    event_class = sa.func.split_part(window.c.type, "_", 1)
    matches = sa.or_(window.c.type == sa.any_(wanted), event_class == sa.any_(wanted))
    matches = sa.true() if ALL in types else matches
    return sa.select(window).where(matches, within).order_by(window.c.position)


def _within(window: sa.Subquery, reach: Reach) -> sa.ColumnElement[bool]:
    """Return the condition that the event's account is within reach, by its name of now."""
    same = accounts.c.id == window.c.account_id
    return sa.exists().where(same, reach.includes(accounts.c.foreign_id))


def _nth(behind: sa.Select[Any], number: sa.Column[int], nth: int) -> sa.Select[Any]:
    """Select the position of the n-th event."""
    return behind.with_only_columns(events.c.position).order_by(number).offset(nth - 1).limit(1)


async def _fetch(db: Db, query: sa.Select[Any]) -> list[Event]:
    return [event_of(row) for row in await db.execute(query)]


def event_of(row: Any) -> Event:
    """Return the event of a row."""
    return Event(
        row.position,
        row.account_id,
        row.sequence,
        row.foreign_id,
        row.event_id,
        row.type,
        row.message,
        row.created,
    )
