"""The whole program on one screen: shared things, loops and listeners, started in order and stopped in reverse."""

import gc
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app import configured_node
from app.chain import zmq_announcements
from app.config.settings import Settings
from app.db.database import Database
from app.db.embedded.programs import EmbeddedError
from app.metrics.process import ProcessMetrics
from app.metrics.siblings import Siblings
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from app.workers import cell_loops, listeners, parts, watching

TEND_SECONDS: Final = 0.5
COLLECTED_AT: Final = (50_000, 10, 10)
"""How many objects are made before Python looks for garbage in circles: a thousand transfers make ten times this many."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs: the ports of its listeners (0 for one that it has not), and how its loops are."""

    admin: int
    public: int
    health: ProcessHealth
    engine: AsyncEngine
    metrics: int


@asynccontextmanager
async def running(
    settings: Settings, database: Database, holder: str = "", siblings: Siblings | None = None
) -> AsyncIterator[Running]:
    """Run what the settings' roles ask for, for as long as the block lasts.

    `holder` names this process in leases, and the one that is started again in its place; `siblings` are the
    other processes of this program.

    A loop that ends by a fault of ours ends the block too, with its error.
    """
    async with AsyncExitStack() as stack:
        await database.upgrade()
        health = ProcessHealth()
        process = ProcessMetrics(health)
        watching.trace(stack, settings, process)
        opened = cell_loops.of(stack, settings, database, process, holder or _holder(database))
        node, zmq = await stack.enter_async_context(configured_node.running(settings))
        cells = opened(node)
        shared = cells.shareds[0]
        loops = [_tending(database.restart)] if database.restart is not None else []
        loops += await cells.loops(stack)
        tasks = [*(loop.run(health) for loop in loops), process.observers.watch_event_loop()]
        if zmq and "follow" in settings.roles:
            tasks.append(zmq_announcements.listen(zmq, cells.wakes()))
        await stack.enter_async_context(parts.together(tasks))
        scrape, metrics = await watching.opened(stack, shared, process, siblings)
        admin, public = await listeners.opened(stack, cells.shareds, scrape, database)
        collect_less()
        yield Running(admin, public, health, shared.engine, metrics)


def collect_less() -> None:
    """Keep what was made for good out of the collector's sight; with its own numbers it took a third of the time.

    It is not looked through before: of 250,000 objects of a start one thousand are garbage, and to find them takes a
    seventh of the start.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(*COLLECTED_AT)


def _holder(database: Database) -> str:
    """Name this process in leases.

    Beside an embedded database there is only ever one, which after a kill takes up at once what it held before.
    """
    return "home" if database.restart is not None else secrets.token_hex(8)


def _tending(tend: Callable[[], bool]) -> Loop:
    """Watch over the PostgreSQL of our own; it must be started from this thread, and that does not block."""

    async def step() -> bool:
        return tend()

    return Loop("postgres", step, WakeUp(), TEND_SECONDS, (EmbeddedError,))
