"""The part of a processor that a program takes with nothing to do, and PostgreSQL behind it."""

import asyncio
import time
from collections.abc import Mapping

from bench import cpu_time, invoices, programs
from bench.figures import Figure
from bench.programs import Testbed

SETTLE_SECONDS, SECONDS = 15, 20
"""By then autovacuum has looked at what the start has written."""
OWN_SECONDS = 10
LIMIT_PERCENT = 1


async def measure(testbed: Testbed) -> list[Figure]:
    """Watch a program with every role, whose node announces nothing; the node is shown, and not counted.

    Of PostgreSQL's part that is shown too which it takes while nobody asks it.
    """
    async with testbed.database():
        await asyncio.sleep(SETTLE_SECONDS)
        own = await _percents({"postgresql": testbed.postmaster}, OWN_SECONDS)
    async with programs.devnet(testbed.folder()) as node, invoices.ready_program(testbed, node) as kennel:
        await asyncio.sleep(SETTLE_SECONDS)
        pids = {"kennel": kennel.pid, "postgresql": testbed.postmaster, "devnet": node.pid}
        percents = await _percents(pids, SECONDS)
    total = percents["kennel"] + percents["postgresql"]
    return [
        Figure("idle", "% of a processor", total, LIMIT_PERCENT, 1, at_most=True),
        *(Figure(f"idle_{name}", "% of a processor", percent) for name, percent in percents.items()),
        Figure("idle_postgresql_own", "% of a processor", own["postgresql"]),
    ]


async def _percents(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Return how much of one processor each program takes over so many seconds."""
    before, began = {name: cpu_time.seconds(pid) for name, pid in pids.items()}, time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    return {name: 100 * (cpu_time.seconds(pid) - before[name]) / took for name, pid in pids.items()}
