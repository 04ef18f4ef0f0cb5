"""In which cells accounts lie, by the names that requests have."""

from collections.abc import Mapping, Sequence
from itertools import chain

from app.api.cells.renamed_accounts import RenamedAccounts
from app.cells import CellMap


class AccountCells:
    """Finds the cells of accounts; `renamed` has those that lie elsewhere than their names fall."""

    def __init__(self, cell_map: CellMap, renamed: RenamedAccounts) -> None:
        self._renamed = renamed
        self._map = cell_map

    async def of(self, foreign_id: str) -> int:
        """Return the number of an account's cell, also where there is none of this name yet."""
        if self._map.cells == 1:
            return 0
        renamed = await self._renamed.cell_of(foreign_id)
        return self._map.of_account(foreign_id) if renamed is None else renamed

    async def of_each(self, requests: Sequence[Sequence[str]], platform: str) -> list[tuple[int, ...]]:
        """Return the cells of the accounts that each request names, each cell once, that of the first account before others.

        The account `platform` is in all cells, so it goes with the others; a request that names nobody goes with it. A
        name that several requests have is looked up once.
        """
        known = {name: await self.of(name) for name in {platform, *chain.from_iterable(requests)}}
        return [_of_names(names, known, platform) for names in requests]


def _of_names(names: Sequence[str], known: Mapping[str, int], platform: str) -> tuple[int, ...]:
    cells = [known[name] for name in names if name != platform]
    return tuple(dict.fromkeys(cells or [known[platform]]))
