"""Counterparties: the accounts of other cells that a cell has dealt with, and their names."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, bulk
from app.db.tables import counterparties
from app.domain.crossings.crossing import Crossing, enter
from app.domain.owner import Owner

_COLUMNS: Final = ("id", "foreign_id", "address")
_MET: Final = bulk.unnested(counterparties, _COLUMNS)
_MEET: Final = Prepared(
    insert(counterparties)
    .from_select(_COLUMNS, sa.select(_MET).order_by(_MET.c.id))
    .on_conflict_do_nothing(index_elements=["id"])
)
_RENAME: Final = (
    sa.update(counterparties)
    .where(counterparties.c.id == sa.bindparam("number", type_=sa.BigInteger))
    .values(foreign_id=sa.bindparam("name", type_=sa.Text))
)


async def meet(db: Db, owners: Sequence[Owner]) -> None:
    """Note who these accounts of other cells are, where the cell has not dealt with them before."""
    parties = {owner.id: (owner.id, owner.foreign_id, owner.address) for owner in owners}
    await bulk.execute(db, _MEET, bulk.columns(_COLUMNS, list(parties.values())))


async def renamed(crossing: Crossing, account: int, foreign_id: str) -> None:
    """Have the other cells know an account by its new name, in the transaction that renames it."""
    for cell in range(crossing.map.cells):
        if cell != crossing.cell_of(account):
            db = await enter(crossing, cell)
            await db.execute(_RENAME, {"number": account, "name": foreign_id})
