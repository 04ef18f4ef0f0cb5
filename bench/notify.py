"""What it costs to wake other processes by NOTIFY after each commit: invoices with and without, in turn."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

import asyncpg
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.batching.group_commit import GroupCommit
from app.db.database import Database
from app.domain import dogecoin
from app.domain.installation import Installation
from app.runtime.loop import Loop, ProcessHealth
from app.runtime.notices import Notices, NotifyConnection
from bench import filling, metrics, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed

ROUNDS: Final = 15
TROUBLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


async def measure(testbed: Testbed) -> list[Figure]:
    """Ask a program that tells a process which listens, and one that tells nobody."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        telling, silent = [await stack.enter_async_context(programs.engine(url)) for _ in range(2)]
        async with telling.begin() as db:
            await filling.fill(db, 1, 1, {})
        connection, listener = (NotifyConnection(Database(url).session) for _ in range(2))
        notices, _ = Notices(connection), Notices(listener)
        loops = [
            asyncio.create_task(Loop(name, one.step, one.telling, one.seconds, TROUBLE).run(ProcessHealth()))
            for name, one in (("notices", connection), ("listener", listener))
        ]
        told, untold = _program(telling, notices), _program(silent, None)
        for app in (told, untold):
            await _rate(app)
        rounds = [(await _rate(told), await _rate(untold)) for _ in range(ROUNDS)]
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)
        await connection.close()
        await listener.close()
    values, limits = zip(*rounds, strict=True)
    return [of_rounds(Terms("notify", "1/s", goal=0.97), values, limits)]


def _program(engine: AsyncEngine, notices: Notices | None) -> FastAPI:
    installation = Installation(dogecoin.REGTEST, 6, lambda: "t")
    commits = GroupCommit(engine, installation, lambda _: notices.wake("committed") if notices else None)
    return application.admin(context.of(engine, commits), lambda: "id")


async def _rate(app: FastAPI) -> float:
    """Return the invoices that are made and read in a second."""
    began = time.perf_counter()
    await metrics.call(app)
    return metrics.CALLERS * metrics.REQUESTS / (time.perf_counter() - began)
