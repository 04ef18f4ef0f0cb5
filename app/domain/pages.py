"""Pages of lists, and how they are read from one index.

A column that is the same in all rows of a list is compared as a range, and sorted by. Compared by `=` it
would not be part of the order. PostgreSQL could then read another index that has the last column in order,
above all the primary key, and skip all rows between. It does so where it expects many rows that are alike,
and where it does not know the values yet.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from app.db import bulk

Key = TypeVar("Key")
Item = TypeVar("Item")

BEFORE_IDS: Final = -1
"""Is below every id."""
BEHIND_IDS: Final = 2**63 - 1
"""Is above every id."""
EMPTY: sa.ColumnElement[str] = sa.literal_column("''", sa.Text)
"""A literal: with a parameter PostgreSQL could not use an index of texts that are not empty."""

Columns = Sequence[sa.ColumnElement[Any]]
Number = int | sa.ColumnElement[int]
"""A number, or a parameter of a statement that is made once."""


class Page(NamedTuple, Generic[Item, Key]):
    """Items of a list, and the key after which the list goes on; None at its end."""

    items: Sequence[Item]
    rest: Key | None


class PageRequest(NamedTuple, Generic[Key]):
    """Asks for at most `limit` items after a key; None: for the first ones."""

    after: Key | None
    limit: int

    @property
    def rows(self) -> int:
        """How many rows to read: one more than a page has tells whether the list goes on."""
        return self.limit + 1

    def after_or(self, first: Key) -> Key:
        """Return the key after which the page begins; `first` comes before the whole list."""
        return first if self.after is None else self.after

    def page(self, items: Sequence[Item], key: Callable[[Item], Key]) -> Page[Item, Key]:
        """Return the page of the items that were read, at most `rows`; `key` returns an item's key."""
        more = len(items) > self.limit
        return Page(items[: self.limit], key(items[self.limit - 1]) if more else None)


def newest(
    rows: sa.Select[Any],
    columns: Columns,
    same: Sequence[Any],
    below: Number,
    limit: Number,
) -> sa.Select[Any]:
    """Select the last rows below a number. `same` has the values of all columns of the index but the last."""
    bounds = _typed(columns, (*same, below))
    rows = rows.where(sa.tuple_(*columns) < sa.tuple_(*bounds))
    if same:
        rows = rows.where(sa.tuple_(*columns[:-1]) >= sa.tuple_(*bounds[:-1]))
    return rows.order_by(*(column.desc() for column in columns)).limit(limit)


def oldest(
    rows: sa.Select[Any], columns: Columns, same: Sequence[Any], between: tuple[Number, Number], limit: Number
) -> sa.Select[Any]:
    """Select the first rows whose last column is between the two numbers, both included."""
    low, high = (sa.tuple_(*_typed(columns, (*same, end))) for end in between)
    rows = rows.where(sa.tuple_(*columns) >= low, sa.tuple_(*columns) <= high)
    return rows.order_by(*columns).limit(limit)


def texts(values: Sequence[str]) -> sa.TableValuedAlias:
    """Return the texts as rows with the column `text`: each has its own part of an index."""
    return rows_of(sa.literal(list(values), bulk.TEXTS))


def rows_of(array: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """Return the texts of an array as rows with the column `text`."""
    return sa.func.unnest(array).table_valued(sa.column("text", sa.Text)).render_derived()


def of_each(
    states: sa.TableValuedAlias, page: sa.Select[int], limit: Number, *, newest_first: bool
) -> sa.Select[int]:
    """Select the first keys of the pages of all `states`."""
    each = page.lateral()
    [key] = each.c
    keys = sa.select(key).select_from(states.join(each, sa.true()))
    return keys.order_by(key.desc() if newest_first else key).limit(limit)


def _typed(columns: Columns, values: Sequence[Any]) -> list[sa.ColumnElement[Any]]:
    return [
        value if isinstance(value, sa.ColumnElement) else sa.literal(value, column.type)
        for column, value in zip(columns, values, strict=True)
    ]
