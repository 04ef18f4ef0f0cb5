"""Events as they are read back: in the order of their positions, by type and by account."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import Db
from app.db.tables import events
from app.domain.outbox import writing
from app.domain.refusals import Invalid

ALL: Final = "ALL"
PAGE: Final = 100
WINDOW: Final = 20_000
"""Events that one page looks through at most, so that rare types cost no long scan."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event with its numbers; `message` is the JSON text that was rendered when it happened."""

    position: int
    account_id: int
    sequence: int
    foreign_id: str
    event_id: str
    type: str
    message: str
    created: datetime


class Page(NamedTuple):
    """Events, oldest first, and the position to go on after: it moves also where nothing in the window was asked for."""

    events: list[Event]
    position: int


class BeyondTheEnd(Invalid):
    """There is no event {position} yet, the last one is {last}: go on from a cursor that GET /events gives now."""


def class_of(event_type: str) -> str:
    """Return what GigaWallet filters by: `ACC` of `ACC_CREATED`."""
    return event_type.partition("_")[0]


def matches_filter(types: Collection[str], event_type: str) -> bool:
    """Say whether a filter of `ALL`, classes and single types lets this type through."""
    return ALL in types or event_type in types or class_of(event_type) in types


def envelope(event: Event) -> bytes:
    """Render the one form in which every event leaves: GigaWallet's three fields first, then ours.

    The message is put in as it was stored. Parsing it again could change it: `1.0` and `1`, the order of its keys.
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
    """Return the event as GigaWallet told it before September 2023: its message is a string, base64 of the JSON."""
    return replace(event, message=f'"{base64.b64encode(event.message.encode()).decode()}"')


async def page(
    db: Db, after: int, limit: int = PAGE, types: Collection[str] = (ALL,), foreign_id: str | None = None
) -> Page:
    """Return at most `limit` events after a position, oldest first; of one account where `foreign_id` is given.

    A page that is not full has seen all there is, unless more than WINDOW events were looked through for their types.
    """
    last = await writing.last_position(db)  # first: what it counts is there for the statement after it
    counted = events.c.position if foreign_id is None else events.c.sequence
    behind = sa.select(events).where(await _behind(db, after, foreign_id), events.c.position <= last)
    listed = await _fetch(db, _of_types(behind, types, counted).limit(limit))
    if len(listed) == limit:
        return Page(listed, listed[-1].position)
    seen: int | None = None if ALL in types else await db.scalar(_nth(behind, counted, WINDOW))
    return Page(listed, max(after, last) if seen is None else seen)


async def check(db: Db, position: int, field: str = "cursor") -> None:
    """Refuse with BeyondTheEnd where nothing has this position yet: whoever waits behind it misses what comes before it."""
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
    """Return about the last position before a time, found by halving: what happened later has a greater position.

    "About", because events are numbered in the order of their commits: those that overlapped may have changed places.
    """
    low, high = 0, await writing.last_position(db)
    while low < high:
        middle = (low + high + 1) // 2
        there = (
            sa.select(events.c.created)
            .where(events.c.position >= middle)
            .order_by(events.c.position)
            .limit(1)
        )
        created = await db.scalar(there)
        low, high = (middle, high) if created is not None and created < moment else (low, middle - 1)
    return low


# An account's events are numbered in the order of their positions, without a gap but for what a restore leaves out, and
# forgotten from the oldest on. So halving finds the place in the primary key, 20 rows looked at for a million; an index by
# position would cost each event that is written. The name is that of now: the account may have been renamed since.
_FIRST_BEHIND: Final = sa.text("""
    WITH RECURSIVE halves (account_id, low, high) AS (
        SELECT accounts.id, oldest.sequence, newest.sequence + 1
        FROM accounts
        CROSS JOIN LATERAL (SELECT sequence FROM events WHERE account_id = accounts.id ORDER BY 1 LIMIT 1) AS oldest
        CROSS JOIN LATERAL (SELECT sequence FROM events WHERE account_id = accounts.id ORDER BY 1 DESC LIMIT 1) AS newest
        WHERE accounts.foreign_id = :foreign_id
    UNION ALL
        SELECT account_id, CASE WHEN seen THEN middle + 1 ELSE low END, CASE WHEN seen THEN high ELSE middle END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (
                SELECT position FROM events WHERE events.account_id = halves.account_id AND sequence >= middle
                ORDER BY sequence LIMIT 1
            ) <= :after AS seen
            OFFSET 0  -- asked once, used twice
        ) AS looked
        WHERE low < high
    )
    SELECT account_id, low AS sequence FROM halves WHERE low = high
""").bindparams(sa.bindparam("foreign_id", type_=sa.Text), sa.bindparam("after", type_=sa.BigInteger))


async def _behind(db: Db, after: int, foreign_id: str | None) -> sa.ColumnElement[bool]:
    """Ask for what is behind a position; of one account, by its own numbers."""
    if foreign_id is None:
        return events.c.position > after
    first = (await db.execute(_FIRST_BEHIND, {"foreign_id": foreign_id, "after": after})).one_or_none()
    if first is None:
        return sa.false()
    return sa.and_(events.c.account_id == first.account_id, events.c.sequence >= first.sequence)


def _of_types(there: sa.Select[Any], types: Collection[str], counted: sa.Column[int]) -> sa.Select[Any]:
    """Order the events, and let through those of these types among the first WINDOW."""
    if ALL in types:
        return there.order_by(counted)
    seen = there.order_by(counted).limit(WINDOW).subquery()
    wanted = sa.cast(sorted(types), sa.ARRAY(sa.Text))
    event_class = sa.func.split_part(seen.c.type, "_", 1)
    named = sa.or_(seen.c.type == sa.any_(wanted), event_class == sa.any_(wanted))
    return sa.select(seen).where(named).order_by(seen.c.position)


def _nth(there: sa.Select[Any], counted: sa.Column[int], number: int) -> sa.Select[Any]:
    """Ask for the position of the n-th event."""
    return there.with_only_columns(events.c.position).order_by(counted).offset(number - 1).limit(1)


async def _fetch(db: Db, asked: sa.Select[Any]) -> list[Event]:
    return [of(row) for row in await db.execute(asked)]


def of(row: Any) -> Event:
    """Make an event of a row that has its columns."""
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
