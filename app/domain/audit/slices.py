"""A slice of the audit: the next rows of one check, read at one moment of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db

SLICE: Final = 20_000

Position = tuple[Any, ...]
"""The keys of the last row of a slice; empty before the first slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The result: rows `checked`, the first `fault` as a sentence, and the `next` position (None: the end).

    `note` says what was not checked, and why.
    """

    checked: int
    fault: str = ""
    next: Position | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Portion:
    """The `rows` of a slice, at most `limit`, in the order of their columns `keys`."""

    rows: sa.Subquery
    keys: tuple[str, ...]
    limit: int


def portion(query: sa.Select[Any], keys: Sequence[sa.Column[Any]], after: Position, limit: int) -> Portion:
    """Return the next rows of the query in the order of `keys`, after a position."""
    rows = query.where(beyond(keys, after)).order_by(*keys).limit(limit).subquery()
    return Portion(rows, tuple(key.name for key in keys), limit)


def beyond(keys: Sequence[sa.Column[Any]], after: Position) -> sa.ColumnElement[bool]:
    """Match the rows whose keys are greater than the position."""
    values = [sa.literal(value, key.type) for value, key in zip(after, keys, strict=True)] if after else []
    return sa.tuple_(*keys) > sa.tuple_(*values) if values else sa.true()


async def check(
    db: Db,
    portion: Portion,
    wrong: sa.ColumnElement[bool],
    sentence: str,
    source: sa.FromClause | None = None,
) -> Slice:
    """Return the slice; the first row that is `wrong` gives its columns to the sentence.

    `source` joins the portion's rows with others.
    """
    rows = portion.rows
    faulty = sa.select(rows).select_from(rows if source is None else source).where(wrong)
    first = (await db.execute(faulty.order_by(*_keys(portion)).limit(1))).mappings().first()
    return await ended(db, portion, sentence.format(**first) if first else "")


async def ended(db: Db, portion: Portion, fault: str) -> Slice:
    """Return the slice with this fault, which is "" where there is none."""
    keys = _keys(portion)
    last = sa.select(sa.func.count().over(), *keys).order_by(*(key.desc() for key in keys)).limit(1)
    count, *position = (await db.execute(last)).first() or (0,)
    return Slice(count, fault, tuple(position) if count == portion.limit else None)


def _keys(portion: Portion) -> list[sa.ColumnElement[Any]]:
    return [portion.rows.c[name] for name in portion.keys]


def sum_of(
    amount: sa.ColumnElement[int], where: sa.ColumnElement[bool] | None = None
) -> sa.ColumnElement[int]:
    """Sum the amounts of the rows that match `where`; zero for no rows."""
    total: Any = sa.func.sum(amount)
    return sa.func.coalesce(total if where is None else total.filter(where), 0)
