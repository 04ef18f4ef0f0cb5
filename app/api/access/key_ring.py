"""The keys that are in use, held in memory for a moment, so that a request costs no query."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import access
from app.domain.access import ApiKey, api_keys

HELD_SECONDS: Final = 3.0
"""So long a key is believed without another look: so long a revoked one may still work in other processes."""
STEP_SECONDS: Final = 1.0
"""Keys in use are read again so often, all in one statement: their requests wait for none."""
IN_USE_SECONDS: Final = 60.0
"""A key counts as in use for so long after a request. So often it is written that it is."""
MOST: Final = 20_000
"""Numbers that are held, unknown ones too; the one that was read first is forgotten first."""


class Held(NamedTuple):
    """A key as it was read, None where there is none, and until when it is believed."""

    key: ApiKey | None
    until: float


class KeyRing:
    """Finds keys by their numbers. `engine` writes when they were used."""

    def __init__(
        self, reads: AsyncEngine, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reads = reads
        self._engine = engine
        self._clock = clock
        self._held: dict[int, Held] = {}
        self._used: dict[int, float] = {}
        self._noted: dict[int, float] = {}

    async def find(self, number: int) -> ApiKey | None:
        """Return the key with this number, as it was at most HELD_SECONDS ago."""
        if not self.holds(number):
            await self._read([number])
        return self._held[number].key

    def holds(self, number: int) -> bool:
        """Whether `find` answers without the database."""
        held = self._held.get(number)
        return held is not None and self._clock() < held.until

    def use(self, number: int) -> None:
        """Note that a request came with the key."""
        self._used[number] = self._clock()

    def forget(self, number: int) -> None:
        """Look at the key again before it opens anything: it was changed here."""
        self._held.pop(number, None)

    async def while_open(self, number: int | None, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass an endless answer on until the key of its caller has ended."""
        async for chunk in chunks:
            if number is not None:
                key = await self.find(number)
                if key is None or key.state != "active":
                    return
            yield chunk

    async def step(self) -> bool:
        """Read the keys in use again, and write that they are."""
        now = self._clock()
        self._used = {number: at for number, at in self._used.items() if now - at < IN_USE_SECONDS}
        if self._used:
            await self._read(self._used)
        await self._note(now)
        return False

    async def _read(self, numbers: Iterable[int]) -> None:
        numbers = list(numbers)
        began = (
            self._clock()
        )  # a key that is revoked while the statement runs is believed no longer than others
        async with self._reads.connect() as db:
            keys = await api_keys.by_ids(db, [str(number) for number in numbers])
        for number in numbers:
            self._hold(number, keys.get(str(number)), began)

    def _hold(self, number: int, key: ApiKey | None, began: float) -> None:
        seconds = HELD_SECONDS
        if key is not None and key.expires is not None and key.expires > key.now:
            seconds = min(seconds, (key.expires - key.now).total_seconds())
        self._held.pop(number, None)
        self._held[number] = Held(key, began + seconds)
        if len(self._held) > MOST:
            del self._held[next(iter(self._held))]

    async def _note(self, now: float) -> None:
        self._noted = {number: at for number, at in self._noted.items() if now - at < IN_USE_SECONDS}
        fresh = self._used.keys() - self._noted.keys()
        if fresh:
            async with self._engine.begin() as db:
                await access.note_uses(db, fresh)
            self._noted.update(dict.fromkeys(fresh, now))
