"""Sinks get every event in order. Each is a function that sends events; this loop calls it."""

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
from app.runtime.lease import RENEW_SECONDS, Lease

BATCH: Final = 100
REASONS: Final = 100
"""Reasons that are remembered as logged. Reasons that never repeat would else fill the memory."""
WAITS_SECONDS: Final = (0.25, 0.5, 1, 2, 5, 10, 30)
"""The pause after each failure in a row; the last one repeats."""

_log = logging.getLogger(__name__)


class UndeliveredEvents(Exception):
    """Why a sink did not take all events. It has taken the first `delivered` of them."""

    def __init__(self, reason: str, delivered: int = 0) -> None:
        super().__init__(reason)
        self.delivered = delivered


async def _do_nothing() -> None:
    """For a sink that keeps nothing open."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A destination of events, and the functions that send them there.

    `send` gets at most `batch` events, oldest first. It returns when the destination has stored them all,
    else it raises UndeliveredEvents. It may be cancelled. What was not taken is sent again later. `name`
    names the cursor and the lease. `connect` is called before every batch and may raise UndeliveredEvents.
    `disconnect` closes what is open.
    """

    name: str
    destination: str
    send: Callable[[Sequence[Event]], Coroutine[Any, Any, None]]
    types: tuple[str, ...] = (outbox.ALL,)
    foreign_id: str | None = None
    batch: int = BATCH
    connect: Callable[[], Awaitable[None]] = _do_nothing
    disconnect: Callable[[], Awaitable[None]] = _do_nothing


class SinkRunner:
    """Sends the events behind a cursor to one sink. A lease lets one process do so at a time.

    The cursor moves on when the sink has taken events. Only one batch is in memory, however long the sink is
    down.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sink: Sink,
        lease: Lease,
        *,
        waits_seconds: Sequence[float] = WAITS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._sink = sink
        self._lease = lease
        self._waits = waits_seconds
        self._clock = clock
        self._not_before = clock()
        self._failures = 0
        self._trouble = ""
        self._logged: set[str] = set()

    def trouble(self) -> str:
        """Return why the sink takes nothing now; empty while it does."""
        return self._trouble

    async def step(self) -> bool:
        """Send the next events and say whether the cursor moved; a sink that is down is tried again later."""
        if self._clock() < self._not_before:
            return False
        if not await self._lease.held():
            self._forget_failures()
            await self._sink.disconnect()
            return False
        try:
            await _call(self._sink.connect())
            moved = await self._send_page()
        except UndeliveredEvents as error:
            await self._failed(error)
            return error.delivered > 0
        self._succeeded()
        return moved

    async def close(self) -> None:
        """Close what is open, and let another process take over."""
        await self._sink.disconnect()
        await self._lease.release()

    async def _send_page(self) -> bool:
        """Send one page; the cursor moves behind the events that were taken, also where others were not."""
        after, page = await self._next_page()
        try:
            if page.events:
                await self._while_held(_call(self._sink.send(page.events)))
        except UndeliveredEvents as error:
            if error.delivered:
                await self._advance(page.events[error.delivered - 1].position)
            raise
        if page.position > after:
            await self._advance(page.position)
        return page.position > after

    async def _next_page(self) -> tuple[int, outbox.Page]:
        """Return the cursor's position, and the events behind it."""
        sink = self._sink
        async with self._reads.connect() as db:
            after = await outbox.cursor_position(db, sink.name)
            return after, await outbox.page(db, after, sink.batch, sink.types, sink.foreign_id)

    async def _advance(self, position: int) -> None:
        async with self._engine.begin() as db:
            await outbox.advance(db, self._sink.name, position)

    async def _while_held(self, sending: Coroutine[Any, Any, None]) -> None:
        """Wait for `sending` as long as the lease is ours, and renew the lease meanwhile."""
        task = asyncio.create_task(sending)
        try:
            while not (await asyncio.wait({task}, timeout=RENEW_SECONDS))[0]:
                if not await self._lease.still_held():
                    raise UndeliveredEvents("another process has taken over")
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _failed(self, error: UndeliveredEvents) -> None:
        """Wait longer each time. Each reason is logged once until the sink takes events again."""
        await self._sink.disconnect()
        self._not_before = self._clock() + self._waits[min(self._failures, len(self._waits) - 1)]
        self._failures += 1
        self._trouble = str(error)
        if self._trouble not in self._logged:
            self._logged = {*self._logged, self._trouble} if len(self._logged) < REASONS else {self._trouble}
            _log.warning("%s does not take events (%s); trying again", self._sink.destination, error)

    def _succeeded(self) -> None:
        if self._trouble:
            _log.info("%s takes events again", self._sink.destination)
        self._forget_failures()

    def _forget_failures(self) -> None:
        self._failures, self._trouble, self._logged = 0, "", set()


async def _call(call: Awaitable[None]) -> None:
    """Await a function of a sink: a fault in one sink stops neither the others nor the program."""
    try:
        await call
    except UndeliveredEvents:
        raise
    except Exception as error:
        _log.exception("a sink has failed")
        raise UndeliveredEvents(f"not sent ({type(error).__name__})") from error
