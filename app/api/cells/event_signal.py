"""How far the events of each cell reach, told to all who listen for more."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain import outbox
from app.domain.refusals import Refusal

LISTENERS: Final = 200
"""How many streams one process holds at once; one more is refused with TooManyStreams."""
CATCHING_UP: Final = 4
"""How many streams read from the database at once. The others wait: requests need connections too."""
BEAT_SECONDS: Final = 15
"""How often a comment is sent while nothing happens: a proxy keeps the connection, a dead one is noticed."""

Positions = Mapping[int, int]
"""How far the events of cells were read, by the cells' numbers."""


class TooManyStreams(Refusal):
    """{limit} streams are open already: read GET /events instead, or close one."""

    code = "not-available"


class EventSignal:
    """Tells listeners how far the events of each cell reach: it looks once for all, and only while it has one."""

    def __init__(self, *reads: AsyncEngine, beat_seconds: float = BEAT_SECONDS) -> None:
        """Take the connections of each cell."""
        self.beat_seconds = beat_seconds
        self.turns = asyncio.Semaphore(CATCHING_UP)
        """Streams read within one: first come, first served."""
        self._reads = reads
        self._positions = [-1] * len(reads)
        self._listeners = 0
        self._risen = asyncio.Event()
        self._ended = False

    @property
    def cells(self) -> range:
        """The numbers of the cells."""
        return range(len(self._reads))

    @asynccontextmanager
    async def reading(self, cell: int) -> AsyncIterator[Db]:
        """Lend a connection to a cell within the block."""
        async with self._reads[cell].connect() as db:
            yield db

    async def step(self, cell: int = 0) -> bool:
        """Look up the last position of a cell, and wake the listeners where it has risen."""
        if not self._listeners:
            return False
        async with self.reading(cell) as db:
            position = await outbox.last_position(db)
        if position > self._positions[cell]:
            self._positions[cell] = position
            self._wake()
        return False

    def end(self) -> None:
        """End every stream: the program stops."""
        self._ended = True
        self._wake()

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Count as a listener within the block; TooManyStreams where there are LISTENERS already."""
        if self._listeners >= LISTENERS:
            raise TooManyStreams(limit=LISTENERS)
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    def risen(self, positions: Positions) -> list[int]:
        """Return the cells with events behind the positions, as far as is known."""
        return [cell for cell, position in positions.items() if self._positions[cell] > position]

    async def rises(self, positions: Positions, seconds: float) -> bool | None:
        """Wait for events behind the positions: True if there are, False after `seconds`, None at the end."""
        while not self._ended:
            if self.risen(positions):
                return True
            try:
                async with asyncio.timeout(seconds):
                    await self._risen.wait()
            except TimeoutError:
                return False
        return None

    def _wake(self) -> None:
        self._risen.set()
        self._risen = asyncio.Event()
