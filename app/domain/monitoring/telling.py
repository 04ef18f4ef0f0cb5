"""What is told to the outside and how far that has come; and who waits for whom in the database."""

from typing import Final

import sqlalchemy as sa

from app.domain.monitoring.section import COUNTED, Section

ENDPOINTS: Final = 200
"""Of so many webhook endpoints there are figures: each is a time series."""

OUTBOX: Final = Section(
    "outbox",
    sa.text(f"""
        SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT {COUNTED}) AS waiting) AS outbox_events,
            coalesce(
                extract(epoch FROM clock_timestamp() - (SELECT created FROM outbox ORDER BY id LIMIT 1)), 0
            ) AS outbox_oldest_seconds,
            coalesce((SELECT max(position) FROM events), 0) AS events_last_position
    """),  # noqa: S608  a constant
    {
        "outbox_events": "How many events have no number yet.",
        "outbox_oldest_seconds": "How long the oldest of them has waited.",
        "events_last_position": "The position of the last event that has one.",
    },
)

SINKS: Final = Section(
    "sinks",
    sa.text(f"""
        SELECT name AS sink, greatest(0, (SELECT coalesce(max(position), 0) FROM events) - position) / cells
            AS sink_behind_events
        FROM cursors, installation ORDER BY name LIMIT {ENDPOINTS}
    """),  # noqa: S608  a constant
    {
        "sink_behind_events": "How many events a sink has not been told; `webhooks`: that have no deliveries yet."
    },
    ("sink",),
)

DELIVERIES: Final = Section(
    "deliveries",
    sa.text(f"""
        SELECT endpoint.id AS endpoint, count(due.created) AS deliveries_due,
            coalesce(extract(epoch FROM clock_timestamp() - min(due.created)), 0) AS deliveries_oldest_seconds,
            (endpoint.state = 'active')::integer AS endpoint_active,
            coalesce(extract(epoch FROM clock_timestamp() - endpoint.failing_since), 0) AS endpoint_failing_seconds
        FROM (
            SELECT id, state, failing_since FROM webhook_endpoints WHERE state <> 'deleted' ORDER BY id LIMIT {ENDPOINTS}
        ) AS endpoint
        LEFT JOIN LATERAL (
            SELECT created FROM deliveries WHERE endpoint_id = endpoint.id AND state = 'due'
            ORDER BY position LIMIT 10000
        ) AS due ON true
        GROUP BY endpoint.id, endpoint.state, endpoint.failing_since ORDER BY endpoint.id
    """),  # noqa: S608  a constant
    {
        "deliveries_due": "How many deliveries an endpoint has still to get, 10,000 at most.",
        "deliveries_oldest_seconds": "How old the oldest of those is.",
        "endpoint_active": "1 while the endpoint gets deliveries, 0 once it was disabled.",
        "endpoint_failing_seconds": "For how long each delivery to the endpoint has failed.",
    },
    ("endpoint",),
)

LOCKS: Final = Section(
    "locks",
    sa.text(f"""
        SELECT count(*) AS database_lock_waits,
            coalesce(extract(epoch FROM clock_timestamp() - min(waitstart)), 0) AS database_lock_oldest_seconds
        FROM (
            SELECT waitstart FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND datname = current_database() LIMIT {ENDPOINTS}
        ) AS waiting
    """),  # noqa: S608  a constant
    {
        "database_lock_waits": "How many sessions of this database wait for a lock at this moment.",
        "database_lock_oldest_seconds": "How long the one that waits longest has waited.",
    },
    of_server=True,
)
