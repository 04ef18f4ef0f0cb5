"""What the same PostgreSQL does without Kennel: `pgbench` with its TPC-B transaction, prepared."""

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
"""Branches: as many as clients or more, so that no client waits for another's branch."""
THREADS = 2


@dataclass(frozen=True, slots=True)
class Tpcb:
    """A database that pgbench has filled."""

    url: sa.URL

    async def rate(self, clients: int, seconds: int) -> float:
        """Return the transactions per second."""
        output = await self._run("-c", clients, "-j", min(clients, THREADS), "-T", seconds)
        return _number(r"tps = ([\d.]+)", output)

    async def milliseconds(self, transactions: int) -> float:
        """Return the milliseconds of a transaction when only one runs."""
        return _number(r"latency average = ([\d.]+) ms", await self._run("-c", 1, "-t", transactions))

    async def fill(self) -> None:
        """Make pgbench's tables."""
        await self._run("-i", "-q", "-s", SCALE, "-I", "dtGvp", mode=())

    async def _run(self, *options: object, mode: tuple[str, ...] = ("-n", "-M", "prepared")) -> str:
        program = programs.find(None).folder / "pgbench"
        login = ("-h", str(self.url.query["host"]), "-U", str(self.url.username), str(self.url.database))
        process = await asyncio.create_subprocess_exec(
            program, *mode, *map(str, options), *login, stdout=PIPE, stderr=STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(output.decode())
        return output.decode()


@asynccontextmanager
async def prepared(testbed: Testbed) -> AsyncIterator[Tpcb]:
    """Yield a database for it; PostgreSQL's own empty one is enough to begin with."""
    async with testbed.database("template1") as url:
        tpcb = Tpcb(sa.make_url(url))
        await tpcb.fill()
        yield tpcb


def _number(pattern: str, output: str) -> float:
    match = re.search(pattern, output)
    if match is None:
        raise RuntimeError(output)
    return float(match[1])
