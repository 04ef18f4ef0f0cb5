"""One run for all who wait for it, of something that takes long and costs much."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedRun(Generic[Result]):
    """Who asks while nothing runs starts it; all who ask meanwhile get the result of one more run, which begins after it.

    So what anybody is told was looked at after they asked, one runs at a time, and never more than one waits.
    """

    def __init__(self) -> None:
        self._running: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None

    async def result(self, run: Callable[[], Awaitable[Result]]) -> Result:
        """Return what the next run comes to: `run` of the first who asked for it. Who leaves takes it from nobody."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running, run))
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _after(
        self, before: asyncio.Task[Result] | None, run: Callable[[], Awaitable[Result]]
    ) -> Result:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await run()

    async def close(self) -> None:
        """Break off what runs, and what waits."""
        tasks = [task for task in (self._running, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _heard(run: asyncio.Task[Result]) -> None:
    """Take note of an error although everybody may have left."""
    if not run.cancelled():
        run.exception()
