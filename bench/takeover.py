"""How long the work stands still when the process that does it is killed, and another one stands by."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import leases
from bench import programs
from bench.figures import Figure
from bench.programs import Testbed

ROUNDS: Final = 3
LOOPS: Final = ("follow", "sequencer")
"""The loops whose leases are waited for."""
LIMIT_SECONDS: Final = 5.0
PROBE_SECONDS: Final = 0.01


async def measure(testbed: Testbed) -> list[Figure]:
    """Kill the one that works again and again; the longest time counts."""
    home, seconds = testbed.folder(), []
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        engine = await stack.enter_async_context(programs.engine(url))
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        working = await stack.enter_async_context(programs.kennel(home, url, node))
        for _ in range(ROUNDS):
            before = await _holders(engine, len(LOOPS))
            standing_by = await stack.enter_async_context(programs.kennel(home, url, node))
            os.kill(working.pid, signal.SIGKILL)
            began = time.perf_counter()
            await _holders(engine, len(LOOPS), but=before)
            seconds.append(time.perf_counter() - began)
            working = standing_by
    return [Figure("takeover", "s", max(seconds), LIMIT_SECONDS, 1, at_most=True)]


async def _holders(engine: AsyncEngine, count: int, but: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return who holds the leases, once so many are held by others than these."""
    while True:
        async with engine.connect() as db:
            holders = list(await db.scalars(sa.select(leases.c.holder).where(leases.c.name.in_(LOOPS))))
        if len(holders) == count and but.isdisjoint(holders):
            return frozenset(holders)
        await asyncio.sleep(PROBE_SECONDS)
