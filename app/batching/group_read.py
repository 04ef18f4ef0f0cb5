"""Reads that wait together are one statement; a lone one starts at once."""

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from app.batching.group_commit import Overloaded, Stopping
from app.db import Reader, Readers, is_outage
from app.domain.installation import Installation
from app.domain.queries import Query

Key = TypeVar("Key", bound=Hashable)
Resource = TypeVar("Resource")

BATCH: Final = 200
"""Keys of one statement."""
AT_ONCE: Final = 2
"""Statements of one query that run at once: while the database reads for one, the answers of the other are written."""
WAITING: Final = 10_000
"""Callers of one query that may wait; more are turned away."""
CLOSING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Key, Resource]):
    """What one caller asks for, and where it hears the answer; an exception is a refusal or a fault."""

    key: Key
    answer: "asyncio.Future[Resource]"

    def settle(self, outcome: Resource | Exception) -> None:
        """Tell the caller, unless it has gone away."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


@dataclass(slots=True)
class _Lane:
    """Who waits for one query, in the order of arrival, and how many tasks read for it."""

    query: Query[Any, Any]
    queue: deque[_Waiting[Any, Any]] = field(default_factory=deque)
    reading: int = 0

    def take(self) -> list[_Waiting[Any, Any]]:
        """Return those whose keys are the next statement; who has gone away is passed over."""
        batch: list[_Waiting[Any, Any]] = []
        while self.queue and len(batch) < BATCH:
            waiting = self.queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        return batch


class GroupRead:
    """One queue per query; while its statements run, the next one gathers.

    A statement takes its callers when it is about to begin. So each caller reads what was committed before it
    asked, and nothing is ever kept.
    """

    def __init__(self, readers: Readers, installation: Installation) -> None:
        self._readers = readers
        self._installation = installation
        self._lanes: dict[Query[Any, Any], _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def fetch(self, query: Query[Key, Resource], key: Key) -> Resource:
        """Return what the key names, or raise its refusal."""
        if self._closed:
            raise Stopping
        lane = self._lanes.setdefault(query, _Lane(query))
        if len(lane.queue) >= WAITING:
            raise Overloaded
        waiting: _Waiting[Key, Resource] = _Waiting(key, asyncio.get_running_loop().create_future())
        lane.queue.append(waiting)
        if lane.reading < AT_ONCE:
            self._start(lane)
        return await waiting.answer

    def reader(self) -> AbstractAsyncContextManager[Reader]:
        """Yield a connection for a page of a list, which nobody shares."""
        if self._closed:
            raise Stopping
        return self._readers.reader()

    async def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Take nothing more; answer those who wait, or refuse those for whom there is no time."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes.values():
            while lane.queue:
                lane.queue.popleft().settle(Stopping())

    def _start(self, lane: _Lane) -> None:
        lane.reading += 1
        task = asyncio.create_task(self._read(lane))
        self._tasks.add(task)  # the event loop itself keeps none alive
        task.add_done_callback(self._tasks.discard)

    async def _read(self, lane: _Lane) -> None:
        try:
            while lane.queue:
                await self._statement(lane)
        finally:
            lane.reading -= 1

    async def _statement(self, lane: _Lane) -> None:
        """Answer all that wait once there is a connection; where there is none, they hear that."""
        batch: list[_Waiting[Any, Any]] = []
        outcomes: Mapping[Any, Any] = {}
        try:
            async with self._readers.reader() as db:
                batch = lane.take()
                keys = list(dict.fromkeys(waiting.key for waiting in batch))
                outcomes = await self._outcomes(db, lane.query, keys) if keys else {}
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it
            batch = batch or lane.take()
            outcomes = dict.fromkeys((waiting.key for waiting in batch), error)
        finally:  # who is cut off hears of it
            for waiting in batch:
                waiting.settle(outcomes.get(waiting.key, Stopping()))

    async def _outcomes(self, db: Reader, query: Query[Any, Any], keys: Sequence[Any]) -> Mapping[Any, Any]:
        """Return what each key names, or its exception. Keys that fail together are read one by one.

        So a poisonous one fails alone. Where the database is away, all of them hear it at once.
        """
        try:
            return dict(zip(keys, await query.fetch_many(db, keys, self._installation), strict=True))
        except Exception as error:  # noqa: BLE001  whatever it is, the callers must hear of it
            if len(keys) == 1 or is_outage(error):
                return dict.fromkeys(keys, error)
        outcomes: dict[Any, Any] = {}
        for key in keys:
            outcomes |= await self._outcomes(db, query, [key])
        return outcomes
