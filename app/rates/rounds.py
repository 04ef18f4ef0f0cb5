"""Asks all sources again and again, and writes what they say; one process does so for all."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import rates
from app.domain.rates import Rate
from app.events.address_limit import AddressLimited
from app.events.http_post import Poster
from app.rates import source
from app.rates.source import Nonsense, Source
from app.runtime.http_client import Unanswered
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)
ANSWER_BYTES: Final = 256 * 1024
ANSWER_SECONDS: Final = 5.0
"""A source has this time to answer. It is shorter than the lease."""
LEAP: Final = 2
"""A rate that is more than so many times another, or less than such a part of it, is taken for a mistake."""
HEADERS: Final = {"Accept": "application/json", "User-Agent": "Kennel"}

Ask = Callable[[Source], Awaitable[Decimal]]
"""Returns what a source says, or raises Unanswered or Nonsense with the reason."""


def over_http(client: Poster, seconds: float = ANSWER_SECONDS) -> Ask:
    """Return a function that asks a source over HTTP; `client` keeps at most ANSWER_BYTES of an answer."""

    async def ask(asked: Source) -> Decimal:
        if asked.fixed is not None:
            return asked.fixed
        try:
            async with asyncio.timeout(seconds):
                answer = await client.get(asked.url, HEADERS)
        except TimeoutError:
            raise Unanswered(f"no answer within {seconds:g} seconds") from None
        except AddressLimited as limited:
            raise Unanswered(str(limited)) from None
        if answer.status != 200:
            raise Nonsense(f"it answers with status {answer.status}")
        if not answer.whole:
            raise Nonsense(f"its answer is cut off, or has more than {ANSWER_BYTES} bytes")
        return source.number_in(answer.body, asked.pointer)

    return ask


class Rounds:
    """A round asks every source at once. A source that fails is told of in the log once, and when it is back.

    A leap away from what the source said while that still counts (`max_age_seconds`) is refused: so a real one
    counts late, and a mistake never.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sources: Sequence[Source],
        ask: Ask,
        lease: Lease,
        terms: tuple[int, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how often to ask and for how long a rate counts as `terms`, both in seconds."""
        self._engine, self._sources, self._ask, self._lease = engine, sources, ask, lease
        self._seconds, self._max_age_seconds = terms
        self._clock = clock
        self._due = clock()
        self._last: dict[Source, tuple[Decimal, float]] = {}
        self._faults: dict[Source, str] = {}

    async def step(self) -> bool:
        """Ask all sources, if it is time to; False: the next time is not yet."""
        if not await self._lease.held() or self._clock() < self._due:
            return False
        self._due = self._clock() + self._seconds
        answers = await asyncio.gather(*map(self._rate, self._sources))
        async with self._engine.begin() as db:
            await rates.record(db, [rate for rate in answers if rate is not None])
        return False

    async def close(self) -> None:
        """Let another process go on."""
        await self._lease.release()

    async def _rate(self, asked: Source) -> Rate | None:
        try:
            value = await self._ask(asked)
            self._check_leap(asked, value)
        except (Unanswered, Nonsense) as fault:
            self._note(asked, str(fault))
            return None
        self._note(asked, "")
        self._last[asked] = value, self._clock()
        return Rate(asked.name, asked.currency, value)

    def _check_leap(self, asked: Source, value: Decimal) -> None:
        last, at = self._last.get(asked, (value, self._clock()))
        if self._clock() - at < self._max_age_seconds and not last / LEAP <= value <= last * LEAP:
            raise Nonsense(f"it says {value.normalize():f} after {last.normalize():f}")

    def _note(self, asked: Source, fault: str) -> None:
        before = self._faults.get(asked, "")
        self._faults[asked] = fault
        if fault and not before:
            _log.warning("no rate of %s from %s: %s", asked.currency, asked.name, fault)
        if before and not fault:
            _log.info("the rate of %s from %s is back", asked.currency, asked.name)
