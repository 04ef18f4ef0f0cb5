"""Which deliveries are posted next: those that are due, as far as their endpoints and hosts have room."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.domain import outbox
from app.domain.webhooks.deliveries import Delivery, Key


@dataclass(frozen=True, slots=True)
class Load:
    """What is posted just now, and how much more may be: by endpoint, by host, and to endpoints that fail.

    An endpoint gets at most `each` posts at a time, a host `of_host`, all of its endpoints together, and of what it has free
    one part in so many as `part` is the most for an endpoint, and is left for who comes next. All that fail get `of_failing`
    together, each one at a time beside what was posted before it failed (`tried` are those that have it), up to `most`.
    """

    each: int
    most: int
    of_host: int
    of_failing: int
    part: int
    endpoints: Mapping[int, int]
    hosts: Mapping[str, int]
    tried: Collection[int] = ()
    failing: int = 0


# Only endpoints that have something due are looked at: the index of what is due is walked from one to the next. Each has
# room of its own, and those with the most of it come first, so that one with a long queue leaves the others theirs; where
# all of it together is more than there is, each gets as much less. Before that the endpoints of one host, and those that
# fail, are cut in a random order to what they may have together: however many of them hang, there is room for the others.
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
        SELECT * FROM unnest(:busy, :counts, :tried) AS busy (endpoint_id, number, tried)
    ), hosts AS (
        SELECT * FROM unnest(:hosts, :host_counts) AS hosts (host, number)
    ), due AS (
        SELECT id, failing_since IS NOT NULL AS failing, random() AS lot, coalesce(busy.number, 0) AS number, busy.tried,
            lower(substring(url FROM '//(?:[^/?]*@)?([^/?]*)')) AS host
        FROM waiting JOIN webhook_endpoints ON id = waiting.endpoint_id LEFT JOIN busy ON busy.endpoint_id = id
        WHERE state = 'active' AND (
            SELECT next FROM deliveries
            WHERE endpoint_id = id AND state = 'due' AND (claimed_until IS NULL OR claimed_until <= now())
            ORDER BY next LIMIT 1
        ) <= now()
    ), roomy AS (
        SELECT id, failing, lot, due.host, :of_host - coalesce(hosts.number, 0) AS free,
            CASE WHEN failing THEN least(1 - coalesce(tried, 0), :most - due.number)
                ELSE least(:each, greatest(1, (:of_host - coalesce(hosts.number, 0)) / :part)) - due.number END AS room
        FROM due LEFT JOIN hosts ON hosts.host = due.host
    ), shares AS (
        SELECT id, failing, lot, host, free - free / :part AS free,
            least(room, greatest(1, trunc(room * (free - free / :part) / sum(room) OVER (PARTITION BY host)))) AS room
        FROM roomy WHERE room > 0
    ), of_hosts AS (
        SELECT id, failing, lot, least(room, free - coalesce(
            sum(room) OVER (PARTITION BY host ORDER BY lot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0
        )) AS room
        FROM shares
    ), endpoint AS (
        SELECT id, CASE WHEN failing THEN least(room, :of_failing - coalesce(
            sum(room) OVER (PARTITION BY failing ORDER BY lot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0
        )) ELSE room END AS room
        FROM of_hosts WHERE room > 0
    ), picked AS (
        SELECT due.endpoint_id, due.position
        FROM (
            SELECT id, room, CAST(least(room, greatest(1, trunc(room * :limit / sum(room) OVER ()))) AS bigint) AS share
            FROM endpoint WHERE room > 0
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
        endpoint.failing_since IS NOT NULL AS failing,
        CASE WHEN endpoint.previous_until > now() THEN endpoint.previous_secret ELSE '' END AS previous_secret, events.*
    FROM claimed JOIN events USING (position) JOIN webhook_endpoints AS endpoint ON endpoint.id = claimed.endpoint_id
    ORDER BY position, endpoint_id
""").bindparams(
    sa.bindparam("busy", type_=bulk.BIGINTS),
    sa.bindparam("counts", type_=bulk.BIGINTS),
    sa.bindparam("tried", type_=bulk.BIGINTS),
    sa.bindparam("hosts", type_=bulk.TEXTS),
    sa.bindparam("host_counts", type_=bulk.BIGINTS),
    *(sa.bindparam(name, type_=sa.BigInteger) for name in ("each", "most", "of_host", "of_failing", "part")),
    sa.bindparam("limit", type_=sa.BigInteger),
    sa.bindparam("seconds", type_=sa.Float),
)


async def claim(db: Db, load: Load, limit: int, seconds: float) -> list[Delivery]:
    """Claim at most `limit` due deliveries of active endpoints for `seconds`, in the order of their positions."""
    given = {
        "busy": list(load.endpoints),
        "counts": list(load.endpoints.values()),
        "tried": [int(endpoint in load.tried) for endpoint in load.endpoints],
        "hosts": list(load.hosts),
        "host_counts": list(load.hosts.values()),
        "of_failing": load.of_failing - load.failing,
    }
    fixed = {name: getattr(load, name) for name in ("each", "most", "of_host", "part")}
    found = await db.execute(_CLAIM, {**given, **fixed, "limit": limit, "seconds": seconds})
    return [_of(row) for row in found]


def _of(row: Any) -> Delivery:
    secrets = tuple(secret for secret in (row.secret, row.previous_secret) if secret)
    key = Key(row.endpoint_id, row.position)
    return Delivery(
        key, row.claimed_until, row.url, secrets, outbox.of(row), row.legacy_base64_message, row.failing
    )
