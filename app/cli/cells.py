"""What `cells` and `cells move` do: where each cell lies, how full it is, and another server for it."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy import exc

from app.cli.command import CannotBeDone, started
from app.db import Db, reads, sqlstate
from app.db.database import Database
from app.domain.monitoring import cell as monitoring
from app.domain.monitoring.cell import CellFigures

HERE: Final = "here"
"""The server of all cells of a plain PostgreSQL."""
_NODE: Final = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)


def show() -> None:
    """Show each cell."""
    with started(beside=True) as (_, database):
        Console().print(table(asyncio.run(figures(database))))


def move(number: int, node: str) -> None:
    """Move a cell to another server of the same Citus. Kennel goes on meanwhile."""
    with started(beside=True) as (_, database):
        Console(soft_wrap=True).print(asyncio.run(moved(database, number, node)))


async def figures(database: Database) -> list[CellFigures]:
    """Return the figures of all cells, in order."""
    await database.upgrade()
    return [await _figures_of(cell) for cell in database.cells]


async def _figures_of(cell: Database) -> CellFigures:
    async with cell.without_timeouts() as engine, engine.connect() as db:
        return await monitoring.figures(db)


def table(rows: Sequence[CellFigures]) -> Table:
    """Return them as a table; a cell lags behind the one that has followed the chain farthest."""
    right = [Column(name, justify="right") for name in ("accounts", "size", "tip", "lag")]
    shown = Table("cell", "schema", "lies", *right)
    highest = max(row.height if row.height is not None else -1 for row in rows)
    for number, row in enumerate(rows):
        tip = "" if row.height is None else f"{row.height:,}"
        lag = f"{highest - (-1 if row.height is None else row.height):,}"
        size = f"{row.size_bytes / 2**20:,.1f} MB"
        shown.add_row(str(number), row.schema, Text(row.node or HERE), f"{row.accounts:,}", size, tip, lag)
    return shown


async def moved(database: Database, number: int, node: str) -> str:
    """Move the cell; returns what to print. Raises CannotBeDone where it cannot be moved there."""
    host, port = _address(node)
    if database.map.cells == 1 or number >= database.map.cells:
        raise CannotBeDone(
            f"There is no cell {number} that could be moved: KENNEL_CELLS is {database.map.cells}."
        )
    async with database.without_timeouts() as engine, reads(engine).connect() as db:
        if not await monitoring.is_distributed(db):
            raise CannotBeDone("This database is one server, on which all cells lie: only Citus has others.")
        await _move(db, database.cells[number].cell.schema, (host, port))
    return f"Cell {number} lies on {host}:{port} now."


async def _move(db: Db, schema: str, to: tuple[str, int]) -> None:
    """Have Citus move it, by a statement without a transaction: others write to it meanwhile."""
    try:
        await monitoring.move(db, schema, *to)
    except exc.DBAPIError as error:
        if sqlstate(error) is None:
            raise
        raise CannotBeDone(f"The cell was not moved: {str(error.orig).splitlines()[0]}") from error


def _address(node: str) -> tuple[str, int]:
    match = _NODE.fullmatch(node)
    if match is None:
        raise CannotBeDone(f"{node!r} is no server: write host:port.")
    return match[1].strip("[]"), int(match[2])
