"""Deliveries: one row per event and endpoint, from due to delivered or failed; every attempt is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import endpoint_health, events
from app.domain.events import Event
from app.tables import attempts, deliveries

JITTER: Final = 0.2
"""A wait is longer or shorter by up to a tenth, so that what failed together does not come back together."""


class Key(NamedTuple):
    """What a delivery is known by."""

    endpoint_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is ours to post until `claimed_until`, which is also the claim's token."""

    key: Key
    claimed_until: datetime
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(
        repr=False
    )  # the endpoint's first, then the one that it replaced a short while ago
    event: Event = field(repr=False)
    legacy_base64_message: bool = False

    @property
    def body(self) -> bytes:
        """What is posted."""
        return events.envelope(events.in_base64(self.event) if self.legacy_base64_message else self.event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: `status` is None where no answer came; `response` is its head, or what went wrong."""

    delivery: Delivery
    at: datetime
    status: int | None
    milliseconds: int
    response: str
    retry_after: int = 0  # seconds that the answer asked for

    @property
    def delivered(self) -> bool:
        """Any 2xx; a redirect is not followed and counts as a failure."""
        return self.status is not None and 200 <= self.status < 300


# Only endpoints that have something due are looked at: the index of what is due is walked from one to the next. Each has
# room of its own, and those with the most of it come first, so that one with a long queue leaves the others theirs; where
# all of it together is more than there is, each gets as much less.
# The lock and the conditions are in one statement: PostgreSQL looks at them again once it has the lock.
_CLAIM: Final = sa.text("""
    WITH RECURSIVE waiting AS (
        (SELECT endpoint_id FROM deliveries WHERE state = 'due' ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT endpoint_id FROM deliveries
            WHERE state = 'due' AND endpoint_id > waiting.endpoint_id ORDER BY endpoint_id LIMIT 1
        ) FROM waiting WHERE waiting.endpoint_id IS NOT NULL
    ), busy AS (
        SELECT * FROM unnest(:busy, :rooms) AS busy (endpoint_id, room)
    ), picked AS (
        SELECT due.endpoint_id, due.position
        FROM (
            SELECT id, room, CAST(least(room, greatest(1, trunc(room * :limit / sum(room) OVER ()))) AS bigint) AS share
            FROM (
                SELECT id, coalesce(busy.room, :each) AS room
                FROM waiting JOIN webhook_endpoints ON id = waiting.endpoint_id LEFT JOIN busy ON busy.endpoint_id = id
                WHERE state = 'active' AND coalesce(busy.room, :each) > 0 AND (
                    SELECT next FROM deliveries WHERE endpoint_id = id AND state = 'due' ORDER BY next LIMIT 1
                ) <= now()
            ) AS roomy
            ORDER BY room DESC, random()
        ) AS endpoint
        CROSS JOIN LATERAL (
            SELECT endpoint_id, position FROM deliveries
            WHERE endpoint_id = endpoint.id AND state = 'due' AND next <= now()
                AND (claimed_until IS NULL OR claimed_until <= now())
            ORDER BY next, position
            LIMIT endpoint.share
            FOR UPDATE SKIP LOCKED
        ) AS due
        LIMIT :limit
    ), claimed AS (
        UPDATE deliveries AS delivery SET claimed_until = now() + make_interval(secs => :seconds)
        FROM picked
        WHERE delivery.endpoint_id = picked.endpoint_id AND delivery.position = picked.position
        RETURNING delivery.endpoint_id, delivery.position, delivery.claimed_until
    )
    SELECT claimed.endpoint_id, claimed.claimed_until, endpoint.url, endpoint.secret, endpoint.legacy_base64_message,
        CASE WHEN endpoint.previous_until > now() THEN endpoint.previous_secret ELSE '' END AS previous_secret, events.*
    FROM claimed JOIN events USING (position) JOIN webhook_endpoints AS endpoint ON endpoint.id = claimed.endpoint_id
    ORDER BY position, endpoint_id
""").bindparams(
    sa.bindparam("busy", type_=bulk.BIGINTS),
    sa.bindparam("rooms", type_=bulk.BIGINTS),
    sa.bindparam("each", type_=sa.BigInteger),
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("seconds", type_=sa.Float),
)

_SETTLE: Final = sa.text("""
    UPDATE deliveries AS delivery
    SET state = given.state, attempts = given.attempts, tries = given.tries, claimed_until = given.claimed_until,
        next = CASE WHEN given.wait IS NULL THEN delivery.next ELSE now() + make_interval(secs => given.wait) END
    FROM unnest(:endpoint_ids, :positions, :states, :attempts, :tries, :claims, :waits)
        AS given (endpoint_id, position, state, attempts, tries, claimed_until, wait)
    WHERE delivery.endpoint_id = given.endpoint_id AND delivery.position = given.position
""").bindparams(
    sa.bindparam("endpoint_ids", type_=bulk.BIGINTS),
    sa.bindparam("positions", type_=bulk.BIGINTS),
    sa.bindparam("states", type_=bulk.TEXTS),
    sa.bindparam("attempts", type_=bulk.Array(sa.Integer())),
    sa.bindparam("tries", type_=bulk.Array(sa.Integer())),
    sa.bindparam("claims", type_=bulk.Array(sa.DateTime(timezone=True))),
    sa.bindparam("waits", type_=bulk.Array(sa.Float())),
)


async def claim(db: Db, rooms: Mapping[int, int], each: int, limit: int, seconds: float) -> list[Delivery]:
    """Claim at most `limit` due deliveries of active endpoints for `seconds`, in the order of their positions.

    An endpoint gets at most `rooms[id]` of them, `each` where it is not named.
    """
    given = {"busy": list(rooms), "rooms": list(rooms.values()), "each": each, "limit": limit, "seconds": seconds}
    found = await db.execute(_CLAIM, given)
    return [_of(row) for row in found]


async def record(
    db: Db, outcomes: Sequence[Outcome], retries: Sequence[int], chance: Callable[[], float]
) -> dict[Key, str]:
    """Record the attempts, settle their deliveries, and disable endpoints that have failed for too long; return what ended.

    After the n-th failure a delivery waits `retries[n - 1]` seconds, more or less (`chance()` is in [0, 1)); when the
    schedule is used up it has failed. What another claimed meanwhile stays with the other unless it was delivered.
    """
    if not outcomes:
        return {}
    rows = await _locked(db, sorted({outcome.delivery.key for outcome in outcomes}))
    tried: list[bulk.Row] = []
    for outcome in outcomes:
        key = outcome.delivery.key
        if key in rows:  # else the endpoint was deleted
            rows[key] = after(rows[key], outcome, retries, chance())
            tried.append(_attempt(outcome, rows[key].attempts))
    if tried:
        await db.execute(_SETTLE, _columns(rows))
        await bulk.insert(db, attempts, tried)
        await endpoint_health.note(db, [_sign(outcome) for outcome in outcomes])
    return {key: row.state for key, row in rows.items() if row.state != "due"}


class Standing(NamedTuple):
    """What a delivery's row says; `wait` is the seconds until it may be tried again, None where that stays."""

    state: str
    attempts: int
    tries: int
    claimed_until: datetime | None
    wait: float | None = None


def after(standing: Standing, outcome: Outcome, retries: Sequence[int], chance: float) -> Standing:
    """Return what an attempt leaves."""
    number, tries = standing.attempts + 1, standing.tries + 1
    if outcome.delivered:
        return Standing("delivered", number, tries, None)
    if standing.state != "due" or standing.claimed_until != outcome.delivery.claimed_until:
        return standing._replace(attempts=number)
    if tries > len(retries):
        return Standing("failed", number, tries, None)
    wait = retries[tries - 1] * (1 + JITTER * (chance - 0.5))
    return Standing("due", number, tries, None, max(wait, outcome.retry_after))


async def release(db: Db, claimed: Sequence[Delivery]) -> None:
    """Give back what was claimed and not tried, so that nobody waits for the claim to run out."""
    rows = await _locked(db, sorted(delivery.key for delivery in claimed))
    tokens = {delivery.key: delivery.claimed_until for delivery in claimed}
    freed = {key: row._replace(claimed_until=None) for key, row in rows.items() if row.claimed_until == tokens[key]}
    if freed:
        await db.execute(_SETTLE, _columns(freed))


async def _locked(db: Db, keys: Sequence[Key]) -> dict[Key, Standing]:
    """Lock in the order of the keys, as everyone who waits for such locks does."""
    given = bulk.rows(deliveries, Key._fields, [key._asdict() for key in keys])
    same = sa.and_(deliveries.c.endpoint_id == given.c.endpoint_id, deliveries.c.position == given.c.position)
    found = await db.execute(
        sa.select(deliveries)
        .join(given, same)
        .order_by(deliveries.c.endpoint_id, deliveries.c.position)
        .with_for_update(of=deliveries)
    )
    return {
        Key(row.endpoint_id, row.position): Standing(row.state, row.attempts, row.tries, row.claimed_until)
        for row in found
    }


def _of(row: Any) -> Delivery:
    secrets = tuple(secret for secret in (row.secret, row.previous_secret) if secret)
    key = Key(row.endpoint_id, row.position)
    return Delivery(key, row.claimed_until, row.url, secrets, events.of(row), row.legacy_base64_message)


def _sign(outcome: Outcome) -> endpoint_health.Sign:
    delivery = outcome.delivery
    gone = outcome.status == endpoint_health.GONE
    return endpoint_health.Sign(delivery.key.endpoint_id, delivery.url, well=outcome.delivered, gone=gone)


def _columns(rows: Mapping[Key, Standing]) -> dict[str, Any]:
    return {
        "endpoint_ids": [key.endpoint_id for key in rows],
        "positions": [key.position for key in rows],
        "states": [row.state for row in rows.values()],
        "attempts": [row.attempts for row in rows.values()],
        "tries": [row.tries for row in rows.values()],
        "claims": [row.claimed_until for row in rows.values()],
        "waits": [row.wait for row in rows.values()],
    }


def _attempt(outcome: Outcome, number: int) -> dict[str, object]:
    return {
        "endpoint_id": outcome.delivery.key.endpoint_id,
        "position": outcome.delivery.key.position,
        "number": number,
        "at": outcome.at,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "response": outcome.response,
    }
