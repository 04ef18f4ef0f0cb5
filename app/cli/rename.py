"""What `rename` does: it gives an account another foreign_id, wherever it is named."""

import asyncio
import sys

import typer
from sqlalchemy import exc

from app.cli import operator
from app.cli.command import CannotBeDone, on_cells, started
from app.config import values
from app.db import Db
from app.db.all_cells import AllCells
from app.domain import access, accounts, crossings, webhooks
from app.domain.crossings import Crossing
from app.domain.refusals import Refusal


def rename(old: str, new: str) -> None:
    """Give an account another foreign_id."""
    with started(beside=True) as (settings, database):
        try:
            asyncio.run(on_cells(database, lambda cells: renamed(cells, old, new, settings.platform_account)))
        except Refusal as refusal:
            sys.exit(f"kennel: {refusal}")
        typer.echo(f"{old} is now called {new}.")


async def renamed(cells: AllCells, old: str, new: str, platform: str) -> None:
    """Rename the account in its cell, and what names it in all of them; raises Refusal or CannotBeDone."""
    if accounts.is_malformed(new):
        raise CannotBeDone(f"The new name is not {values.FOREIGN_ID}.")
    if old == platform:
        raise CannotBeDone(
            f"{old} is where fees go: set KENNEL_PLATFORM_ACCOUNT to another account before you rename it."
        )
    try:
        async with cells.crossing.begin() as db:
            its_cell = await _cell_of(db, cells, old)
            for cell in range(len(cells)):
                await cells.enter(db, cell)
                if cell == its_cell:
                    account = await accounts.rename(db, old, new)
                elif cell == cells.map.of_account(new):
                    await accounts.keep_free(db, new)
                await webhooks.rename(db, old, new)
            if len(cells) > 1:
                await crossings.renamed(Crossing(db, cells.map, ()), account.id, new)
                await _note(db, cells, its_cell, (old, new))
            await access.rename(db, old, new)
            await operator.log(db, "account.rename", new, {"foreign_id": new}, {"foreign_id": old})
    except exc.IntegrityError:
        raise accounts.NameTaken(foreign_id=new) from None


async def _cell_of(db: Db, cells: AllCells, foreign_id: str) -> int:
    """Return the cell in which an account with this name is, if there is one."""
    if len(cells) == 1:
        return 0
    await cells.enter(db, 0)
    moved = await accounts.cells_of_names(db, [foreign_id])
    return moved.get(foreign_id, cells.map.of_account(foreign_id))


async def _note(db: Db, cells: AllCells, cell: int, names: tuple[str, str]) -> None:
    """Note where the account is by its new name, after all cells were locked that could have opened one by it."""
    old, new = names
    if new in await accounts.cells_of_names(db, [new]):
        raise accounts.NameTaken(foreign_id=new)
    if cells.map.of_account(new) != cell:
        await accounts.note_moved(db, [new], cell)
    await accounts.forget_moved(db, old)
