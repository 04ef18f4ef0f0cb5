"""Pages that are read from one index: what is the same in all of its rows is asked for as a range, and sorted by.

Asked for by `=` it would be no part of the order, and PostgreSQL could take each index that has the last column in order,
above all the primary key, and pass by all that lies between: so it does where it believes that many rows are alike, and
where it does not know yet what will be asked for.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.db import bulk

EMPTY: sa.ColumnElement[str] = sa.literal_column("''", sa.Text)
"""Said, not given as a parameter: otherwise an index of what is not empty could not be asked."""

Columns = Sequence[sa.ColumnElement[Any]]


def newest(
    found: sa.Select[Any], columns: Columns, same: Sequence[Any], below: int, limit: int
) -> sa.Select[Any]:
    """Take the last rows below a place: `same` is what all columns of the index but the last are, values or columns."""
    bounds = _typed(columns, (*same, below))
    found = found.where(sa.tuple_(*columns) < sa.tuple_(*bounds))
    if same:
        found = found.where(sa.tuple_(*columns[:-1]) >= sa.tuple_(*bounds[:-1]))
    return found.order_by(*(column.desc() for column in columns)).limit(limit)


def oldest(
    found: sa.Select[Any], columns: Columns, same: Sequence[Any], between: tuple[int, int], limit: int
) -> sa.Select[Any]:
    """Take the first rows whose last column is between the two, both included."""
    low, high = (sa.tuple_(*_typed(columns, (*same, end))) for end in between)
    return (
        found.where(sa.tuple_(*columns) >= low, sa.tuple_(*columns) <= high).order_by(*columns).limit(limit)
    )


def texts(values: Sequence[str]) -> sa.TableValuedAlias:
    """Return the texts as rows with the column `text`: what lies apart in an index is looked up for each."""
    return (
        sa.func.unnest(sa.literal(list(values), bulk.TEXTS))
        .table_valued(sa.column("text", sa.Text))
        .render_derived()
    )


def of_each(
    some: sa.TableValuedAlias, page: sa.Select[int], limit: int, *, newest_first: bool
) -> sa.Select[int]:
    """Take from the pages that each of `some` has the first keys of all."""
    found = page.lateral()
    [key] = found.c
    keys = sa.select(key).select_from(some.join(found, sa.true()))
    return keys.order_by(key.desc() if newest_first else key).limit(limit)


def _typed(columns: Columns, values: Sequence[Any]) -> list[sa.ColumnElement[Any]]:
    pairs = zip(columns, values, strict=True)
    return [
        one if isinstance(one, sa.ColumnElement) else sa.literal(one, column.type) for column, one in pairs
    ]
