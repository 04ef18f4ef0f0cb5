"""What the last whole audit has found: kept in the database, so that every process can say it."""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db
from app.db.tables import NOW, audits

DETAIL_CHARACTERS: Final = 2_000


async def note(db: Db, *, ok: bool, detail: str) -> None:
    """Note the result of an audit that has just ended; `detail` names what is wrong, or was not looked at."""
    row = insert(audits).values(id=1, ok=ok, detail=detail[:DETAIL_CHARACTERS], ended=NOW)
    noted = {name: row.excluded[name] for name in ("ok", "detail", "ended")}
    await db.execute(row.on_conflict_do_update(index_elements=["id"], set_=noted))


async def is_due(db: Db, every: timedelta) -> bool:
    """Say whether no audit has ended for so long."""
    recent = sa.exists().where(audits.c.ended > NOW - every)
    return not await db.scalar(sa.select(recent))
