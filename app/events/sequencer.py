"""The sequencer: rows of the outbox become events with numbers, and the sinks are woken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox, webhooks
from app.domain.webhooks import Callback
from app.events.sink_runner import Sink
from app.runtime.lease import Lease


async def prepare(engine: AsyncEngine, callbacks: Sequence[Callback], sinks: Sequence[Sink]) -> None:
    """Bring what the configuration says into the database, before the loops begin and anything can happen."""
    async with engine.begin() as db:
        start = await outbox.start(db)
        await webhooks.reconcile(db, callbacks, start)
        for sink in sorted(sinks, key=lambda sink: sink.name):
            await outbox.begin(db, sink.name, start)


REST_SECONDS: Final = 0.025
"""Between two batches: what is committed meanwhile is numbered together; a lone event never waits for it."""
MANY: Final = 1_000
MANY_REST_SECONDS: Final = 0.1
"""After a batch of MANY: where so much is told, each account has more of it to be counted at once, and one takes 2/3 of the time."""


class Sequencer:
    """One at a time by lease, which only saves work: the numbers are right with two as well."""

    def __init__(
        self,
        engine: AsyncEngine,
        holder: str,
        numbered: Callable[[], object],
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._lease = Lease(engine, "sequencer", holder)
        self._numbered = numbered
        self._rest = rest
        self._more = False

    async def step(self) -> bool:
        """Number one batch of events, wake the sinks, and say whether there may be more.

        There were more than the batch, or whoever wrote more has woken this meanwhile; looking again would cost as much as this.
        """
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            moved = await outbox.sequence(db, likely=self._more)
        self._more = moved == outbox.BATCH
        if moved:
            self._numbered()
        if moved and not self._more:
            await self._rest(MANY_REST_SECONDS if moved >= MANY else REST_SECONDS)
        return self._more

    async def close(self) -> None:
        """Let another take over."""
        await self._lease.release()
