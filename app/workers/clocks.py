"""The clocks: what ends at its time, payouts that are due, seals over old entries, and the clean-up."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db, reads
from app.domain import access, blocks, idempotency, invoices, ledger, rates, webhooks
from app.domain.blocks import Tip
from app.domain.dogecoin import Network
from app.domain.ledger import SafeHorizon
from app.domain.payments import pause, payouts
from app.runtime.lease import Lease

Step = Callable[[], Awaitable[bool]]
"""What a loop repeats: it says whether it moved anything."""
STILL_SECONDS: Final = 10
"""The follower is not catching up when the tip has stood for so long."""


def in_batches(
    engine: AsyncEngine, work: Callable[[Db], Awaitable[int]], committed: Callable[[], None]
) -> Step:
    """Return a step that does one batch of `work` in a transaction, and calls `committed` if there was any.

    Any number of processes may run it: `work` passes over rows that another transaction has locked.
    """

    async def step() -> bool:
        async with engine.begin() as db:
            count = await work(db)
        if count:
            committed()
        return count > 0

    return step


class InvoiceExpiry:
    """Expires invoices; it watches the tip, because the clock counts only while the chain stands still."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tip: Tip | None = None
        self._since = clock()

    async def expire(self, db: Db) -> int:
        """Expire a batch; returns how many."""
        return await invoices.expire(db, still=self._still(await blocks.tip(db)))

    def _still(self, tip: Tip | None) -> bool:
        if tip != self._tip:
            self._tip, self._since = tip, self._clock()
        return self._clock() - self._since >= STILL_SECONDS


class Payouts:
    """Starts payouts. Any number of processes may: a payout takes the money, so the others find none."""

    def __init__(self, engine: AsyncEngine, network: Network, committed: Callable[[], None]) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._network = network
        self._committed = committed
        self._after = -1

    async def step(self) -> bool:
        """Look at one window of accounts; False after the last window, or while payments are paused."""
        async with self._reads.connect() as db:
            if await pause.reason(db) is not None:
                return False
            due, last = await payouts.look(db, self._network, self._after)
        self._after = -1 if last is None else last
        if due:
            async with self._engine.begin() as db:
                await payouts.pay_out(db, self._network, due)
            self._committed()
        return last is not None


class Sealing:
    """Seals old entries. The lease only saves work: two processes would make the same seals."""

    def __init__(
        self,
        engine: AsyncEngine,
        lease: Lease,
        *,
        after: timedelta = ledger.SEAL_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._after = after.total_seconds()
        self._clock = clock
        self._seen: SafeHorizon | None = None
        self._since = clock()

    async def step(self) -> bool:
        """Note the last entry; seal up to it once it is old, and every transaction of that time has ended."""
        if not await self._lease.held():
            return False
        async with self._engine.begin() as db:
            if self._seen is None:
                self._seen, self._since = await ledger.safe_horizon(db), self._clock()
                return False
            if self._clock() - self._since < self._after or not await ledger.is_past(db, self._seen):
                return False
            sealed = await ledger.seal(db, self._seen.entry)
        if not sealed:
            self._seen = None
        return sealed

    async def close(self) -> None:
        """Let another process go on."""
        await self._lease.release()


def tidying(
    engine: AsyncEngine,
    age: timedelta,
    sinks: Sequence[str],
    rate_age: timedelta = timedelta(days=400),
    *,
    of_all_cells: bool = True,
) -> Step:
    """Return a step that deletes old idempotency keys, rows of deleted endpoints, and old events.

    An event is old after `age`, once each of the `sinks` was told; an `age` of zero keeps all. `of_all_cells`: and what
    all cells share, which are grants of keys that are over, and old rates.
    """

    async def step() -> bool:
        async with engine.begin() as db:
            moved = await idempotency.delete_expired(db) > 0
            moved = await webhooks.sweep(db) or moved
            if of_all_cells:
                moved = await rates.delete_old(db, rate_age) or moved
                moved = await access.delete_over(db) or moved
        if not age:
            return moved
        async with engine.begin() as db:
            return await webhooks.delete_expired(db, age, await webhooks.delivered_up_to(db, sinks)) or moved

    return step
