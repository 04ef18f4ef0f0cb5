"""Asks for the payouts that are due, window by window over the accounts that have a payout address."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import pauses, payouts
from app.domain.networks import Network


class Payouts:
    """Any number may run: what one has asked for, the others find gone. `committed` is called when something was asked for."""

    def __init__(self, engine: AsyncEngine, network: Network, committed: Callable[[], None]) -> None:
        self._engine = engine
        self._network = network
        self._committed = committed
        self._after = -1

    async def step(self) -> bool:
        """Look at one window; False once the last was looked at, or while payments are paused."""
        async with self._engine.connect() as db:
            if await pauses.reason(db) is not None:
                return False
            due, last = await payouts.look(db, self._network, self._after)
        self._after = -1 if last is None else last
        if due:
            async with self._engine.begin() as db:
                await payouts.pay_out(db, self._network, due)
            self._committed()
        return last is not None
