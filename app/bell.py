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
        """Return when the bell was rung, or after `timeout` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), timeout)
        self._rung.clear()
