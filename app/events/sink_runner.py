"""Sinks: places that are told every event in order. Each is a function that sends; what they share is this loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import reads
from app.domain import outbox
from app.domain.outbox import Event
from app.runtime import lease
from app.runtime.lease import Lease

BATCH: Final = 100
REASONS: Final = 100
"""That are remembered as told; one that is never twice the same would fill the memory."""
WAITS_SECONDS: Final = (0.25, 0.5, 1, 2, 5, 10, 30)
"""After one failure after another; the last is repeated."""

_log = logging.getLogger(__name__)


class UndeliveredEvents(Exception):
    """Why a place did not take all that it was sent; `told` events, from the first on, it has taken."""

    def __init__(self, reason: str, told: int = 0) -> None:
        super().__init__(reason)
        self.told = told


async def _nothing() -> None:
    """A place that keeps nothing open."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A place, and how it is sent events.

    `send` is given at most `batch` events, oldest first, and returns when the place has them for good, or raises
    Untold; it may be cancelled. What it did not take it is given again, later. `name` is that of its cursor and its
    lease. `ready`, before every batch, connects or raises Untold; `rest` lets go of what is open, until `ready` again.
    """

    name: str
    place: str
    send: Callable[[Sequence[Event]], Coroutine[Any, Any, None]]
    types: tuple[str, ...] = (outbox.ALL,)
    foreign_id: str | None = None
    batch: int = BATCH
    ready: Callable[[], Awaitable[None]] = _nothing
    rest: Callable[[], Awaitable[None]] = _nothing


class SinkRunner:
    """Tells one sink, one process at a time by lease, on from its cursor, which moves behind what was taken.

    Nothing is held but the batch that is being sent, however long the place is away.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sink: Sink,
        holder: str,
        *,
        waits_seconds: Sequence[float] = WAITS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._sink = sink
        self._lease = Lease(engine, sink.name, holder, clock=clock)
        self._waits = waits_seconds
        self._clock = clock
        self._not_before = clock()
        self._failures = 0
        self._trouble = ""
        self._told: set[str] = set()

    def trouble(self) -> str:
        """Return why the place takes nothing just now; empty while it does."""
        return self._trouble

    async def step(self) -> bool:
        """Send the next events and say whether it moved; a place that is away is tried again later."""
        if self._clock() < self._not_before:
            return False
        if not await self._lease.held():
            self._failures, self._trouble, self._told = 0, "", set()
            await self._sink.rest()
            return False
        try:
            await _asked(self._sink.ready())
            moved = await self._tell()
        except UndeliveredEvents as error:
            await self._failed(error)
            return error.told > 0
        self._went_well()
        return moved

    async def close(self) -> None:
        """Let go of what is open, and let another take over."""
        await self._sink.rest()
        await self._lease.release()

    async def _tell(self) -> bool:
        """Send one page; the cursor moves behind what was taken, also where the rest was not."""
        sink = self._sink
        async with self._reads.connect() as db:
            after = await outbox.read(db, sink.name)
            page = await outbox.page(db, after, sink.batch, sink.types, sink.foreign_id)
        try:
            if page.events:
                await self._while_held(_asked(sink.send(page.events)))
        except UndeliveredEvents as error:
            if error.told:
                await self._advance(page.events[error.told - 1].position)
            raise
        if page.position > after:
            await self._advance(page.position)
        return page.position > after

    async def _advance(self, position: int) -> None:
        async with self._engine.begin() as db:
            await outbox.advance(db, self._sink.name, position)

    async def _while_held(self, sending: Coroutine[Any, Any, None]) -> None:
        """Wait for it as long as the lease is ours, which is looked after meanwhile."""
        task = asyncio.create_task(sending)
        try:
            while not (await asyncio.wait({task}, timeout=lease.RENEW_SECONDS))[0]:
                if not await self._lease.held():
                    raise UndeliveredEvents("another process has taken over")
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _failed(self, error: UndeliveredEvents) -> None:
        """Wait longer each time; each reason is told once until all goes well again, also where two of them alternate."""
        await self._sink.rest()
        self._not_before = self._clock() + self._waits[min(self._failures, len(self._waits) - 1)]
        self._failures += 1
        self._trouble = str(error)
        if self._trouble not in self._told:
            self._told = {*self._told, self._trouble} if len(self._told) < REASONS else {self._trouble}
            _log.warning("%s does not take events (%s); trying again", self._sink.place, error)

    def _went_well(self) -> None:
        if self._trouble:
            _log.info("%s takes events again", self._sink.place)
        self._failures, self._trouble, self._told = 0, "", set()


async def _asked(call: Awaitable[None]) -> None:
    """Await what a sink does: a fault of ours in one stops neither the others nor the program."""
    try:
        await call
    except UndeliveredEvents:
        raise
    except Exception as error:
        _log.exception("a sink has failed")
        raise UndeliveredEvents(f"not sent ({type(error).__name__})") from error
