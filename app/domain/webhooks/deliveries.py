"""Deliveries: one row per event and endpoint, from due to delivered or failed; every attempt is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import attempts, deliveries
from app.domain import outbox
from app.domain.outbox import Event
from app.domain.webhooks import health

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
    failing: bool = False  # the endpoint has not answered well since it last failed

    @property
    def host(self) -> str:
        """Whom it is posted to, as the claim tells hosts apart."""
        return self.url.partition("//")[2].partition("/")[0].partition("?")[0].rpartition("@")[2].lower()

    @property
    def body(self) -> bytes:
        """What is posted."""
        return outbox.envelope(outbox.in_base64(self.event) if self.legacy_base64_message else self.event)


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


async def record(
    db: Db,
    outcomes: Sequence[Outcome],
    unsent: Sequence[Delivery],
    retries: Sequence[int],
    chance: Callable[[], float],
) -> None:
    """Record the attempts, settle their deliveries, and disable endpoints that have failed for too long.

    After the n-th failure a delivery waits `retries[n - 1]` seconds, more or less (`chance()` is in [0, 1)); when the
    schedule is used up it has failed. What another claimed meanwhile stays with the other unless it was delivered.
    The claims of `unsent`, which were not tried, end, so that nobody waits for them to run out.
    """
    keys = {outcome.delivery.key for outcome in outcomes} | {delivery.key for delivery in unsent}
    if not keys:
        return
    rows = await _locked(db, sorted(keys))
    for delivery in unsent:
        row = rows.get(delivery.key)
        if row is not None and row.claimed_until == delivery.claimed_until:
            rows[delivery.key] = row._replace(claimed_until=None)
    tried: list[Row] = []
    for outcome in outcomes:
        key = outcome.delivery.key
        if key in rows:  # else the endpoint was deleted
            rows[key] = after(rows[key], outcome, retries, chance())
            tried.append(_attempt(outcome, rows[key].attempts))
    if rows:
        await db.execute(_SETTLE, _columns(rows))
    if tried:
        await bulk.insert(db, attempts, tried)
        await health.note(db, [_sign(outcome) for outcome in outcomes])


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


def _sign(outcome: Outcome) -> health.Sign:
    delivery = outcome.delivery
    gone = outcome.status == health.GONE
    return health.Sign(delivery.key.endpoint_id, delivery.url, well=outcome.delivered, gone=gone)


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
