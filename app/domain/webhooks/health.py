"""The health of endpoints: since when each one fails, and when it is disabled for that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import webhook_endpoints
from app.domain import outbox
from app.domain.outbox import WEBHOOK_DISABLED, WEBHOOK_TEST, OutboxEvent
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import Endpoint

PATIENCE: Final = timedelta(days=5)
"""How long an endpoint may fail without a success."""
GONE: Final = 410
"""The status that asks us to stop."""
ANSWERED_GONE: Final = "it answered 410 Gone"
FAILED: Final = f"every attempt has failed for {PATIENCE.days} days"


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one attempt says of an endpoint while the endpoint has this URL."""

    endpoint_id: int
    url: str = field(repr=False)
    succeeded: bool = False
    gone: bool = False


# Only rows that may change are locked, in the order of their ids and by one statement.
_CHANGING: Final = sa.text("""
    SELECT id, url, failing_since,
        coalesce(failing_since <= now() - CAST(:patience AS interval), false) AS too_long
    FROM webhook_endpoints
    WHERE id = ANY(:succeeded) AND failing_since IS NOT NULL
        OR id = ANY(:gone)
        OR id = ANY(:failed) AND state = 'active'
            AND (failing_since IS NULL OR failing_since <= now() - CAST(:patience AS interval))
    ORDER BY id
    FOR NO KEY UPDATE
""").bindparams(
    *(sa.bindparam(name, type_=bulk.BIGINTS) for name in ("succeeded", "failed", "gone")),
    sa.bindparam("patience", PATIENCE, type_=sa.Interval),
)


async def update(db: Db, results: Sequence[AttemptResult]) -> None:
    """Update since when endpoints fail. Disable those that answered 410 or failed too long, and emit that.

    One success among the attempts of an endpoint is a success. Only rows that change are written.
    """
    succeeded = {result.endpoint_id for result in results if result.succeeded}
    failed = {result.endpoint_id: result for result in results if result.endpoint_id not in succeeded}
    gone = {result.endpoint_id for result in results if result.gone} - succeeded
    ids = {"succeeded": sorted(succeeded), "failed": sorted(failed), "gone": sorted(gone)}
    rows = (await db.execute(_CHANGING, ids)).all()
    await _set(db, [row.id for row in rows if row.id in succeeded], None)
    same_url = [row for row in rows if row.id in failed and row.url == failed[row.id].url]
    await _set(db, [row.id for row in same_url if row.failing_since is None], sa.func.now())
    stopped = await endpoints.disable(db, [row.id for row in same_url if row.id in gone], ANSWERED_GONE)
    stopped += await endpoints.disable(db, [row.id for row in same_url if row.too_long], FAILED)
    await outbox.emit(db, [disabled(endpoint) for endpoint in stopped])


async def _set(db: Db, ids: Sequence[int], failing_since: object) -> None:
    if ids:
        rows = sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids))
        await db.execute(rows.values(failing_since=failing_since))


def test(endpoint: Endpoint) -> OutboxEvent:
    """SYS_WEBHOOK_TEST: only the endpoint that it names gets it, whatever its types are."""
    return outbox.of_nobody(WEBHOOK_TEST, {"webhook_id": endpoint.id})


def disabled(endpoint: Endpoint) -> OutboxEvent:
    """SYS_WEBHOOK_DISABLED; not its URL, which may hold a token."""
    message = {
        "webhook_id": endpoint.id,
        "name": endpoint.name or "",
        "foreign_id": endpoint.foreign_id,
        "description": endpoint.description,
        "reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since and endpoint.failing_since.isoformat(),
    }
    return outbox.of_nobody(WEBHOOK_DISABLED, message)
