"""Lets holds expire, second by second."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import hold_ends


class HoldExpiry:
    """Any number may run: what one holds, the others leave. `rung` is called when something was told."""

    def __init__(self, engine: AsyncEngine, rung: Callable[[], None]) -> None:
        self._engine = engine
        self._rung = rung

    async def step(self) -> bool:
        """Expire a batch; says whether there was anything."""
        async with self._engine.begin() as db:
            ended = await hold_ends.expire(db)
        if ended:
            self._rung()
        return ended > 0
