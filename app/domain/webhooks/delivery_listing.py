"""Lists of deliveries, and deliveries that are sent redelivers: one, or a range of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import deliveries, webhook_backlogs
from app.db.tables import events as event_rows
from app.domain import outbox, pages
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.outbox import BeyondTheEnd
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal
from app.domain.webhooks import changes, endpoints
from app.domain.webhooks.changes import one_by_one
from app.domain.webhooks.deliveries import Key

ATTEMPTS: Final = 20
"""Shown of each delivery: the last ones."""
FORGOTTEN: Final = "forgotten"
"""The state of a deleted delivery in the answer to a repeated request."""


class NoSuchDelivery(NotFound):
    """Webhook endpoint {id} has no delivery {position} whose event is still kept."""


class ReplayRuns(Conflict):
    """A replay to this webhook endpoint is not finished; ask again when it is."""


class NothingBetween(Invalid):
    """There is no event between after and before."""

    field = "before"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One post. `status` is None without an answer; `response` is the answer's head, or what went wrong."""

    at: datetime
    status: int | None
    milliseconds: int
    response: str


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery with its last attempts, oldest first; `next` is None unless it is due, `created` of a deleted one."""

    key: Key
    event_id: str
    event_type: str
    state: str
    next: datetime | None
    attempts: tuple[Attempt, ...]
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """The events to send redelivers: after a position or from a time on, and before another; None is the end.

    Where there are several cells, this is the range of the first, and `others` has those of the cells behind it.
    """

    endpoint_id: int
    after: int | datetime
    before: int | datetime | None = None
    others: tuple["Range", ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """The positions that are sent redelivers: after `after`, up to `until`."""

    endpoint_id: int
    after: int
    until: int


_SHOWN: Final = sa.select(
    deliveries,
    sa.func.coalesce(event_rows.c.event_id, "").label("event_id"),
    sa.func.coalesce(event_rows.c.type, "").label("type"),
).select_from(deliveries.outerjoin(event_rows, event_rows.c.position == deliveries.c.position))

_ATTEMPTS: Final = sa.text("""
    SELECT newest.* FROM unnest(:positions) AS wanted (position) CROSS JOIN LATERAL (
        SELECT * FROM attempts WHERE endpoint_id = :endpoint_id AND position = wanted.position
        ORDER BY number DESC LIMIT :limit
    ) AS newest
    ORDER BY newest.position, newest.number
