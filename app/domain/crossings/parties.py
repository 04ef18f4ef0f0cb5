"""Who the names and numbers are that a crossing is about, each looked up in its cell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import bulk
from app.db.tables import accounts as account_rows
from app.domain import accounts
from app.domain.crossings.crossing import Crossing, enter
from app.domain.owner import Owner

Sought = tuple[str, tuple[int, ...]]
"""A foreign_id, and the cells of the request that names it, the first one its home."""

_BY_NUMBER: Final = sa.select(
    *(account_rows.c[name] for name in ("id", "foreign_id", "address")),
    (account_rows.c.state == "open").label("open"),
).where(account_rows.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))


async def find(crossing: Crossing, sought: Iterable[Sought]) -> dict[Sought, Owner]:
    """Return the accounts that there are: of each name those of one cell, and the platform's at home.

    A name is looked up where new accounts of the name lie, and if it is not there, for it was renamed, in the other cells.
    """
    likely = {each: _likely(crossing, each) for each in sought}
    platforms = {installation.platform for installation in crossing.installations}
    owners = await _look_up(crossing, likely)
    others = {
        each: [cell for cell in each[1] if cell not in cells]
        for each, cells in likely.items()
        if each not in owners and each[0] not in platforms
    }
    return owners | await _look_up(crossing, {each: cells for each, cells in others.items() if cells})


def _likely(crossing: Crossing, sought: Sought) -> Sequence[int]:
    """Return the cells in which a name is looked up first."""
    name, cells = sought
    if name == crossing.installations[cells[0]].platform:
        return cells[:1]
    usual = crossing.map.of_account(name)
    return [usual] if usual in cells else cells


async def _look_up(crossing: Crossing, cells_of: Mapping[Sought, Sequence[int]]) -> dict[Sought, Owner]:
    names: dict[int, set[str]] = {}
    for (name, _), cells in cells_of.items():
        for cell in cells:
            names.setdefault(cell, set()).add(name)
    known: dict[tuple[int, str], Owner] = {}
    for cell in sorted(names):
        owners = await accounts.owners(await enter(crossing, cell), sorted(names[cell]))
        known |= {(cell, name): owner for name, owner in owners.items()}
    return {
        sought: known[cell, sought[0]]
        for sought, cells in cells_of.items()
        for cell in cells
        if (cell, sought[0]) in known
    }


async def by_number(crossing: Crossing, numbers: Iterable[int]) -> dict[int, Owner]:
    """Return the accounts with these numbers, by number: another may have the name of one by now."""
    ids: dict[int, set[int]] = {}
    for number in numbers:
        ids.setdefault(crossing.cell_of(number), set()).add(number)
    owners: dict[int, Owner] = {}
    for cell in sorted(ids):
        rows = await (await enter(crossing, cell)).execute(_BY_NUMBER, {"ids": sorted(ids[cell])})
        owners |= {row.id: Owner(row.id, row.foreign_id, row.address, row.open) for row in rows}
    return owners
