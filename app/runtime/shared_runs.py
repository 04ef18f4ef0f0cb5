"""One run of a long and costly function for all callers who wait for its result."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedRun(Generic[Result]):
    """The first caller starts a run; all who call while it runs share one more run, which begins after it.

    So each result was computed after its callers asked for it. One run goes on at a time, and at most one
    waits.
    """

    def __init__(self) -> None:
        self._running: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None

    async def result(self, run: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of the next run, which is the first caller's `run`.

        A caller that is cancelled does not cancel the run.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running, run))
            self._next.add_done_callback(retrieve_error)
        return await asyncio.shield(self._next)

    async def _after(
        self, previous: asyncio.Task[Result] | None, run: Callable[[], Awaitable[Result]]
    ) -> Result:
        if previous is not None and not previous.done():
            await asyncio.wait([previous])
        self._running, self._next = self._next, None
        return await run()

    async def close(self) -> None:
        """Cancel the run that goes on, and the one that waits."""
        tasks = [task for task in (self._running, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def retrieve_error(run: asyncio.Task[Result]) -> None:
    """Mark an error as seen, although all callers may be gone."""
    if not run.cancelled():
        run.exception()
