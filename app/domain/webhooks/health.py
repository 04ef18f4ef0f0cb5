"""How endpoints are: since when each one fails, and when that is enough to disable it."""

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
"""How long an endpoint may fail without a success between."""
GONE: Final = 410
"""The status by which a receiver says that it wants no more."""
WANTS_NO_MORE: Final = "it answered 410 Gone"
FAILED: Final = f"every attempt has failed for {PATIENCE.days} days"


@dataclass(frozen=True, slots=True)
class Sign:
    """What one attempt says of an endpoint, as long as that has still this URL."""

    endpoint_id: int
    url: str = field(repr=False)
    well: bool = False
    gone: bool = False


# Only rows that may change are locked, all of them at once and in order: whoever waits for one of them holds none behind it.
_CHANGING: Final = sa.text("""
    SELECT id, url, failing_since, coalesce(failing_since <= now() - CAST(:patience AS interval), false) AS too_long
    FROM webhook_endpoints
    WHERE id = ANY(:well) AND failing_since IS NOT NULL OR id = ANY(:gone) OR id = ANY(:sick) AND state = 'active'
        AND (failing_since IS NULL OR failing_since <= now() - CAST(:patience AS interval))
    ORDER BY id
    FOR NO KEY UPDATE
""").bindparams(
    *(sa.bindparam(name, type_=bulk.BIGINTS) for name in ("well", "sick", "gone")),
    sa.bindparam("patience", PATIENCE, type_=sa.Interval),
)


async def note(db: Db, signs: Sequence[Sign]) -> None:
    """Note who is well and who fails; disable, and tell it, who wants no more or has failed for PATIENCE.

    One success among the attempts of an endpoint is enough to be well. Rows change only where that changes.
    """
    well = {sign.endpoint_id for sign in signs if sign.well}
    sick = {sign.endpoint_id: sign for sign in signs if sign.endpoint_id not in well}
    gone = {sign.endpoint_id: sign for sign in signs if sign.gone and sign.endpoint_id not in well}
    asked = {"well": sorted(well), "sick": sorted(sick), "gone": sorted(gone)}
    rows = list(await db.execute(_CHANGING, asked)) if signs else []
    await _set(db, [row.id for row in rows if row.id in well], None)
    same = [row for row in rows if row.id in sick and row.url == sick[row.id].url]
    await _set(db, [row.id for row in same if row.failing_since is None], sa.func.now())
    stopped = await endpoints.disable(db, [row.id for row in same if row.id in gone], WANTS_NO_MORE)
    stopped += await endpoints.disable(db, [row.id for row in same if row.too_long], FAILED)
    await outbox.emit(db, [disabled(endpoint) for endpoint in stopped])


async def _set(db: Db, ids: Sequence[int], failing_since: object) -> None:
    if ids:
        rows = sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids))
        await db.execute(rows.values(failing_since=failing_since))


def test(endpoint: Endpoint) -> OutboxEvent:
    """SYS_WEBHOOK_TEST: the endpoint that it names gets it, whatever its types are, and no other endpoint does."""
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
