"""A warm start until /health answers, beside a process that only imports FastAPI and SQLAlchemy."""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from bench import cpu_time, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Process, Testbed

ROUNDS = 5
GOAL = 2


class Start(NamedTuple):
    """Seconds on the wall, and of the processor with PostgreSQL's where that is a child."""

    wall: float
    cpu: float


async def measure(testbed: Testbed) -> list[Figure]:
    """Import, start with an embedded database and start with another one, in turn; the first round warms up."""
    imports, embedded, configured = [], [], []
    home, other = testbed.folder(), testbed.folder()
    async with testbed.database() as url, programs.devnet(testbed.folder()) as node:
        for _ in range(ROUNDS + 1):
            imports.append(await _start(programs.running("bench.importing")))
            embedded.append(await _start(programs.kennel(home, "embedded", node)))
            configured.append(await _start(programs.kennel(other, url, node)))
    return [
        *_figures("start", embedded[1:], imports[1:]),
        *_figures("start_configured", configured[1:], imports[1:]),
    ]


async def _start(program: AbstractAsyncContextManager[Process]) -> Start:
    began = time.perf_counter()
    async with program as process:
        if "admin API" in process.first_line:
            await load.once(process.port("admin API"), [load.get("/health")])
        return Start(time.perf_counter() - began, cpu_time.seconds(process.pid))


def _figures(name: str, starts: Sequence[Start], imports: Sequence[Start]) -> list[Figure]:
    (wall, cpu), (limit, limit_cpu) = zip(*starts, strict=True), zip(*imports, strict=True)
    return [
        of_rounds(Terms(name, "s", GOAL, at_most=True), wall, limit),
        of_rounds(Terms(f"{name}_cpu", "s", GOAL, at_most=True), cpu, limit_cpu),
    ]
