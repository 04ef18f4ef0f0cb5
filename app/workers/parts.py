"""What each part of a process has: its database connections, its name, and the tasks that run together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.database import Database
from app.metrics.process import ProcessMetrics


def engine(stack: AsyncExitStack, database: Database, process: ProcessMetrics, part: str) -> AsyncEngine:
    """Return the connections of a part of this process to a cell, and have figures of them."""
    connections: int = getattr(database.shares, part)
    opened = database.engine(connections, reading=part != "loops")
    stack.push_async_callback(opened.dispose)
    return process.watch_pool(database.cell.named(part), opened, connections)


@asynccontextmanager
async def together(tasks: Sequence[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Run the coroutines while the block lasts; a loop may be stopped anywhere: what it had not committed is undone."""
    async with asyncio.TaskGroup() as group:
        started = [group.create_task(task) for task in tasks]
        try:
            yield
        finally:
            for task in started:
                task.cancel()
