"""The clocks: loops that end what has run out of time, start the payouts that are due, and seal old entries."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import blocks, holds, invoices, ledger, payments
from app.domain.blocks import Tip
from app.domain.dogecoin import Network
from app.domain.ledger import SafeHorizon
from app.domain.payments import payouts
from app.runtime.lease import Lease

STILL_SECONDS: Final = 10
"""A chain whose tip stood for so long is not being caught up with."""


class Expiry:
    """Any number may run: what one holds, the others leave. `woken` is called when something was told."""

    def __init__(
        self, engine: AsyncEngine, woken: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._woken = woken
        self._clock = clock
        self._tip: Tip | None = None
        self._since = clock()

    async def step(self) -> bool:
        """Expire a batch; says whether there was anything."""
        async with self._engine.begin() as db:
            ended = await invoices.expire(db, still=self._still(await blocks.tip(db)))
        if ended:
            self._woken()
        return ended > 0

    def _still(self, tip: Tip | None) -> bool:
        if tip != self._tip:
            self._tip, self._since = tip, self._clock()
        return self._clock() - self._since >= STILL_SECONDS


class HoldExpiry:
    """Any number may run: what one holds, the others leave. `woken` is called when something was told."""

    def __init__(self, engine: AsyncEngine, woken: Callable[[], None]) -> None:
        self._engine = engine
        self._woken = woken

    async def step(self) -> bool:
        """Expire a batch; says whether there was anything."""
        async with self._engine.begin() as db:
            ended = await holds.expire(db)
        if ended:
            self._woken()
        return ended > 0


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
            if await payments.reason(db) is not None:
                return False
            due, last = await payouts.look(db, self._network, self._after)
        self._after = -1 if last is None else last
        if due:
            async with self._engine.begin() as db:
                await payments.pay_out(db, self._network, due)
            self._committed()
        return last is not None


class Sealing:
    """One at a time by lease, which only saves work: two make the same seals."""

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        *,
        after: timedelta = ledger.AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._after = after.total_seconds()
        self._clock = clock
        self._seen: SafeHorizon | None = None
        self._since = clock()

    async def step(self) -> bool:
        """Look at where the entries end; once that is old, and all that ran then is over, seal up to there."""
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            if self._seen is None:
                self._seen, self._since = await ledger.horizon(db), self._clock()
                return False
            if self._clock() - self._since < self._after or not await ledger.is_past(db, self._seen):
                return False
            sealed = await ledger.seal(db, self._seen.entry)
        if not sealed:
            self._seen = None
        return sealed

    async def close(self) -> None:
        """Let another go on."""
        await self._lease.release()
