"""A section: figures that one statement reads, and what each of them is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db

COUNTED: Final = 1_000_000
"""The most rows of a kind that are counted: a figure that stands there means that there are so many or more."""


@dataclass(frozen=True, slots=True)
class Section:
    """Figures of one statement. Each row has the `labels`, then the `values`: what each is, by its column.

    A column that is null is no figure. Amounts are in koinu, times in seconds. What is `of_server` is the same in all cells.
    """

    name: str
    query: sa.TextClause
    values: Mapping[str, str]
    labels: tuple[str, ...] = ()
    of_server: bool = False


async def read(db: Db, section: Section) -> Sequence[sa.Row[Any]]:
    """Return the rows of a section."""
    return (await db.execute(section.query)).all()
