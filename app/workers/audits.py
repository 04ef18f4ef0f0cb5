"""The clock of the audit: it runs by itself every so often, slowly, so that nothing else waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit import AuditReport, FetchCoins, over_cells
from app.chain.rpc import Slots
from app.db import reads
from app.db.all_cells import AllCells
from app.domain.audit import results
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)
SLOTS: Final = Slots(1, 1)
"""It takes one of the node's threads, and none that a loop has."""
STEP_SECONDS: Final = 5.0
"""How often the loop looks; its lease must be asked for."""
LOOK_SECONDS: Final = 60.0
"""How often it looks whether an audit is due."""
REST: Final = 9.0
"""After each slice it rests so many times as long as the slice took: a tenth of the time is the audit's."""


async def rest(seconds: float, cells: int = 1) -> None:
    """Leave database and processor to the others after a slice that took so long; so many cells share the audit's part."""
    await asyncio.sleep(((REST + 1) * cells - 1) * seconds)


class Audits:
    """Runs whole audits, each in a task of its own: a step of a loop is short. The lease only saves work.

    `among`: all cells, and the number of the one whose `engine` this is.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        fetch_coins: FetchCoins | None,
        lease: Lease,
        every: timedelta,
        *,
        among: tuple[AllCells, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        cells, number = among or (AllCells.of_one(engine), 0)
        self._audit = partial(over_cells.of_cell, cells, number, fetch_coins, partial(rest, cells=len(cells)))
        self._lease = lease
        self._every = every
        self._clock = clock
        self._look_at = clock()
        self._running: asyncio.Task[AuditReport] | None = None

    async def step(self) -> bool:
        """Begin an audit that is due, or note what one has found. Raises what went wrong with it."""
        if not await self._lease.held():
            await self._stop()
            return False
        if self._running is None and await self._due():
            self._running = asyncio.create_task(self._audit())
        if self._running is not None and self._running.done():
            ended, self._running = self._running, None
            await self._note(ended.result())
        return False

    async def ended(self) -> None:
        """Return when the audit that runs has ended, if one does."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def close(self) -> None:
        """Give up what runs, and let another process go on."""
        await self._stop()
        await self._lease.release()

    async def _due(self) -> bool:
        if self._clock() < self._look_at:
            return False
        self._look_at = self._clock() + LOOK_SECONDS
        async with reads(self._engine).connect() as db:
            return await results.is_due(db, self._every)

    async def _note(self, report: AuditReport) -> None:
        for finding in report.findings:
            if not finding.ok:
                _log.critical("the audit has found something wrong: %s: %s", finding.name, finding.fault)
        detail = "; ".join(
            f"{finding.name}: {finding.detail}" for finding in report.findings if finding.detail
        )
        async with self._engine.begin() as db:
            await results.note(db, ok=report.ok, detail=detail)

    async def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._running
            self._running = None