""").bindparams(
    sa.bindparam("positions", type_=bulk.BIGINTS),
    sa.bindparam("endpoint_id", type_=sa.BigInteger),
    sa.bindparam("limit", ATTEMPTS, sa.BigInteger),
)


async def page(
    db: Db, endpoint_id: int, request: PageRequest[int], state: str | None = None
) -> Page[DeliveryRecord, int]:
    """Return some of the deliveries, newest first; NoSuchEndpoint where there is no endpoint."""
    await endpoints.fetch(db, endpoint_id)
    same: dict[str, int | str] = {"endpoint_id": endpoint_id} | ({} if state is None else {"state": state})
    columns = [deliveries.c[name] for name in (*same, "position")]
    key, before = deliveries.c.position, request.after_or(pages.BEHIND_IDS)
    positions = pages.newest(sa.select(key), columns, [*same.values()], before, request.rows)
    shown = _SHOWN.where(deliveries.c.endpoint_id == endpoint_id, bulk.among(key, positions))
    rows = await bulk.fetch_all(db, shown.order_by(key.desc()))
    return request.page(await _records(db, endpoint_id, rows), lambda record: record.key.position)


async def redeliver(db: Db, key: Key) -> DeliveryRecord | Refusal:
    """Make one delivery due at once, whatever its state, with a new schedule of retries.

    The endpoint is not locked, because `deliveries.record` locks deliveries before endpoints. An endpoint
    that is disabled or deleted meanwhile has one more due delivery, which does no harm.
    """
    endpoint = (await endpoints.by_ids(db, [str(key.endpoint_id)])).get(str(key.endpoint_id))
    if endpoint is not None and endpoint.state == "deleted":
        endpoint = None
    if (refusal := changes.unusable(key.endpoint_id, endpoint)) is not None:
        return refusal
    has_event = sa.exists().where(event_rows.c.position == key.position)
    due = (
        sa.update(deliveries)
        .where(*_is(key), has_event)
        .values(state="due", attempts_since_due=0, next=sa.func.now())
    )
    if (await db.execute(due)).rowcount == 0:
        return NoSuchDelivery(id=key.endpoint_id, position=key.position, field="delivery_id")
    return (await _by_names(db, [_name(key)]))[_name(key)]


async def replay(db: Db, order: Range) -> Replay | Refusal:
    """Send a range of events again, or for the first time, as far as they match; one range at a time.

    This only stores the range: `fan_out` makes the deliveries in slices, however many they are.
    """
    endpoint = await endpoints.lock(db, order.endpoint_id)
    if (refusal := changes.unusable(order.endpoint_id, endpoint)) is not None:
        return refusal
    running = sa.select(webhook_backlogs.c.id).where(
        webhook_backlogs.c.endpoint_id == order.endpoint_id, webhook_backlogs.c.redelivers
    )
    if (await db.execute(running)).first() is not None:
        return ReplayRuns()
    last = await outbox.last_position(db)
    if (refusal := _beyond(order, last)) is not None:
        return refusal
    after = order.after if isinstance(order.after, int) else await outbox.position_before(db, order.after)
    until = await _until(db, order.before, last)
    if until <= after:
        return NothingBetween()
    row = {"endpoint_id": order.endpoint_id, "position": after, "until": until, "redelivers": True}
    await bulk.insert(db, webhook_backlogs, [row])
    return Replay(order.endpoint_id, after, until)


def _beyond(order: Range, last: int) -> Refusal | None:
    """Refuse positions that no event has yet: the caller knows them from another database."""
    for name, position, most in (("after", order.after, last), ("before", order.before, last + 1)):
        if isinstance(position, int) and position > most:
            return BeyondTheEnd(position=position, last=last, field=name)
    return None


async def _until(db: Db, before: int | datetime | None, last: int) -> int:
    if before is None:
        return last
    return min(last, before - 1 if isinstance(before, int) else await outbox.position_before(db, before))


async def _records(db: Db, endpoint_id: int, rows: Sequence[Row]) -> list[DeliveryRecord]:
    wanted = {"positions": [row["position"] for row in rows], "endpoint_id": endpoint_id}
    attempts: dict[int, list[Attempt]] = {}
    for row in await db.execute(_ATTEMPTS, wanted) if rows else ():
        attempt = Attempt(row.at, row.status, row.milliseconds, row.response)
        attempts.setdefault(row.position, []).append(attempt)
    return [_record(row, tuple(attempts.get(row["position"], ()))) for row in rows]


def _record(row: Row, attempts: tuple[Attempt, ...]) -> DeliveryRecord:
    key, due = Key(row["endpoint_id"], row["position"]), row["state"] == "due"
    due_at = row["next"] if due else None
    return DeliveryRecord(key, row["event_id"], row["type"], row["state"], due_at, attempts, row["created"])


async def _by_names(db: Db, names: Sequence[str]) -> Mapping[str, DeliveryRecord]:
    named: dict[str, DeliveryRecord] = {}
    for name in names:
        key = Key(*map(int, name.split()))
        records = await _records(db, key.endpoint_id, await bulk.fetch_all(db, _SHOWN.where(*_is(key))))
        named[name] = records[0] if records else DeliveryRecord(key, "", "", FORGOTTEN, None, ())
    return named


async def _replays(_: Db, names: Sequence[str]) -> Mapping[str, Replay]:
    """Read replays from their names: their rows are deleted when they are done."""
    return {name: Replay(*map(int, name.split())) for name in names}


def _name(key: Key) -> str:
    return f"{key.endpoint_id} {key.position}"


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.endpoint_id == key.endpoint_id, deliveries.c.position == key.position


def _delivery_name(delivery: DeliveryRecord) -> str:
    return _name(delivery.key)


def _replay_name(replay: Replay) -> str:
    return f"{replay.endpoint_id} {replay.after} {replay.until}"


def _replay_shown(replay: Replay) -> Shown:
    return {"after": replay.after, "until": replay.until}


def _delivery_shown(delivery: DeliveryRecord) -> Shown:
    return {"event_id": delivery.event_id, "event_type": delivery.event_type, "state": delivery.state}


_REDELIVERED: Final[Audited[Key, DeliveryRecord]] = Audited(_delivery_shown, _delivery_name)
REDELIVER: Final = Command(
    "redelivery", one_by_one(redeliver), plain(_by_names), _delivery_name,
    audited=_REDELIVERED,
)  # fmt: skip
_REPLAYED: Final[Audited[Range, Replay]] = Audited(_replay_shown, _replay_name)
REPLAY: Final = Command(
    "webhook-replay", one_by_one(replay), plain(_replays), _replay_name,
    audited=_REPLAYED,
)  # fmt: skip
