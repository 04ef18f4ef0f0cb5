"""All cells of an installation: a way to each of them, and one transaction that goes from cell to cell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import SHARED, Cell, CellMap
from app.db import cells
from app.db.engine import Db


@dataclass(frozen=True, slots=True)
class AllCells:
    """The engines of the cells in their order, and one whose transactions reach all of them.

    An installation that is not divided is one cell, and nothing here makes a difference to it.
    """

    engines: tuple[AsyncEngine, ...]
    crossing: AsyncEngine

    @classmethod
    def of_one(cls, engine: AsyncEngine) -> Self:
        """Return the one cell of an installation that is not divided."""
        return cls((engine,), engine)

    def __len__(self) -> int:
        return len(self.engines)

    @property
    def map(self) -> CellMap:
        """Which cell has what."""
        return CellMap(len(self.engines))

    async def enter(self, db: Db, cell: int) -> None:
        """Have what follows in a transaction of `crossing` find the tables of this cell, and the shared ones."""
        if len(self) > 1:
            await db.execute(sa.text(cells.enter(Cell(cell, len(self)))))

    async def enter_shared(self, db: Db) -> None:
        """Have what follows find the tables that several cells share, and no others."""
        await db.execute(sa.text(f"SET LOCAL search_path = {SHARED}"))

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Db]:
        """Yield a transaction that reads one moment of all cells, and writes nothing.

        Where the cells lie on several servers, these have no moment in common: what commits just then may be seen on
        one of them only.
        """
        reading = self.crossing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with reading.begin() as db:
            yield db
