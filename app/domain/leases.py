"""Leases: rows that keep two instances from doing the same work; they only save work, the guards keep it right."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db
from app.tables import leases


async def hold(db: Db, name: str, holder: str, time: timedelta) -> bool:
    """Take or keep the lease `name` for `time`; False while another holder's has not run out."""
    until = sa.func.clock_timestamp() + time
    given = insert(leases).values(name=name, holder=holder, expires=until)
    taken = given.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": given.excluded.holder, "expires": given.excluded.expires},
        where=sa.or_(leases.c.holder == holder, leases.c.expires < sa.func.clock_timestamp()),
    ).returning(leases.c.name)
    return (await db.execute(taken)).first() is not None


async def release(db: Db, name: str, holder: str) -> None:
    """Give the lease back, so that another need not wait until it runs out."""
    await db.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == holder))
