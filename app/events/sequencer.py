"""The sequencer: rows of the outbox become events with numbers, and the sinks are woken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox, webhooks
from app.domain.webhooks import Callback
from app.events.sink_runner import Sink
from app.runtime.lease import Lease

PAUSE_SECONDS: Final = 0.035
"""After a batch: events that are committed meanwhile are numbered together. A lone event does not wait."""
MANY_EVENTS: Final = 1_000
MANY_EVENTS_PAUSE_SECONDS: Final = 0.1
"""After a batch of MANY_EVENTS: larger batches have more events of each account, and cost a third less."""


async def prepare(engine: AsyncEngine, callbacks: Sequence[Callback], sinks: Sequence[Sink]) -> None:
    """Write the endpoints and sinks of the configuration into the database, before the loops begin."""
    async with engine.begin() as db:
        start = await outbox.start(db)
        await webhooks.reconcile(db, callbacks, start)
        for sink in sorted(sinks, key=lambda sink: sink.name):
            await outbox.create_cursor(db, sink.name, start)


class Sequencer:
    """Numbers events. A lease lets one process do so at a time, which only saves work.

    Positions go on by `stride`, which is how many cells there are.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        numbered: Callable[[], object],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        stride: int = 1,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._numbered = numbered
        self._sleep = sleep
        self._stride = stride
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
            await self._sleep(MANY_EVENTS_PAUSE_SECONDS if moved >= MANY_EVENTS else PAUSE_SECONDS)
        return self._more

    async def close(self) -> None:
        """Let another process take over."""
        await self._lease.release()
