"""An installation of several cells on one PostgreSQL, and connections to each of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import CellMap
from app.db import cells as roles
from app.db import database_url
from app.db.database import Database

CONNECTIONS = 8
"""Of each engine: PostgreSQL has 100."""


@dataclass(frozen=True)
class Cells:
    """The database as a whole, an engine of each cell in order, and the one of what concerns several."""

    database: Database
    engines: tuple[AsyncEngine, ...]
    crossing: AsyncEngine

    @property
    def map(self) -> CellMap:
        return self.database.map


MakeCells = Callable[[int], Awaitable[Cells]]


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[Cells]:
    """Yield the cells of a database that has them, or will have them by now."""
    database = divided(url, count)
    await database.upgrade()
    async with opened(database) as cells:
        yield cells


def divided(url: str, count: int) -> Database:
    return Database(url, connections=CONNECTIONS * (count + 1), map=CellMap(count))


async def admit(clone: Database) -> None:
    """Have the roles find their schemas in a clone too: PostgreSQL keeps that for each database, and clones it not."""
    engine = clone.crossing_engine(2)
    await roles.make(engine, clone.map, database_url.parse(clone.url).password)
    await engine.dispose()


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Cells]:
    """Yield the cells of a database that has them."""
    engines = [cell.engine(CONNECTIONS) for cell in database.cells]
    crossing = database.crossing_engine()
    try:
        yield Cells(database, tuple(engines), crossing)
    finally:
        for engine in (*engines, crossing):
            await engine.dispose()
