"""Lists of an account's invoices, in the order of their key indexes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import INVOICE_STATE, INVOICE_STATES, invoices
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


async def page(
    db: Db, network: Network, foreign_id: str, first: int, limit: int, filters: InvoiceFilter = ALL
) -> list[Invoice]:
    """Return the account's invoices from key index `first` on, in that order."""
    account = await accounts.fetch(db, foreign_id)
    indexes = await _indexes(db, account.id, first, limit, filters)
    listed = invoice.SHOWN.where(invoices.c.account_id == account.id, bulk.among(invoices.c.index, indexes))
    return [invoice.of(network, row) for row in await bulk.fetch_all(db, listed.order_by(invoices.c.index))]


async def _indexes(db: Db, account: int, first: int, limit: int, filters: InvoiceFilter) -> sa.Select[int]:
    """Select the key indexes of a page: by the primary key, or by an index that has each state apart.

    In that index it looks up the first ones of each state, and takes the first of all. So it reads no invoice
    that is in another state or has another reference.
    """
    low, high = await _index_bounds(db, account, filters)
    indexes = sa.select(invoices.c.index).where(invoices.c.account_id == account, *_between(filters))
    if not filters.state and not filters.reference:
        bounded = invoices.c.index.between(max(first, low), high)
        return indexes.where(bounded).order_by(invoices.c.index).limit(limit)
    state = pages.texts([filters.state] if filters.state else INVOICE_STATES)
    columns: pages.Columns = [_STATE, invoices.c.index]
    same: list[Any] = [state.c.text]
    if filters.reference:
        columns, same = [invoices.c.reference, *columns], [filters.reference, *same]
        # The index has only invoices with a reference.
        indexes = indexes.where(invoices.c.reference != pages.EMPTY)
    of_state = pages.oldest(indexes, columns, same, (max(first, low), high), limit)
    return pages.of_each(state, of_state, limit, newest_first=False)


async def _index_bounds(db: Db, account: int, filters: InvoiceFilter) -> tuple[int, int]:
    """Return the lowest and the highest key index of these times. Indexes grow with time, but for _LATE."""
    of_account = sa.select(invoices.c.index).where(invoices.c.account_id == account)
    low = high = None
    if filters.start is not None:
        older = of_account.where(invoices.c.created < max(filters.start, _FIRST_TIME) - _LATE)
        low = await db.scalar(older.order_by(invoices.c.created.desc()).limit(1))
    if filters.end is not None:
        newer = of_account.where(invoices.c.created > min(filters.end, _LAST_TIME) + _LATE)
        high = await db.scalar(newer.order_by(invoices.c.created).limit(1))
    return low or 0, pages.BEHIND_IDS if high is None else high


def _between(filters: InvoiceFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.start is not None:
        conditions.append(invoices.c.created >= filters.start)
    if filters.end is not None:
        conditions.append(invoices.c.created < filters.end)
    return conditions
