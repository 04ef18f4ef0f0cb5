"""Fan-out: every event becomes a delivery to each endpoint that wants it, once, however many endpoints there are."""

from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.domain import outbox
from app.domain.webhooks import endpoints

ROWS: Final = 10_000
"""Deliveries that one fan-out makes at the most, as far as endpoints of one account stay below OF_ACCOUNT."""
OF_ACCOUNT: Final = 20
"""Endpoints that hear of the same account alone."""
SLICE: Final = 1_000
"""Events that one backlog takes at a time, and only while no more than as many deliveries of its endpoint are due."""
BACKLOGS: Final = 10

# The positions are locked here and read by the statements after it, so that those see what earlier fan-outs made.
_REACH: Final = sa.text("""
    SELECT cursors.position, sequencer.last,
        (SELECT events.position FROM events WHERE events.position > cursors.position ORDER BY 1 LIMIT 1) AS first,
        EXISTS (SELECT FROM webhook_backlogs) AS backlogs,
        (SELECT count(*) FROM webhook_endpoints WHERE state = 'active' AND foreign_id IS NULL) AS everywhere
    FROM cursors CROSS JOIN sequencer
    WHERE cursors.name = :cursor AND sequencer.account_id = :positions
    FOR UPDATE OF cursors SKIP LOCKED
""").bindparams(
    sa.bindparam("cursor", endpoints.CURSOR), sa.bindparam("positions", -(2**63), type_=sa.BigInteger)
)

# What is made is due from this transaction's beginning, so that it can be claimed in it.
# Whoever wants one account's events is found by the account, so that the others' endpoints cost nothing; whoever wants
# every account's is held against each type once, not against each event. The account's name is that of now, as the
# endpoint's: it may have been renamed since the event happened.
_NEW: Final = sa.text("""
    WITH fresh AS MATERIALIZED (
        SELECT position, type, message, coalesce(
                (SELECT accounts.foreign_id FROM accounts WHERE accounts.id = events.account_id), events.foreign_id
            ) AS foreign_id
        FROM events WHERE position > :position AND position <= :until
    ), told AS MATERIALIZED (
        SELECT * FROM fresh WHERE type <> :test
    ), tests AS MATERIALIZED (
        SELECT position, (message::json ->> 'webhook_id')::bigint AS endpoint_id FROM fresh WHERE type = :test
    ), wanted AS (
        SELECT endpoint.id, endpoint.position, kinds.type
        FROM (SELECT DISTINCT type FROM told) AS kinds
        JOIN webhook_endpoints AS endpoint
            ON endpoint.types && ARRAY['ALL', kinds.type, split_part(kinds.type, '_', 1)]
        WHERE endpoint.state = 'active' AND endpoint.foreign_id IS NULL
    )
    INSERT INTO deliveries (endpoint_id, position, next)
    SELECT wanted.id, told.position, now() FROM told JOIN wanted USING (type) WHERE told.position > wanted.position
    UNION ALL
    SELECT endpoint.id, told.position, now()
    FROM told JOIN webhook_endpoints AS endpoint ON endpoint.foreign_id = told.foreign_id
    WHERE endpoint.state = 'active' AND told.position > endpoint.position
        AND endpoint.types && ARRAY['ALL', told.type, split_part(told.type, '_', 1)]
    UNION ALL
    SELECT endpoint.id, tests.position, now()
    FROM tests JOIN webhook_endpoints AS endpoint ON endpoint.id = tests.endpoint_id
    WHERE endpoint.state = 'active'
    ON CONFLICT DO NOTHING
""").bindparams(
    sa.bindparam("position", type_=sa.BigInteger),
    sa.bindparam("until", type_=sa.BigInteger),
    sa.bindparam("test", outbox.WEBHOOK_TEST, type_=sa.Text),
)

# What retention has removed, and the numbers that a restore leaves out, are passed in one step.
_OLD: Final = sa.text("""
    WITH chosen AS (
        SELECT backlog.*, endpoint.types, endpoint.foreign_id,
            least(coalesce(
                (SELECT events.position - 1 FROM events WHERE events.position > backlog.position
                 ORDER BY events.position LIMIT 1), backlog.until
            ) + :slice, backlog.until) AS reached
        FROM webhook_backlogs AS backlog JOIN webhook_endpoints AS endpoint ON endpoint.id = backlog.endpoint_id
        WHERE endpoint.state = 'active' AND (
            SELECT count(*) FROM (
                SELECT FROM deliveries WHERE endpoint_id = backlog.endpoint_id AND state = 'due' LIMIT :slice
            ) AS waiting
        ) < :slice
        ORDER BY backlog.id
        LIMIT :backlogs
        FOR UPDATE OF backlog SKIP LOCKED
    ), moved AS (
        UPDATE webhook_backlogs AS backlog SET position = chosen.reached FROM chosen
        WHERE backlog.id = chosen.id AND chosen.reached < chosen.until
    ), done AS (
        DELETE FROM webhook_backlogs AS backlog USING chosen WHERE backlog.id = chosen.id AND chosen.reached >= chosen.until
    ), missed AS (
        SELECT DISTINCT chosen.endpoint_id, events.position
        FROM chosen JOIN events ON events.position > chosen.position AND events.position <= chosen.reached
        WHERE CASE WHEN events.type = :test THEN (events.message::json ->> 'webhook_id')::bigint = chosen.endpoint_id
                ELSE chosen.types && ARRAY['ALL', events.type, split_part(events.type, '_', 1)]
                    AND (chosen.foreign_id IS NULL OR chosen.foreign_id = coalesce(
                        (SELECT accounts.foreign_id FROM accounts WHERE accounts.id = events.account_id), events.foreign_id
                    )) END
            AND (chosen.again OR NOT EXISTS (
                SELECT FROM deliveries
                WHERE deliveries.endpoint_id = chosen.endpoint_id AND deliveries.position = events.position
            ))
    ), due AS (
        INSERT INTO deliveries (endpoint_id, position, next)
        SELECT endpoint_id, position, now() FROM missed ORDER BY endpoint_id, position
        ON CONFLICT (endpoint_id, position) DO UPDATE SET state = 'due', tries = 0, next = now()
            WHERE deliveries.state <> 'due'
    )
    SELECT count(*) FROM chosen
""").bindparams(
    sa.bindparam("slice", SLICE, type_=sa.BigInteger),
    sa.bindparam("backlogs", BACKLOGS, type_=sa.BigInteger),
    sa.bindparam("test", outbox.WEBHOOK_TEST, type_=sa.Text),
)


async def step(db: Db) -> bool:
    """Make deliveries of the events that have none yet, and of a slice of the backlogs; say whether there may be more.

    The position moves in the same transaction, so a crash loses and doubles nothing, and numbering never waits for a long
    fan-out. One process at a time does it, the others go on without.
    """
    reach = (await db.execute(_REACH)).one_or_none()
    if reach is None:
        return False
    begin = reach.last if reach.first is None else max(reach.position, reach.first - 1)
    until = min(reach.last, begin + max(1, ROWS // (reach.everywhere + OF_ACCOUNT)))
    if until > reach.position:
        await db.execute(_NEW, {"position": reach.position, "until": until})
        await outbox.advance(db, endpoints.CURSOR, until)
    sliced = (await db.execute(_OLD)).scalar_one() if reach.backlogs else 0
    return until > reach.position or sliced > 0
