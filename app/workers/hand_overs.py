"""The clock that hands coins over to cells whose accounts have more than their coins."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import CellMap
from app.domain.crossings import Crossing, even_out
from app.domain.installation import Installation
from app.money import show
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)
SECONDS: Final = 5.0
"""A payment that lacks coins has waited for deep ones anyway."""


class HandOvers:
    """Hands coins over, a pair of cells in a transaction; `handed_over` is told of the cell that has got some.

    `engine` is the crossing engine. Coins are as deep as `depth`, the deepest reorg that the cells follow.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        installations: Sequence[Installation],
        depth: int,
        lease: Lease,
        handed_over: Callable[[int], None],
    ) -> None:
        self._engine = engine
        self._installations = installations
        self._depth = depth
        self._lease = lease
        self._handed_over = handed_over

    async def step(self) -> bool:
        """Hand over what the cell lacks that lacks most; True where there may be more to do."""
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            crossing = Crossing(db, CellMap(len(self._installations)), self._installations)
            done = await even_out(crossing, self._depth)
        for order, amount in done:
            _log.info("coins of %s DOGE went from cell %s to cell %s", show(amount), order.giver, order.taker)
            self._handed_over(order.taker)
        return bool(done)

    async def close(self) -> None:
        """Let another process go on."""
        await self._lease.release()
