"""Which deliveries are posted next: due ones, as far as their endpoints and hosts have room."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from app.db import Db, Prepared, Row, bulk
from app.domain import outbox
from app.domain.webhooks.deliveries import Delivery, Key

OF_ENDPOINT: Final = 32
"""Posts to one endpoint at a time. A failing endpoint gets one new post at a time, a probe."""
OF_HOST: Final = 128
"""Posts to one host at a time, whichever endpoints they are of."""
OF_FAILING: Final = 64
"""Probes at a time to all endpoints that fail."""
PART: Final = 4
"""A claim gives an endpoint at most a fourth of what is free, and leaves a fourth free for later ones."""


@dataclass(frozen=True, slots=True)
class Load:
    """The posts that are under way, by endpoint and by host, and the failing endpoints that are probed."""

    endpoints: Mapping[int, int] = field(default_factory=dict)
    hosts: Mapping[str, int] = field(default_factory=dict)
    probed: Collection[int] = ()


async def skip_flush(db: Db) -> None:
    """Let the commit not wait for the disk, nor for a standby: a crash of PostgreSQL may take back what it did.

    New deliveries and claims that are taken back are made again: an event may be posted twice, as after any crash.
    What is committed later with a flush brings these to the disk too.
    """
    await db.execute(_NO_FLUSH)


_NO_FLUSH: Final = sa.text("SET LOCAL synchronous_commit = off")

# Only endpoints that have a due delivery are looked at: the index of due deliveries leads from one to the
# next. Each endpoint has room of its own. Where all rooms together are more than the limit, each gets less in
# proportion. Endpoints with the most room come first, so that a long queue leaves the others their share.
# Before that, the endpoints of one host, and those that fail, are cut in a random order to what they may have
# together: however many of them hang, there is room for the others. The lock and the conditions are in one
# statement: PostgreSQL checks the conditions again once it has the lock.
_CLAIM: Final = Prepared(
    sa.text("""
    WITH RECURSIVE waiting AS (
        (SELECT endpoint_id FROM deliveries WHERE state = 'due' ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT endpoint_id FROM deliveries
            WHERE state = 'due' AND endpoint_id > waiting.endpoint_id ORDER BY endpoint_id LIMIT 1
        ) FROM waiting WHERE waiting.endpoint_id IS NOT NULL
    ), busy AS (
        SELECT * FROM unnest(:endpoints, :posts, :probes) AS busy (endpoint_id, posts, probes)
    ), hosts AS (
        SELECT * FROM unnest(:hosts, :host_posts) AS hosts (host, posts)
    ), due AS (
        SELECT id, failing_since IS NOT NULL AS failing, random() AS lot,
            coalesce(busy.posts, 0) AS posts, coalesce(busy.probes, 0) AS probes,
            lower(substring(url FROM '//(?:[^/?]*@)?([^/?]*)')) AS host
        FROM waiting JOIN webhook_endpoints ON id = waiting.endpoint_id
        LEFT JOIN busy ON busy.endpoint_id = id
        WHERE state = 'active' AND (
            SELECT next FROM deliveries
            WHERE endpoint_id = id AND state = 'due' AND (claimed_until IS NULL OR claimed_until <= now())
            ORDER BY next LIMIT 1
        ) <= now()
    ), of_each AS (
        SELECT id, failing, lot, due.host, :of_host - coalesce(hosts.posts, 0) AS free,
            CASE WHEN failing THEN least(1 - probes, :of_endpoint - due.posts)
                ELSE least(:each, greatest(1, (:of_host - coalesce(hosts.posts, 0)) / :part)) - due.posts
            END AS room
        FROM due LEFT JOIN hosts ON hosts.host = due.host
    ), shares AS (
        SELECT id, failing, lot, host, free - free / :part AS free,
            least(room, greatest(1, trunc(
                room * (free - free / :part) / sum(room) OVER (PARTITION BY host)
            ))) AS room
        FROM of_each WHERE room > 0
    ), of_hosts AS (
        SELECT id, failing, lot, least(room, free - coalesce(sum(room) OVER before, 0)) AS room
        FROM shares
        WINDOW before AS (PARTITION BY host ORDER BY lot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), endpoint AS (
        SELECT id, CASE WHEN failing THEN least(room, :of_failing - coalesce(sum(room) OVER before, 0))
            ELSE room END AS room
        FROM of_hosts WHERE room > 0
        WINDOW before AS (PARTITION BY failing ORDER BY lot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), picked AS (
        SELECT due.endpoint_id, due.position
        FROM (
            SELECT id, room,
                CAST(least(room, greatest(1, trunc(room * :limit / sum(room) OVER ()))) AS bigint) AS share
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
    SELECT claimed.endpoint_id, claimed.claimed_until, endpoint.url, endpoint.secret,
        endpoint.legacy_base64_message, endpoint.failing_since IS NOT NULL AS failing,
        CASE WHEN endpoint.previous_until > now() THEN endpoint.previous_secret ELSE '' END
            AS previous_secret,
        events.*
    FROM claimed JOIN events USING (position)
    JOIN webhook_endpoints AS endpoint ON endpoint.id = claimed.endpoint_id
    ORDER BY position, endpoint_id
""").bindparams(
        sa.bindparam("hosts", type_=bulk.TEXTS),
        sa.bindparam("seconds", type_=sa.Float),
        *(sa.bindparam(name, type_=bulk.BIGINTS) for name in ("endpoints", "posts", "probes", "host_posts")),
        *(sa.bindparam(name, type_=sa.BigInteger) for name in ("each", "limit", "of_failing")),
        sa.bindparam("of_endpoint", OF_ENDPOINT, type_=sa.BigInteger),
        sa.bindparam("of_host", OF_HOST, type_=sa.BigInteger),
        sa.bindparam("part", PART, type_=sa.BigInteger),
    )
)


async def claim(db: Db, load: Load, free: int, seconds: float) -> list[Delivery]:
    """Claim due deliveries of active endpoints for `seconds`, in the order of their positions.

    `free` is how many more posts there may be; most of them are claimed at once.
    """
    rows = await bulk.fetch_all(
        db,
        _CLAIM,
        {
            "endpoints": list(load.endpoints),
            "posts": list(load.endpoints.values()),
            "probes": [int(endpoint in load.probed) for endpoint in load.endpoints],
            "hosts": list(load.hosts),
            "host_posts": list(load.hosts.values()),
            "of_failing": OF_FAILING - len(load.probed),
            "each": max(1, min(OF_ENDPOINT, free // PART)),
            "limit": free - free // PART,
            "seconds": seconds,
        },
    )
    return [_of(row) for row in rows]


def _of(row: Row) -> Delivery:
    return Delivery(
        Key(row["endpoint_id"], row["position"]),
        row["claimed_until"],
        row["url"],
        tuple(filter(None, (row["secret"], row["previous_secret"]))),
        outbox.event_of(row),
        row["legacy_base64_message"],
        row["failing"],
    )
