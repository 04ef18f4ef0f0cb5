"""How endpoints are: since when each one fails, and when that is enough to disable it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import endpoint_facts, endpoints, outbox
from app.tables import webhook_endpoints

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


_SICK: Final = sa.text("""
    UPDATE webhook_endpoints AS endpoint SET failing_since = coalesce(failing_since, now())
    FROM unnest(:ids, :urls) AS given (id, url)
    WHERE endpoint.id = given.id AND endpoint.url = given.url AND state = 'active'
        AND (failing_since IS NULL OR failing_since <= now() - CAST(:patience AS interval))
    RETURNING endpoint.id, failing_since <= now() - CAST(:patience AS interval) AS too_long
""").bindparams(
    sa.bindparam("ids", type_=bulk.BIGINTS),
    sa.bindparam("urls", type_=bulk.TEXTS),
    sa.bindparam("patience", PATIENCE, type_=sa.Interval),
)


async def note(db: Db, signs: Sequence[Sign]) -> None:
    """Note who is well and who fails; disable, and tell it, who wants no more or has failed for PATIENCE.

    One success among the attempts of an endpoint is enough to be well. Rows change only where that changes.
    """
    well = {sign.endpoint_id for sign in signs if sign.well}
    sick = {(sign.endpoint_id, sign.url): sign for sign in signs if sign.endpoint_id not in well}
    await _recover(db, sorted(well))
    if not sick:
        return
    given = sorted(sick)
    found = await db.execute(_SICK, {"ids": [one[0] for one in given], "urls": [one[1] for one in given]})
    hopeless = [row.id for row in found if row.too_long]
    gone = await _still_there(db, [sign for sign in signs if sign.gone])
    stopped = await endpoints.disable(db, gone, WANTS_NO_MORE)
    stopped += await endpoints.disable(db, hopeless, FAILED)
    await outbox.emit(db, [endpoint_facts.disabled(endpoint) for endpoint in stopped])


async def _recover(db: Db, ids: Sequence[int]) -> None:
    failing = sa.and_(webhook_endpoints.c.id.in_(ids), webhook_endpoints.c.failing_since.is_not(None))
    if ids:
        await db.execute(sa.update(webhook_endpoints).where(failing).values(failing_since=None))


async def _still_there(db: Db, signs: Sequence[Sign]) -> list[int]:
    if not signs:
        return []
    urls = {sign.endpoint_id: sign.url for sign in signs}
    found = await db.execute(sa.select(webhook_endpoints).where(webhook_endpoints.c.id.in_(urls)))
    return [row.id for row in found if row.url == urls[row.id]]
