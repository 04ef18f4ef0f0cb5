"""Where accounts are that lie elsewhere than their names fall: looked up when a request names one, and believed for a moment."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_read import GroupRead
from app.domain import accounts

HELD_SECONDS: Final = 3.0
"""How long a name is believed. Where it lay elsewhere meanwhile, no account is found, and none opened: PostgreSQL looks too."""
STEP_SECONDS: Final = 1.0
"""How often is looked whether there is any such account: most installations have none, and look no names up."""
MOST: Final = 50_000
"""Names that are remembered; the one that was read first is forgotten first."""


class _Held(NamedTuple):
    cell: int | None
    until: float


class RenamedAccounts:
    """Finds the cells of renamed accounts by what all cells share."""

    def __init__(
        self, queries: GroupRead, reads: AsyncEngine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queries = queries
        self._reads = reads
        self._clock = clock
        self._any = False
        self._held: dict[str, _Held] = {}

    async def step(self) -> bool:
        """Look whether there are any."""
        async with self._reads.connect() as db:
            self._any = await accounts.any_renamed(db)
        return False

    async def cell_of(self, foreign_id: str) -> int | None:
        """Return the number of the account's cell; None of one that lies where its name falls, and where there is none."""
        if not self._any or accounts.is_malformed(foreign_id):
            return None
        held = self._held.get(foreign_id)
        if held is None or self._clock() >= held.until:
            began = self._clock()
            held = _Held(await self._queries.fetch(accounts.RENAMED, foreign_id), began + HELD_SECONDS)
            self._hold(foreign_id, held)
        return held.cell

    def _hold(self, foreign_id: str, held: _Held) -> None:
        self._held.pop(foreign_id, None)
        self._held[foreign_id] = held
        if len(self._held) > MOST:
            del self._held[next(iter(self._held))]
