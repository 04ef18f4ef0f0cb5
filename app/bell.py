"""A bell between loops of one process: whoever made something to do rings it, and the loop that does it wakes."""

import asyncio
from contextlib import suppress


class Bell:
    """For one waiter. A ring while nobody waits is kept, so nothing is slept through; many rings wake once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._rung.set()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  a bell that nobody rings is ordinary, no error
        """Return when the bell was rung, or after `timeout` seconds.

        Not by `wait_for`: before Python 3.12 it swallows a cancellation that comes with the ring, and the loop runs on.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        self._rung.clear()
