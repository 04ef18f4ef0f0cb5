"""Leases: rows that keep two instances from doing the same work; they only save work, the guards keep it right."""

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
KEPT_SECONDS: Final = 2
"""So long after it was taken nobody is asked again, which would be a write; the rest of the time is for a step that takes long."""
ASKED_SECONDS: Final = 1
"""Who stands by asks so often."""
RELEASE_SECONDS: Final = 2
"""So long the program's end waits for each."""


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


class Lease:
    """Held by one `holder` at a time. A holder's name that survives a restart takes up at once what it held before."""

    def __init__(
        self, engine: AsyncEngine, name: str, holder: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._name = name
        self._holder = holder
        self._clock = clock
        self._held = False
        self._ask_at = clock()

    async def held(self) -> bool:
        """Say whether it is ours now."""
        now = self._clock()
        if now >= self._ask_at:
            async with self._engine.begin() as db:
                self._held = await hold(db, self._name, self._holder, timedelta(seconds=SECONDS))
            self._ask_at = now + (KEPT_SECONDS if self._held else ASKED_SECONDS)
        return self._held

    async def release(self) -> None:
        """Give it back, so that who stands by need not wait; where the database is away it runs out by itself."""
        if self._held:
            self._held = False
            with suppress(exc.DBAPIError, exc.TimeoutError, OSError):
                async with asyncio.timeout(RELEASE_SECONDS), self._engine.begin() as db:
                    await release(db, self._name, self._holder)
