"""Lets invoices expire, second by second."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import blocks, expiry
from app.domain.blocks import Tip

STILL_SECONDS: Final = 10
"""A chain whose tip stood for so long is not being caught up with."""


class Expiry:
    """Any number may run: what one holds, the others leave. `rung` is called when something was told."""

    def __init__(
        self, engine: AsyncEngine, rung: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._rung = rung
        self._clock = clock
        self._tip: Tip | None = None
        self._since = clock()

    async def step(self) -> bool:
        """Expire a batch; says whether there was anything."""
        async with self._engine.begin() as db:
            ended = await expiry.expire(db, still=self._still(await blocks.tip(db)))
        if ended:
            self._rung()
        return ended > 0

    def _still(self, tip: Tip | None) -> bool:
        if tip != self._tip:
            self._tip, self._since = tip, self._clock()
        return self._clock() - self._since >= STILL_SECONDS
