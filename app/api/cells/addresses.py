"""In which cell an address lies. All cells are asked once: an address never changes its cell."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from app.batching.group_read import GroupRead
from app.domain import accounts, dogecoin
from app.domain.dogecoin import Network

MOST: Final = 50_000
"""Addresses that are remembered, about 10 MB; the one that nobody has asked for longest is forgotten first."""
UNKNOWN_SECONDS: Final = 2.0
"""For so long an address that no cell has is believed to be none of ours: it may be given out the next moment."""
MOST_UNKNOWN: Final = 10_000


class CellAddresses:
    """Finds the cells of addresses by a query of each cell.

    Who asks at the same time is answered by one statement of each cell, however many addresses they name. What is no
    address of this network costs none.
    """

    def __init__(
        self, queries: Sequence[GroupRead], network: Network, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queries = queries
        self._network = network
        self._clock = clock
        self._cells: dict[str, int] = {}
        self._unknown: dict[str, float] = {}

    async def cell_of(self, address: str) -> int:
        """Return the address's cell; for one that is none of ours any cell, which will say so itself."""
        known = self._cells.pop(address, None)
        if known is None:
            known = await self._look(address)
        if known is None:
            return 0
        self._cells[address] = known
        _shorten(self._cells, MOST)
        return known

    async def _look(self, address: str) -> int | None:
        script = dogecoin.to_script_or_none(self._network, address)
        if script is None or self._clock() < self._unknown.get(address, 0.0):
            return None
        has = await asyncio.gather(*(queries.fetch(accounts.IS_OURS, script) for queries in self._queries))
        if True in has:
            return has.index(True)
        self._unknown.pop(address, None)
        self._unknown[address] = self._clock() + UNKNOWN_SECONDS
        _shorten(self._unknown, MOST_UNKNOWN)
        return None


def _shorten(remembered: dict[str, int] | dict[str, float], most: int) -> None:
    if len(remembered) > most:
        del remembered[next(iter(remembered))]
