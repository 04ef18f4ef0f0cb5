"""Deliveries: one row per event and endpoint, from due to delivered or failed; every attempt is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, Row, bulk
from app.db.tables import attempts, deliveries
from app.domain import outbox
from app.domain.outbox import Event
from app.domain.webhooks import health

JITTER: Final = 0.2
"""A wait is up to a tenth longer or shorter: deliveries that failed together are not retried together."""


class Key(NamedTuple):
    """The key of a delivery."""

    endpoint_id: int
    position: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that this process may post until `claimed_until`, which is also the token of the claim."""

    key: Key
    claimed_until: datetime
    url: str = field(repr=False)
    # The endpoint's secret, then the one that it replaced a short while ago.
    secrets: tuple[str, ...] = field(repr=False)
    event: Event = field(repr=False)
    legacy_base64_message: bool = False
    failing: bool = False  # the endpoint has not succeeded since it last failed

    @property
    def host(self) -> str:
        """The host and port that it is posted to, as the claim tells hosts apart."""
        return self.url.partition("//")[2].partition("/")[0].partition("?")[0].rpartition("@")[2].lower()

    @property
    def body(self) -> bytes:
        """The body that is posted."""
        return outbox.envelope(outbox.in_base64(self.event) if self.legacy_base64_message else self.event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt.

    `status` is None where no answer came. `response` is the head of the answer, or what went wrong.
    """

    delivery: Delivery
    at: datetime
    status: int | None
    milliseconds: int
    response: str
    retry_after: int = 0  # seconds that the answer asked for

    @property
    def delivered(self) -> bool:
        """True for any 2xx; a redirect is not followed and counts as a failure."""
        return self.status is not None and 200 <= self.status < 300


_SETTLE: Final = Prepared(
    sa.text("""
    UPDATE deliveries AS delivery
    SET state = new.state, attempts = new.attempts, attempts_since_due = new.attempts_since_due, claimed_until = new.claimed_until,
        next = coalesce(new.next, delivery.next)
    FROM (
        SELECT *, now() + make_interval(secs => wait) AS next
        FROM unnest(:endpoint_ids, :positions, :states, :attempts, :attempts_since_due, :claims, :waits)
            AS row (endpoint_id, position, state, attempts, attempts_since_due, claimed_until, wait)
    ) AS new
    WHERE delivery.endpoint_id = new.endpoint_id AND delivery.position = new.position
""").bindparams(
        sa.bindparam("endpoint_ids", type_=bulk.BIGINTS),
        sa.bindparam("positions", type_=bulk.BIGINTS),
        sa.bindparam("states", type_=bulk.TEXTS),
        sa.bindparam("attempts", type_=bulk.Array(sa.Integer())),
        sa.bindparam("attempts_since_due", type_=bulk.Array(sa.Integer())),
        sa.bindparam("claims", type_=bulk.Array(sa.DateTime(timezone=True))),
        sa.bindparam("waits", type_=bulk.Array(sa.Float())),
    )
)
_KEYS: Final = bulk.unnested(deliveries, Key._fields)
_READ: Final = ("state", "attempts", "attempts_since_due", "claimed_until")
_LOCK: Final = Prepared(
    sa.select(*(deliveries.c[name] for name in (*Key._fields, *_READ)))
    .join(_KEYS, sa.and_(*(deliveries.c[name] == _KEYS.c[name] for name in Key._fields)))
    .order_by(*(deliveries.c[name] for name in Key._fields))
    .with_for_update(of=deliveries)
)


async def record(
    db: Db,
    outcomes: Sequence[Outcome],
    unsent: Sequence[Delivery],
    retries: Sequence[int],
    chance: Callable[[], float],
) -> None:
    """Record the attempts, update their deliveries, and disable endpoints that have failed for too long.

    After the n-th failure a delivery waits about `retries[n - 1]` seconds (`chance()` is in [0, 1)). After
    the last retry it has failed. A delivery that another process has claimed meanwhile changes only if it was
    delivered. The claims of `unsent`, which were not tried, end at once.
    """
    keys = {outcome.delivery.key for outcome in outcomes} | {delivery.key for delivery in unsent}
    if not keys:
        return
    rows = await _locked(db, sorted(keys))
    for delivery in unsent:
        row = rows.get(delivery.key)
        if row is not None and row.claimed_until == delivery.claimed_until:
            rows[delivery.key] = row._replace(claimed_until=None)
    attempt_rows: list[Row] = []
    for outcome in outcomes:
        key = outcome.delivery.key
        if key in rows:  # else the endpoint was deleted
            rows[key] = after_attempt(rows[key], outcome, retries, chance())
            attempt_rows.append(_attempt(outcome, rows[key].attempts))
    if rows:
        await bulk.execute(db, _SETTLE, _columns(rows))
    if attempt_rows:
        await bulk.insert(db, attempts, attempt_rows)
        await health.update(db, [_result(outcome) for outcome in outcomes])


class DeliveryRow(NamedTuple):
    """What changes of a delivery. `wait` is the seconds until it may be tried again; None keeps that time."""

    state: str
    attempts: int
    attempts_since_due: int
    claimed_until: datetime | None
    wait: float | None = None


def after_attempt(row: DeliveryRow, outcome: Outcome, retries: Sequence[int], chance: float) -> DeliveryRow:
    """Return the delivery as it is after an attempt."""
    number, attempts_since_due = row.attempts + 1, row.attempts_since_due + 1
    if outcome.delivered:
        return DeliveryRow("delivered", number, attempts_since_due, None)
    if row.state != "due" or row.claimed_until != outcome.delivery.claimed_until:
        return row._replace(attempts=number)
    if attempts_since_due > len(retries):
        return DeliveryRow("failed", number, attempts_since_due, None)
    wait = retries[attempts_since_due - 1] * (1 + JITTER * (chance - 0.5))
    return DeliveryRow("due", number, attempts_since_due, None, max(wait, outcome.retry_after))


async def _locked(db: Db, keys: Sequence[Key]) -> dict[Key, DeliveryRow]:
    """Lock in the order of the keys, as every statement that waits for these locks does."""
    rows = await bulk.fetch_values(db, _LOCK, bulk.columns(Key._fields, keys))
    return {Key(*row[:2]): DeliveryRow(*row[2:]) for row in rows}


def _result(outcome: Outcome) -> health.AttemptResult:
    delivery = outcome.delivery
    gone = outcome.status == health.GONE
    return health.AttemptResult(
        delivery.key.endpoint_id, delivery.url, succeeded=outcome.delivered, gone=gone
    )


def _columns(rows: Mapping[Key, DeliveryRow]) -> dict[str, Any]:
    return {
        "endpoint_ids": [key.endpoint_id for key in rows],
        "positions": [key.position for key in rows],
        "states": [row.state for row in rows.values()],
        "attempts": [row.attempts for row in rows.values()],
        "attempts_since_due": [row.attempts_since_due for row in rows.values()],
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
