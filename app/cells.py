"""Cells: into which of them an account, a number or an id falls. Facts without I/O."""

import hashlib
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from app.errors import OperatorError

MOST: Final = 64
SHARED: Final = "common"
"""The schema of what all cells share."""
SCHEMA: Final = re.compile(r"cell_[0-9]{3}")

_LAST: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
"""The last character of an id that is a text, by cell: a character of base64url for each of MOST cells."""

assert len(_LAST) == MOST  # noqa: S101  limits that depend on each other say so
_NAMES: Final = 10_000
"""Names whose cells are remembered: a bulk of transfers asks for those of its accounts several times."""


class WrongCells(OperatorError):
    """KENNEL_CELLS is {0}, but the database was first started with {1}, and that never changes: set it to {1}."""

    def __str__(self) -> str:
        """Say both numbers."""
        return (self.__doc__ or "").format(*self.args)


class Cell(NamedTuple):
    """One cell of an installation that has so many. Without more it is all of the installation."""

    number: int = 0
    cells: int = 1

    @property
    def schema(self) -> str:
        """The schema of its tables, and the role that owns them."""
        return f"cell_{self.number:03}"

    @property
    def first_number(self) -> int:
        """The first number above 0 that names it: numbers of a cell go on by the number of cells."""
        return self.number or self.cells

    def named(self, name: str) -> str:
        """Return the name of something that each cell has; of one cell the name itself."""
        return name if self.cells == 1 else f"{self.schema}.{name}"

    def next_number(self, after: int) -> int:
        """Return the first number above `after` that names it; -1 is before all."""
        return after + 1 + (self.number - after - 1) % self.cells

    def naming(self, token: Callable[[], str]) -> Callable[[], str]:
        """Return what makes ids that name this cell from words that nobody can guess; of one cell the words themselves."""
        if self.cells == 1:
            return token
        last = _LAST[self.number]
        return lambda: token() + last


@dataclass(frozen=True, slots=True)
class CellMap:
    """Which cell has what, in an installation of so many: an account by its first name, all else by its number.

    A renamed account stays where it is. The table `account_names` has the names of those.
    """

    cells: int = 1

    def __post_init__(self) -> None:
        """Refuse a number of cells that there cannot be."""
        if not 1 <= self.cells <= MOST:
            raise ValueError(f"there are 1 to {MOST} cells, not {self.cells}")

    def __iter__(self) -> Iterator[Cell]:
        """Yield its cells, in order."""
        return (Cell(number, self.cells) for number in range(self.cells))

    def of_account(self, foreign_id: str) -> int:
        """Return the cell of an account that was opened under this name."""
        return _of_name(foreign_id, self.cells)

    def of_number(self, number: int) -> int:
        """Return the cell that gave this number out: to an account, an entry, a payment, an event."""
        return number % self.cells

    def of_text(self, text: str) -> int | None:
        """Return the cell that `Cell.naming` has named in an id; None where the id names none of these."""
        if self.cells == 1:
            return 0
        cell = _LAST.find(text[-1:]) if text else -1
        return cell if 0 <= cell < self.cells else None


@lru_cache(maxsize=_NAMES)
def _of_name(foreign_id: str, cells: int) -> int:
    digest = hashlib.sha256(foreign_id.encode(errors="replace")).digest()
    return int.from_bytes(digest, "big") % cells
