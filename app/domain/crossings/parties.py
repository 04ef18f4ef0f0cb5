"""Who the names and numbers are that a crossing is about, each looked up in its cell."""

from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

import sqlalchemy as sa

from app.db import bulk
from app.db.tables import accounts as account_rows
from app.domain import accounts
from app.domain.crossings.crossing import Crossing, enter
from app.domain.owner import Owner

Cells = tuple[int, ...]
"""The cells of a request, the first one its home."""
Sought = tuple[str, Cells]
"""A foreign_id, and the cells of the request that names it."""

_BY_NUMBER: Final = sa.select(
    *(account_rows.c[name] for name in ("id", "foreign_id", "address")),
    (account_rows.c.state == "open").label("open"),
).where(account_rows.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))


async def find(crossing: Crossing, sought: Iterable[Sought]) -> dict[Sought, Owner]:
    """Return the accounts that there are, as `find_among` finds them."""
    names: dict[Cells, set[str]] = {}
    for name, cells in sought:
        names.setdefault(cells, set()).add(name)
    owners = await find_among(crossing, names)
    return {(name, cells): owner for cells, those in owners.items() for name, owner in those.items()}


async def find_among(
    crossing: Crossing, names: Mapping[Cells, Collection[str]]
) -> dict[Cells, dict[str, Owner]]:
    """Return the accounts that there are of these names, each in one of the cells beside it, and the platform's at home.

    A name is looked up where new accounts of the name lie, and if it is not there, for it was renamed, in the other cells.
    """
    likely = {cells: _likely(crossing, cells, those) for cells, those in names.items()}
    owners = await _look_up(crossing, likely)
    platforms = {installation.platform for installation in crossing.installations}
    others = {
        cells: _others(cells, those, owners[cells].keys() | platforms) for cells, those in likely.items()
    }
    if any(others.values()):
        for cells, those in (await _look_up(crossing, others)).items():
            owners[cells] |= those
    return owners


def _likely(crossing: Crossing, cells: Cells, names: Iterable[str]) -> dict[str, Cells]:
    """Return the cells in which each name is looked up first."""
    usual = {name: crossing.map.of_account(name) for name in names}
    first = {name: (cell,) if cell in cells else cells for name, cell in usual.items()}
    platform = crossing.installations[cells[0]].platform
    return first | {platform: cells[:1]} if platform in first else first


def _others(cells: Cells, likely: Mapping[str, Cells], known: Container[str]) -> dict[str, Cells]:
    """Return the other cells of the names that are not `known` yet."""
    others = {
        name: tuple(cell for cell in cells if cell not in first)
        for name, first in likely.items()
        if name not in known
    }
    return {name: rest for name, rest in others.items() if rest}


async def _look_up(
    crossing: Crossing, sought: Mapping[Cells, Mapping[str, Cells]]
) -> dict[Cells, dict[str, Owner]]:
    """Return the owners of the names that are in any of the cells beside them."""
    names: dict[int, set[str]] = {}
    for those in sought.values():
        for name, cells in those.items():
            for cell in cells:
                names.setdefault(cell, set()).add(name)
    owners = {
        cell: await accounts.owners(await enter(crossing, cell), sorted(names[cell]))
        for cell in sorted(names)
    }
    return {
        each: {
            name: owner
            for name, cells in those.items()
            for cell in cells
            if (owner := owners[cell].get(name))
        }
        for each, those in sought.items()
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
