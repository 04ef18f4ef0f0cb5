"""The part of a processor that a program takes with nothing to do, and PostgreSQL behind it."""

import asyncio
import time
from collections.abc import Mapping

from bench import cpu_time, invoices
from bench.figures import Figure
from bench.programs import Testbed

SETTLE_SECONDS, SECONDS = 3, 20
LIMIT_PERCENT = 1


async def measure(testbed: Testbed) -> list[Figure]:
    """Watch a program with every role, whose node announces nothing; the node is not counted."""
    async with invoices.ready_program(testbed) as kennel:
        await asyncio.sleep(SETTLE_SECONDS)
        percents = await _percents({"kennel": kennel.pid, "postgresql": testbed.postmaster})
    return [
        Figure("idle", "% of a processor", sum(percents.values()), LIMIT_PERCENT, 1, at_most=True),
        *(Figure(f"idle_{name}", "% of a processor", percent) for name, percent in percents.items()),
    ]


async def _percents(pids: Mapping[str, int]) -> dict[str, float]:
    """Return how much of one processor each program takes over SECONDS."""
    before, began = {name: cpu_time.seconds(pid) for name, pid in pids.items()}, time.perf_counter()
    await asyncio.sleep(SECONDS)
    took = time.perf_counter() - began
    return {name: 100 * (cpu_time.seconds(pid) - before[name]) / took for name, pid in pids.items()}
