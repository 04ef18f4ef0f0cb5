"""Lists of an account's invoices, in the order of their key indexes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, bulk
from app.db.tables import INVOICE_STATE, INVOICE_STATES, invoices
from app.db.tables import accounts as account_rows
from app.domain import accounts, pages
from app.domain.dogecoin import Network
from app.domain.invoices import invoice
from app.domain.invoices.invoice import Invoice


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Which invoices a list has: created at `start` or later, and before `end`. "" and None exclude none."""

    state: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None


ALL: Final = InvoiceFilter()
_STATE: Final = sa.literal_column(f"({INVOICE_STATE})", sa.Text)
_LATE: Final = timedelta(seconds=60)
"""By how much an invoice may be older than the one before it, if the database's clock was put back."""
_FIRST_TIME, _LAST_TIME = datetime.min.replace(tzinfo=UTC) + _LATE, datetime.max.replace(tzinfo=UTC) - _LATE
_ACCOUNT: Final = (
    sa.select(account_rows.c.id)
    .where(account_rows.c.foreign_id == sa.bindparam("foreign_id"))
    .scalar_subquery()
)
_FIRST: Final = sa.bindparam("first", type_=sa.BigInteger)
_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger)
_START: Final = sa.bindparam("start", type_=sa.DateTime(timezone=True))
_END: Final = sa.bindparam("end", type_=sa.DateTime(timezone=True))
_REFERENCE: Final = sa.bindparam("reference", type_=sa.Text)


async def page(
    db: ReadDb, network: Network, foreign_id: str, first: int, limit: int, filters: InvoiceFilter = ALL
) -> list[Invoice]:
    """Return the account's invoices from key index `first` on, in that order; refuses with NoSuchAccount."""
    bounds = {"foreign_id": foreign_id, "first": first, "limit": limit}
    rows = await bulk.fetch_all(db, _page(_Shape.of(filters)), {**bounds, **_values(filters)})
    if not rows:
        await accounts.fetch(db, foreign_id)
    return [invoice.of(network, row) for row in rows]


class _Shape(NamedTuple):
    """What a list is restricted by; each has a statement of its own, which is made once."""

    by_state: bool
    by_reference: bool
    from_start: bool
    to_end: bool

    @classmethod
    def of(cls, filters: InvoiceFilter) -> "_Shape":
        """Return the shape of these filters."""
        start, end = filters.start is not None, filters.end is not None
        return cls(bool(filters.state), bool(filters.reference), start, end)


def _values(filters: InvoiceFilter) -> dict[str, Any]:
    """Return the parameters of the filters; `earliest` and `latest` are beside the times by _LATE."""
    start, end = filters.start or _FIRST_TIME, filters.end or _LAST_TIME
    return {
        "states": [filters.state] if filters.state else list(INVOICE_STATES),
        "reference": filters.reference,
        "start": start,
        "end": end,
        "earliest": max(start, _FIRST_TIME) - _LATE,
        "latest": min(end, _LAST_TIME) + _LATE,
    }


@cache
def _page(shape: _Shape) -> Prepared:
    listed = invoice.SHOWN.where(
        invoices.c.account_id == _ACCOUNT, bulk.among(invoices.c.index, _indexes(shape))
    )
    return Prepared(listed.order_by(invoices.c.index))


def _indexes(shape: _Shape) -> sa.Select[int]:
    """Select the key indexes of a page: by the primary key, or by an index that has each state apart.

    In that index it looks up the first ones of each state, and takes the first of all. So it reads no invoice
    that is in another state or has another reference.
    """
    indexes = sa.select(invoices.c.index).where(invoices.c.account_id == _ACCOUNT, *_between(shape))
    low, high = _index_bounds(shape)
    if not shape.by_state and not shape.by_reference:
        bounded = invoices.c.index.between(low, high)
        return indexes.where(bounded).order_by(invoices.c.index).limit(_LIMIT)
    state = pages.rows_of(sa.bindparam("states", type_=bulk.TEXTS))
    columns: pages.Columns = [_STATE, invoices.c.index]
    same: list[Any] = [state.c.text]
    if shape.by_reference:
        columns, same = [invoices.c.reference, *columns], [_REFERENCE, *same]
        # The index has only invoices with a reference.
        indexes = indexes.where(invoices.c.reference != pages.EMPTY)
    of_state = pages.oldest(indexes, columns, same, (low, high), _LIMIT)
    return pages.of_each(state, of_state, _LIMIT, newest_first=False)


def _index_bounds(shape: _Shape) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """Return the lowest and the highest key index of these times. Indexes grow with time, but for _LATE."""
    of_account = sa.select(invoices.c.index).where(invoices.c.account_id == _ACCOUNT)
    low: sa.ColumnElement[int] = _FIRST
    high: sa.ColumnElement[int] = sa.literal_column(str(pages.BEHIND_IDS), sa.BigInteger)
    if shape.from_start:
        older = of_account.where(invoices.c.created < sa.bindparam("earliest", type_=_START.type))
        last = older.order_by(invoices.c.created.desc()).limit(1).scalar_subquery()
        low = sa.func.greatest(low, last)
    if shape.to_end:
        newer = of_account.where(invoices.c.created > sa.bindparam("latest", type_=_END.type))
        high = sa.func.least(high, newer.order_by(invoices.c.created).limit(1).scalar_subquery())
    return low, high


def _between(shape: _Shape) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if shape.from_start:
        conditions.append(invoices.c.created >= _START)
    if shape.to_end:
        conditions.append(invoices.c.created < _END)
    return conditions
