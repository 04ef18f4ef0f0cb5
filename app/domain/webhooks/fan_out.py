"""Fan-out: every event becomes one delivery to each endpoint whose filter it matches."""

from typing import Final

import sqlalchemy as sa

from app.db import Db, Prepared, bulk
from app.domain import outbox
from app.domain.webhooks import endpoints

ROWS: Final = 10_000
"""Deliveries that one fan-out makes at most, while no account has more than OF_ACCOUNT endpoints."""
OF_ACCOUNT: Final = 20
"""Endpoints that get the events of one account alone."""
SLICE: Final = 1_000
"""Events of one backlog in one step, and only while fewer deliveries of its endpoint are due."""
BACKLOGS: Final = 10

# This locks the cursor. The statements after it read what earlier fan-outs made.
_REACH: Final = Prepared(
    sa.text("""
    SELECT cursors.position, sequencer.last,
        (SELECT events.position FROM events WHERE events.position > cursors.position ORDER BY 1 LIMIT 1)
            AS first,
        EXISTS (SELECT FROM webhook_backlogs) AS backlogs,
        (SELECT count(*) FROM webhook_endpoints WHERE state = 'active' AND foreign_id IS NULL)
            AS of_all_accounts
    FROM cursors CROSS JOIN sequencer
    WHERE cursors.name = :cursor AND sequencer.account_id = :positions
    FOR UPDATE OF cursors SKIP LOCKED
""").bindparams(
        sa.bindparam("cursor", endpoints.CURSOR, type_=sa.Text),
        sa.bindparam("positions", -(2**63), type_=sa.BigInteger),
    )
)

# Deliveries are due from the beginning of this transaction, so that it can claim them too. Endpoints of one
# account are looked up by the account, so that those of other accounts cost nothing. Endpoints of all
# accounts are compared with each type once, not with each event. An account may have been renamed since the
# event: its name of now counts.
_NEW: Final = Prepared(
    sa.text("""
    WITH fresh AS MATERIALIZED (
        SELECT position, type, message, coalesce(
            (SELECT accounts.foreign_id FROM accounts WHERE accounts.id = events.account_id),
            events.foreign_id
        ) AS foreign_id
        FROM events WHERE position > :position AND position <= :until
    ), filtered AS MATERIALIZED (
        SELECT * FROM fresh WHERE type <> :test
    ), tests AS MATERIALIZED (
        SELECT position, (message::json ->> 'webhook_id')::bigint AS endpoint_id FROM fresh WHERE type = :test
    ), wanted AS MATERIALIZED (
        SELECT endpoint.id, endpoint.position, kinds.type
        FROM (SELECT DISTINCT type FROM filtered) AS kinds
        JOIN webhook_endpoints AS endpoint
            ON endpoint.types && ARRAY['ALL', kinds.type, split_part(kinds.type, '_', 1)]
        WHERE endpoint.state = 'active' AND endpoint.foreign_id IS NULL
    )
    INSERT INTO deliveries (endpoint_id, position, next)
    SELECT wanted.id, filtered.position, now()
    FROM filtered JOIN wanted USING (type) WHERE filtered.position > wanted.position
    UNION ALL
    SELECT endpoint.id, filtered.position, now()
    FROM filtered JOIN webhook_endpoints AS endpoint ON endpoint.foreign_id = filtered.foreign_id
    WHERE endpoint.state = 'active' AND filtered.position > endpoint.position
        AND endpoint.types && ARRAY['ALL', filtered.type, split_part(filtered.type, '_', 1)]
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
)

# Positions whose events were deleted, or that a restore left out, are passed in one step.
_OLD: Final = sa.text("""
    WITH chosen AS (
        SELECT backlog.*, endpoint.types, endpoint.foreign_id,
            least(coalesce(
                (SELECT events.position - 1 FROM events WHERE events.position > backlog.position
                 ORDER BY events.position LIMIT 1), backlog.until
            ) + :reach, backlog.until) AS reached
        FROM webhook_backlogs AS backlog
        JOIN webhook_endpoints AS endpoint ON endpoint.id = backlog.endpoint_id
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
        DELETE FROM webhook_backlogs AS backlog USING chosen
        WHERE backlog.id = chosen.id AND chosen.reached >= chosen.until
    ), missed AS (
        SELECT DISTINCT chosen.endpoint_id, events.position
        FROM chosen JOIN events ON events.position > chosen.position AND events.position <= chosen.reached
        WHERE CASE
                WHEN events.type = :test
                THEN (events.message::json ->> 'webhook_id')::bigint = chosen.endpoint_id
                ELSE chosen.types && ARRAY['ALL', events.type, split_part(events.type, '_', 1)]
                    AND (chosen.foreign_id IS NULL OR chosen.foreign_id = coalesce(
                        (SELECT accounts.foreign_id FROM accounts WHERE accounts.id = events.account_id),
                        events.foreign_id
                    ))
            END
            AND (chosen.redelivers OR NOT EXISTS (
                SELECT FROM deliveries
                WHERE deliveries.endpoint_id = chosen.endpoint_id AND deliveries.position = events.position
            ))
    ), due AS (
        INSERT INTO deliveries (endpoint_id, position, next)
        SELECT endpoint_id, position, now() FROM missed ORDER BY endpoint_id, position
        ON CONFLICT (endpoint_id, position)
            DO UPDATE SET state = 'due', attempts_since_due = 0, next = excluded.next
            WHERE deliveries.state <> 'due'
    )
    SELECT count(*) FROM chosen
""").bindparams(
    sa.bindparam("reach", type_=sa.BigInteger),
    sa.bindparam("slice", SLICE, type_=sa.BigInteger),
    sa.bindparam("backlogs", BACKLOGS, type_=sa.BigInteger),
    sa.bindparam("test", outbox.WEBHOOK_TEST, type_=sa.Text),
)


async def step(db: Db, stride: int = 1) -> bool:
    """Make deliveries of new events, and of a slice of the backlogs; say whether there may be more.

    Positions go on by `stride`. The cursor moves in the same transaction, so a crash loses and doubles nothing. One process at a time fans
    out; others skip it.
    """
    reach = await bulk.fetch_values(db, _REACH)
    if not reach:
        return False
    [(position, last, first, backlogs, of_all_accounts)] = reach
    begin = last if first is None else max(position, first - 1)
    events = max(1, ROWS // (of_all_accounts + OF_ACCOUNT))
    until = min(last, begin + stride * events)
    if until > position:
        await bulk.execute(db, _NEW, {"position": position, "until": until})
        await outbox.advance(db, endpoints.CURSOR, until)
    sliced = (await db.execute(_OLD, {"reach": stride * SLICE})).scalar_one() if backlogs else 0
    return until > position or sliced > 0
