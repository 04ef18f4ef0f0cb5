"""What the same PostgreSQL does with nothing before it: `pgbench`, its TPC-B transaction, prepared."""

import asyncio
import re
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from app.db.embedded import programs
from bench.programs import Testbed

SCALE = 64
"""Branches: not fewer than clients, who would wait for each other's otherwise."""
THREADS = 2


@dataclass(frozen=True, slots=True)
class Tpcb:
    """A database that pgbench has filled."""

    url: sa.URL

    async def rate(self, clients: int, seconds: int) -> float:
        """Return the transactions per second."""
        said = await self._run("-c", clients, "-j", min(clients, THREADS), "-T", seconds)
        return _number(r"tps = ([\d.]+)", said)

    async def milliseconds(self, transactions: int) -> float:
        """Return how long one takes that is alone."""
        return _number(r"latency average = ([\d.]+) ms", await self._run("-c", 1, "-t", transactions))

    async def fill(self) -> None:
        """Make pgbench's tables."""
        await self._run("-i", "-q", "-s", SCALE, "-I", "dtGvp", terms=())

    async def _run(self, *words: object, terms: tuple[str, ...] = ("-n", "-M", "prepared")) -> str:
        program = programs.find(None).folder / "pgbench"
        where = ("-h", str(self.url.query["host"]), "-U", str(self.url.username), str(self.url.database))
        process = await asyncio.create_subprocess_exec(
            program, *terms, *map(str, words), *where, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode())
        return said.decode()


@asynccontextmanager
async def prepared(testbed: Testbed) -> AsyncIterator[Tpcb]:
    """Yield a database for it; PostgreSQL's own empty one is enough to begin with."""
    async with testbed.database("template1") as url:
        tpcb = Tpcb(sa.make_url(url))
        await tpcb.fill()
        yield tpcb


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])
