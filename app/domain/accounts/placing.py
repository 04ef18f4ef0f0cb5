"""In which cell an account is: in that of the name with which it was opened, also when it has another one."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from app.cells import Cell, CellMap
from app.db import Db, Prepared, ReadDb, bulk
from app.db.tables import account_names
from app.domain.commands import plain
from app.domain.queries import Query

_RENAMED: Final = Prepared(
    sa.select(account_names).where(
        account_names.c.foreign_id == sa.any_(sa.bindparam("names", type_=bulk.TEXTS))
    )
)
_ANY: Final = sa.select(sa.exists().select_from(account_names))


async def cells_of_names(db: ReadDb, foreign_ids: Sequence[str]) -> dict[str, int]:
    """Return the cells of those accounts that lie elsewhere than their names fall."""
    rows = await bulk.fetch_all(db, _RENAMED, {"names": list(foreign_ids)})
    return {row["foreign_id"]: row["cell"] for row in rows}


async def renamed(db: ReadDb, foreign_ids: Sequence[str]) -> list[int | None]:
    """Return the cell of each account that lies elsewhere than its name falls; None for all other names."""
    cells = await cells_of_names(db, foreign_ids)
    return [cells.get(name) for name in foreign_ids]


RENAMED: Final = Query("account-name", plain(renamed))
"""The cell of an account that lies elsewhere than its name falls, by that name."""


async def any_renamed(db: Db) -> bool:
    """Say whether any account lies elsewhere than its name falls."""
    return bool(await db.scalar(_ANY))


async def cell_of(db: Db, cells: CellMap, foreign_id: str) -> Cell:
    """Return the cell of an account, also where there is none of this name yet."""
    [number] = await renamed(db, [foreign_id])
    return Cell(cells.of_account(foreign_id) if number is None else number, cells.cells)
