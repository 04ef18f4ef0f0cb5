"""Events as they are read back: in the order of their positions, by type and by account."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import accounts, events, sequencer
from app.domain.access import EVERYTHING, LimitedBy, Reach, within
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
    """Events, oldest first, and the position to go on after, which moves also where no event matched.

    `last` is the position up to which every event could be read.
    """

    events: list[Event]
    position: int
    last: int = 0


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
    db: ReadDb,
    after: int,
    limit: int = PAGE,
    types: Collection[str] = (ALL,),
    foreign_id: str | None = None,
    reach: Reach = EVERYTHING,
) -> Page:
    """Return at most `limit` events after a position, oldest first, of one account or of all within reach.

    A page that is not full ends at the last event, or after WINDOW events that were searched.
    """
    shape = _Shape(foreign_id is not None, ALL not in types, "" if foreign_id else reach.limited_by)
    parameters = {
        "after": after,
        "limit": limit,
        "window": WINDOW,
        "types": sorted(types),
        "foreign_id": foreign_id,
        **reach.parameters,
    }
    rows = await bulk.fetch_all(db, _page(shape), parameters)
    listed, last = [event_of(row) for row in rows if row["position"] is not None], int(rows[0]["last"])
    if len(listed) == limit:
        return Page(listed, listed[-1].position, last)
    searched = await bulk.fetch_all(db, _searched(shape), parameters) if shape.is_filtered else ()
    return Page(listed, searched[0]["position"] if searched else max(after, last), last)


async def check(db: ReadDb, position: int, field: str = "cursor") -> None:
    """Raise BeyondTheEnd where no event has this position yet: its reader would miss the events before it."""
    check_end(position, await writing.last_position(db) if position else 0, field)


def check_end(position: int, last: int, field: str = "cursor") -> None:
    """The same, where the position of the last event is known."""
    if position > last:
        raise BeyondTheEnd(position=position, last=last, field=field)


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


_AFTER: Final = sa.bindparam("after", type_=sa.BigInteger)
_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger)
_WINDOW: Final = sa.bindparam("window", type_=sa.BigInteger)
_REACH: Final = sa.select(sequencer.c.last).where(sequencer.c.account_id == writing.POSITIONS).cte("reach")
"""The position up to which every event can be read: numbers and events are committed together."""

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
""").bindparams(sa.bindparam("foreign_id", type_=sa.Text), _AFTER)


class _Shape(NamedTuple):
    """What a page is restricted by; each has statements of its own, which are made once."""

    of_account: bool
    by_type: bool
    limited_by: LimitedBy

    @property
    def is_filtered(self) -> bool:
        """Whether events are passed over: then at most WINDOW are searched."""
        return self.by_type or bool(self.limited_by)


@cache
def _page(shape: _Shape) -> Prepared:
    """Make the statement of a page: the last position, and beside it the events that can be read up to it."""
    behind, number = _behind(shape)
    event = (_among(behind, number, shape) if shape.is_filtered else behind).limit(_LIMIT).subquery("event")
    listed = sa.select(_REACH.c.last, *event.c).select_from(_REACH.outerjoin(event, sa.true()))
    return Prepared(listed.order_by(event.c.position))


@cache
def _searched(shape: _Shape) -> Prepared:
    """Make the statement that finds where the search of a page ended, if not at the last event."""
    behind, _ = _behind(shape)
    ended = behind.with_only_columns(events.c.position).offset(_WINDOW - 1).limit(1)
    return Prepared(ended)


def _behind(shape: _Shape) -> tuple[sa.Select[Any], str]:
    """Select the events behind a position in their order, and name that; those of an account go by sequence."""
    behind = sa.select(events).where(events.c.position <= sa.select(_REACH.c.last).scalar_subquery())
    if not shape.of_account:
        return behind.where(events.c.position > _AFTER).order_by(events.c.position), "position"
    first = _FIRST_BEHIND.columns(account_id=sa.BigInteger, sequence=sa.BigInteger).cte("first")
    account, sequence = (sa.select(first.c[name]).scalar_subquery() for name in ("account_id", "sequence"))
    behind = behind.where(events.c.account_id == account, events.c.sequence >= sequence)
    return behind.order_by(events.c.sequence), "sequence"


def _among(behind: sa.Select[Any], number: str, shape: _Shape) -> sa.Select[Any]:
    """Keep the events of these types and accounts among the first WINDOW."""
    window = behind.limit(_WINDOW).subquery("searched")
    wanted: list[sa.ColumnElement[bool]] = []
    if shape.by_type:
        types, event_class = (
            sa.bindparam("types", type_=bulk.TEXTS),
            sa.func.split_part(window.c.type, "_", 1),
        )
        wanted.append(sa.or_(window.c.type == sa.any_(types), event_class == sa.any_(types)))
    if shape.limited_by:  # by the account's name of now
        named = within(accounts.c.foreign_id, shape.limited_by)
        wanted.append(sa.exists().where(accounts.c.id == window.c.account_id, named))
    return sa.select(window).where(*wanted).order_by(window.c[number])


def event_of(row: Row) -> Event:
    """Return the event of a row."""
    return Event(*(row[name] for name in Event.__slots__))
