"""The list of rates, newest first."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import rates
from app.domain.pages import Page, PageRequest


class RateCursor(NamedTuple):
    """The position of a rate in the list."""

    at: datetime
    pair: str
    source: str


class ListedRate(NamedTuple):
    """What a source said that one DOGE is worth."""

    at: datetime
    pair: str
    source: str
    value: Decimal

    @property
    def cursor(self) -> RateCursor:
        """Its position in the list."""
        return RateCursor(self.at, self.pair, self.source)


_FIRST: Final = datetime(9999, 1, 1, tzinfo=UTC)


async def page(
    db: Db, request: PageRequest[RateCursor], pair: str = "", at: datetime | None = None
) -> Page[ListedRate, RateCursor]:
    """Return a page of the rates of a pair ("": of all) that were fetched at a moment or before it."""
    order = [rates.c[name] for name in RateCursor._fields]
    query = sa.select(*order, rates.c.value).where(rates.c.at <= (at or _FIRST))
    if pair:
        query = query.where(rates.c.pair == pair)
    if request.after is not None:
        query = query.where(sa.tuple_(*order) < sa.tuple_(*_typed(order, request.after)))
    query = query.order_by(*(column.desc() for column in order)).limit(request.rows)
    rows = [ListedRate(**row) for row in await bulk.fetch_all(db, query)]
    return request.page(rows, lambda rate: rate.cursor)


def _typed(columns: list[Any], values: tuple[Any, ...]) -> list[sa.ColumnElement[Any]]:
    return [sa.literal(value, column.type) for column, value in zip(columns, values, strict=True)]
