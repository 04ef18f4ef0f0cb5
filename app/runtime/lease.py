"""Leases: rows that keep two instances from doing the same work.

They only save work; locks and guarded statements keep the result right without them.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.db.tables import leases

SECONDS: Final = 6
RENEW_SECONDS: Final = 2
"""The holder renews its lease no sooner, as each renewal is a write; the rest is for a long step."""
RETRY_SECONDS: Final = 1
"""An instance without the lease asks for it so often."""
RELEASE_SECONDS: Final = 2
"""The end of the program waits so long for each release."""


async def acquire(db: Db, name: str, holder: str, duration: timedelta) -> bool:
    """Take or renew the lease `name`; False while another holder's has not run out."""
    values = {"name": name, "holder": holder, "expires": sa.func.clock_timestamp() + duration}
    row = insert(leases).values(values)
    acquired = row.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": row.excluded.holder, "expires": row.excluded.expires},
        where=sa.or_(leases.c.holder == holder, leases.c.expires < sa.func.clock_timestamp()),
    )
    return (await db.execute(acquired.returning(leases.c.name))).first() is not None


async def release(db: Db, name: str, holder: str) -> None:
    """Give the lease back, so that another holder need not wait until it runs out."""
    await db.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == holder))


class Lease:
    """A lease has one `holder` at a time. A holder that has the same name after a restart has it at once."""

    def __init__(
        self, engine: AsyncEngine, name: str, holder: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._name = name
        self._holder = holder
        self._clock = clock
        self._held = False
        self._renew_at = clock()

    async def held(self) -> bool:
        """Return whether it is ours now."""
        now = self._clock()
        if now >= self._renew_at:
            async with self._engine.begin() as db:
                self._held = await acquire(db, self._name, self._holder, timedelta(seconds=SECONDS))
            self._renew_at = now + (RENEW_SECONDS if self._held else RETRY_SECONDS)
        return self._held

    async def release(self) -> None:
        """Give it back at once; without a database it runs out by itself."""
        if self._held:
            self._held = False
            with suppress(exc.DBAPIError, exc.TimeoutError, OSError):
                async with asyncio.timeout(RELEASE_SECONDS), self._engine.begin() as db:
                    await release(db, self._name, self._holder)
