"""How processes share the cells out among themselves: each loop runs in as many cells here as in any other process."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import leases as lease_rows
from app.runtime.lease import PRESENT, RELEASE_SECONDS, RENEW, SECONDS, Leases

STEP_SECONDS: Final = 1.0
PRESENT_SECONDS: Final = 2.5
"""A process that has not said for so long that it lives is dead; its leases run out a little later."""
MOST: Final = 10_000
"""Rows of loops that live: so many are read at once."""

assert STEP_SECONDS < PRESENT_SECONDS < SECONDS  # noqa: S101  limits that depend on each other say so


class Sharing:
    """Says in the first cell's leases which loops this process runs, and counts those that others run.

    A process may take leases of a loop until it has its share: the cells by the processes that live. What it has above
    that it lets go. So a process that comes gets its share, and what a dead one had is taken by the others. Who cannot
    read who lives takes what is free and lets nothing go: leases alone keep two processes from the same work.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        holder: str,
        cells: Sequence[Leases],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._holder = holder
        self._cells = cells
        self._clock = clock
        self._living: Mapping[str, int] = {}
        self._read_at = -math.inf
        self._full: set[str] = set()
        for leases in cells:
            leases.may_take = self.may_take

    def may_take(self, name: str) -> bool:
        """Whether this process has less than its share of the loop `name`."""
        if self._clock() - self._read_at > SECONDS:
            return True
        return name not in self._full and len(self._holding(name)) < self._share(name)

    async def step(self) -> bool:
        """Say what runs here, count what runs elsewhere, and let go what is above the share."""
        running = {name for leases in self._cells for name in leases.asked()}
        self._living = await self._present(sorted(running))
        self._read_at = self._clock()
        self._full = {name for name in running if self._let_go(name)}
        return False

    def _let_go(self, name: str) -> bool:
        """Let go what is above the share, of the last cells first; say whether the share is full."""
        holding, share = self._holding(name), self._share(name)
        for leases in holding[share:]:
            leases.leave(name)
        return len(holding) >= share

    async def close(self) -> None:
        """Say that nothing runs here any more; without a database that shows by itself."""
        with suppress(exc.DBAPIError, exc.TimeoutError, OSError):
            async with asyncio.timeout(RELEASE_SECONDS), self._engine.begin() as db:
                await db.execute(sa.delete(lease_rows).where(_PRESENT, lease_rows.c.holder == self._holder))

    def _holding(self, name: str) -> list[Leases]:
        return [leases for leases in self._cells if leases.holds(name)]

    def _share(self, name: str) -> int:
        """Return the cells that have the loop, by the processes that run it, rounded up."""
        cells = sum(leases.knows(name) for leases in self._cells)
        return -(-cells // max(1, self._living.get(name, 1)))

    async def _present(self, running: Sequence[str]) -> Mapping[str, int]:
        """Write that these loops run here, and return how many processes run each."""
        names = [f"{PRESENT}{name}.{self._holder}" for name in running]
        said = {
            "names": names,
            "troubles": [""] * len(names),
            "holder": self._holder,
            "seconds": PRESENT_SECONDS,
        }
        async with self._engine.begin() as db:
            await db.execute(_FORGET_DEAD)
            if names:
                await db.execute(RENEW, said)
            return _counted(await db.scalars(_LIVING))


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    """Count the rows of each loop; a loop's name may have dots, a holder's has none."""
    return Counter(name.removeprefix(PRESENT).rpartition(".")[0] for name in names)


_PRESENT: Final = lease_rows.c.name.startswith(PRESENT)
_NOW: Final = sa.func.statement_timestamp()
_LIVING: Final = (
    sa.select(lease_rows.c.name)
    .where(_PRESENT, lease_rows.c.expires >= _NOW)
    .order_by(lease_rows.c.name)
    .limit(MOST)
)
_FORGET_DEAD: Final = sa.delete(lease_rows).where(
    _PRESENT, lease_rows.c.expires < _NOW - timedelta(minutes=1)
)
