"""The sequencer: rows of the outbox become events with numbers, and the sinks are woken."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Row
from app.domain import outbox, webhooks
from app.domain.webhooks import Callback, copies
from app.events.sink_runner import Sink
from app.runtime.lease import Lease

PAUSE_SECONDS: Final = 0.035
"""A batch may follow the one before it so soon: events that are committed meanwhile are numbered together."""
AT_ONCE: Final = 4
"""So many batches need not wait for one another after a rest: a payment and its block, and what comes of both."""
MANY_EVENTS: Final = 1_000
MANY_EVENTS_PAUSE_SECONDS: Final = 0.1
"""After a batch of MANY_EVENTS: larger batches have more events of each account, and cost a third less."""


async def prepare(
    engine: AsyncEngine,
    callbacks: Sequence[Callback],
    sinks: Sequence[Sink],
    first_cell: AsyncEngine | None = None,
) -> None:
    """Write the endpoints and sinks of the configuration into the database, before the loops begin.

    In a cell that is not the first, which was prepared before, the endpoints get the ids that they have there.
    """
    rows: Sequence[Row] = ()
    if first_cell is not None:
        async with first_cell.connect() as db:
            rows = await copies.named(db, [callback.name for callback in callbacks])
    async with engine.begin() as db:
        start = await outbox.start(db)
        await copies.make_missing(db, rows, start)
        await webhooks.reconcile(db, callbacks, start)
        for sink in sorted(sinks, key=lambda sink: sink.name):
            await outbox.create_cursor(db, sink.name, start)


class Sequencer:
    """Numbers events. A lease lets one process do so at a time, which only saves work.

    Positions go on by `stride`, which is how many cells there are. Each has batches of its own, so where there are
    several, each waits longer for the next: one PostgreSQL has no more to do than with one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        numbered: Callable[[], object],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        stride: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._numbered = numbered
        self._sleep = sleep
        self._stride = stride
        self._pace = min(stride * PAUSE_SECONDS, MANY_EVENTS_PAUSE_SECONDS)
        self._clock = clock
        self._busy_until = clock()
        self._more = False

    async def step(self) -> bool:
        """Number one batch of events, wake the sinks, and say whether there are more.

        Only a full batch says so. Otherwise a new event wakes this loop, which costs less than looking again.
        """
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            moved = await outbox.sequence(db, likely=self._more, stride=self._stride)
        self._more = moved == outbox.BATCH
        if moved:
            self._numbered()
        if moved and not self._more:
            await self._sleep(self._pause(moved))
        return self._more

    def _pause(self, moved: int) -> float:
        """Return how long to wait after a batch; not at all where there were few in the last moments."""
        if moved >= MANY_EVENTS:
            return MANY_EVENTS_PAUSE_SECONDS
        now = self._clock()
        self._busy_until = max(self._busy_until, now) + self._pace
        return max(0.0, self._busy_until - now - AT_ONCE * self._pace)

    async def close(self) -> None:
        """Let another process take over."""
        await self._lease.release()
