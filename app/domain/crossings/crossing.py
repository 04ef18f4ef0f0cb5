"""A crossing: one transaction over cells, and the requests that it carries out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from app.cells import Cell, CellMap
from app.db import Db, Prepared, bulk, cells, driven
from app.domain.installation import Installation

Request = TypeVar("Request")


class Placed(NamedTuple, Generic[Request]):
    """A request and its cells: first that of its key and of what it makes, then those of others whom it concerns."""

    request: Request
    cells: tuple[int, ...]

    @property
    def home(self) -> int:
        """The cell in which its key and what it makes lie."""
        return self.cells[0]


@dataclass(slots=True)
class Crossing:
    """A transaction of the crossing engine. Its statements find the tables of the cell that was entered last.

    Locks of one kind are taken in all cells, in their order, before those of the next kind: what happens within a cell
    takes the kinds in the same order, and so nobody waits in a circle. `installations` stand in the order of the cells.
    """

    db: Db
    map: CellMap
    installations: Sequence[Installation]
    entered: int = -1

    def cell_of(self, account: int) -> int:
        """Return the cell of an account."""
        return self.map.of_number(account)


async def enter(crossing: Crossing, cell: int) -> Db:
    """Have the next statements find the tables of this cell, and those that all cells share."""
    db = crossing.db
    if cell != crossing.entered:
        entered = Cell(cell, crossing.map.cells)
        await bulk.execute(db, _entering(entered))
        driven.keep_plans_for(db, entered.schema)
        crossing.entered = cell
    return db


@cache
def _entering(cell: Cell) -> Prepared:
    return Prepared(sa.text(cells.enter(cell)))
