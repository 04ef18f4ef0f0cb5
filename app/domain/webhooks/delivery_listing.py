"""Deliveries as they are looked at, and sent again: one, or a range of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import deliveries, webhook_backlogs
from app.db.tables import events as event_rows
from app.domain import outbox, pages
from app.domain.commands import Command, plain
from app.domain.outbox import BeyondTheEnd
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal
from app.domain.webhooks import changes, endpoints
from app.domain.webhooks.changes import one_by_one
from app.domain.webhooks.deliveries import Key

ATTEMPTS: Final = 20
"""The last of each delivery that are shown."""
FORGOTTEN: Final = "forgotten"
"""What a delivery is that was removed meanwhile, where a repeated request asks for it."""


class NoSuchDelivery(NotFound):
    """Webhook endpoint {id} has no delivery {position} whose event is still kept."""


class ReplayRuns(Conflict):
    """A replay to this webhook endpoint is not finished; ask again when it is."""


class NothingBetween(Invalid):
    """There is no event between after and before."""

    field = "before"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One post: `status` is None where no answer came; `response` is its head, or what went wrong."""

    at: datetime
    status: int | None
    milliseconds: int
    response: str


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery with its last attempts, oldest first; `next` is None unless it is due."""

    key: Key
    event_id: str
    event_type: str
    state: str
    next: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """What is to be sent again: events after a position or from a time on, and before another; None is the end."""

    endpoint_id: int
    after: int | datetime
    before: int | datetime | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The positions that are sent again: those after the first, up to the second."""

    endpoint_id: int
    after: int
    until: int


_SHOWN: Final = sa.select(
    deliveries,
    sa.func.coalesce(event_rows.c.event_id, "").label("event_id"),
    sa.func.coalesce(event_rows.c.type, "").label("type"),
).select_from(deliveries.outerjoin(event_rows, event_rows.c.position == deliveries.c.position))

_ATTEMPTS: Final = sa.text("""
    SELECT tried.* FROM unnest(:positions) AS given (position) CROSS JOIN LATERAL (
        SELECT * FROM attempts WHERE endpoint_id = :endpoint_id AND position = given.position
        ORDER BY number DESC LIMIT :limit
    ) AS tried
    ORDER BY tried.position, tried.number
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
    """Make one delivery due at once, whatever became of it, with a schedule of its own from the beginning.

    The endpoint is not locked: whoever records attempts locks their deliveries first. One that is disabled or deleted
    meanwhile has one more that is due, and is as well off with it.
    """
    endpoint = (await endpoints.by_ids(db, [str(key.endpoint_id)])).get(str(key.endpoint_id))
    if endpoint is not None and endpoint.state == "deleted":
        endpoint = None
    if (refusal := changes.unusable(key.endpoint_id, endpoint)) is not None:
        return refusal
    kept = sa.exists().where(event_rows.c.position == key.position)
    one = sa.update(deliveries).where(*_is(key), kept).values(state="due", tries=0, next=sa.func.now())
    if (await db.execute(one)).rowcount == 0:
        return NoSuchDelivery(id=key.endpoint_id, position=key.position, field="delivery_id")
    return (await _by_names(db, [_named(key)]))[_named(key)]


async def replay(db: Db, order: Range) -> Replay | Refusal:
    """Have a range of events sent again, or for the first time, as far as the endpoint wants them; one range at a time.

    Here it is only noted: fan_out makes the deliveries a slice at a time, however many they are.
    """
    endpoint = await endpoints.lock(db, order.endpoint_id)
    if (refusal := changes.unusable(order.endpoint_id, endpoint)) is not None:
        return refusal
    running = sa.select(webhook_backlogs.c.id).where(
        webhook_backlogs.c.endpoint_id == order.endpoint_id, webhook_backlogs.c.again
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
    row = {"endpoint_id": order.endpoint_id, "position": after, "until": until, "again": True}
    await bulk.insert(db, webhook_backlogs, [row])
    return Replay(order.endpoint_id, after, until)


def _beyond(order: Range, last: int) -> Refusal | None:
    """Refuse positions that no event has yet: whoever names one knows another history of the database."""
    for name, position, most in (("after", order.after, last), ("before", order.before, last + 1)):
        if isinstance(position, int) and position > most:
            return BeyondTheEnd(position=position, last=last, field=name)
    return None


async def _until(db: Db, before: int | datetime | None, last: int) -> int:
    if before is None:
        return last
    return min(last, before - 1 if isinstance(before, int) else await outbox.position_before(db, before))


async def _records(db: Db, endpoint_id: int, rows: Sequence[Row]) -> list[DeliveryRecord]:
    given = {"positions": [row["position"] for row in rows], "endpoint_id": endpoint_id}
    tried: dict[int, list[Attempt]] = {}
    for one in await db.execute(_ATTEMPTS, given) if rows else ():
        attempt = Attempt(one.at, one.status, one.milliseconds, one.response)
        tried.setdefault(one.position, []).append(attempt)
    return [_record(row, tuple(tried.get(row["position"], ()))) for row in rows]


def _record(row: Row, tried: tuple[Attempt, ...]) -> DeliveryRecord:
    key, due = Key(row["endpoint_id"], row["position"]), row["state"] == "due"
    return DeliveryRecord(
        key, row["event_id"], row["type"], row["state"], row["next"] if due else None, tried
    )


async def _by_names(db: Db, names: Sequence[str]) -> Mapping[str, DeliveryRecord]:
    found: dict[str, DeliveryRecord] = {}
    for name in names:
        key = Key(*map(int, name.split()))
        there = await _records(db, key.endpoint_id, await bulk.fetch_all(db, _SHOWN.where(*_is(key))))
        found[name] = there[0] if there else DeliveryRecord(key, "", "", FORGOTTEN, None, ())
    return found


async def _replays(_: Db, names: Sequence[str]) -> Mapping[str, Replay]:
    """A replay is its own name: what is noted of it is gone once it is done."""
    return {name: Replay(*map(int, name.split())) for name in names}


def _named(key: Key) -> str:
    return f"{key.endpoint_id} {key.position}"


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.endpoint_id == key.endpoint_id, deliveries.c.position == key.position


REDELIVER: Final = Command(
    "redelivery", one_by_one(redeliver), plain(_by_names), lambda delivery: _named(delivery.key)
)
REPLAY: Final = Command(
    "webhook-replay",
    one_by_one(replay),
    plain(_replays),
    lambda replay: f"{replay.endpoint_id} {replay.after} {replay.until}",
)
