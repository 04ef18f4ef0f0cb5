"""Restores: going on with a database that is older than what was sent and given out."""

from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.domain import dispatch, pauses, payouts
from app.domain.refusals import Conflict
from app.tables import accounts, ready_keys

SKIPPED: Final = 10_000
"""Addresses of each account that may have been given out since; none of them is given out again."""


class MayHaveBeenSent(Conflict):
    """The database was restored from a backup, and this payment may have been sent since: look before you ask again."""


async def begin(db: Db) -> None:
    """Pause payments, stop payouts, and leave out every address and account number that may be in use already."""
    await pauses.pause(db, pauses.RESTORED)
    locked = sa.select(accounts.c.id).order_by(accounts.c.id).with_for_update(key_share=True)
    await db.execute(sa.select(sa.func.count()).select_from(locked.subquery()))
    moved = {name: accounts.c[name] + SKIPPED for name in ("next_index", "next_change")}
    await db.execute(sa.update(accounts).values(moved))
    await payouts.stop_all(db)
    await db.execute(sa.delete(ready_keys))  # new ones begin above what the seed file says was ever ready


async def end_waiting(db: Db) -> int:
    """End payments that the database thinks are still to be signed; returns how many were ended, 0 at the end."""
    waiting = await dispatch.pending(db)
    await dispatch.store(db, (), [(payment, MayHaveBeenSent()) for payment in waiting])
    return len(waiting)
