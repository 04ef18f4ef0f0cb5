"""Seals the entries that are old enough, a slice at a time."""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import seals
from app.domain.seals import Horizon
from app.lease import Lease


class Sealing:
    """One at a time by lease, which only saves work: two make the same seals."""

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        *,
        after: timedelta = seals.AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._after = after.total_seconds()
        self._clock = clock
        self._seen: Horizon | None = None
        self._since = clock()

    async def step(self) -> bool:
        """Look at where the entries end; once that is old, and all that ran then is over, seal up to there."""
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            if self._seen is None:
                self._seen, self._since = await seals.horizon(db), self._clock()
                return False
            if self._clock() - self._since < self._after or not await seals.is_past(db, self._seen):
                return False
            sealed = await seals.seal(db, self._seen.entry)
        if not sealed:
            self._seen = None
        return sealed

    async def close(self) -> None:
        """Let another go on."""
        await self._lease.release()
