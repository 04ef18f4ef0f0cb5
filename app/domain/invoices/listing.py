"""Lists of invoices: an account's, in the order of their key indices, as far as they are asked for."""

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
    """What is asked for: an empty text or None asks for all; created at `start` or later, and before `end`."""

    state: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None


ALL: Final = InvoiceFilter()
_STATE: Final = sa.literal_column(f"({INVOICE_STATE})", sa.Text)
_LATE: Final = timedelta(seconds=60)
"""By so much an invoice may be older than one before it, should the database's clock be put back."""
_FIRST_TIME, _LAST_TIME = datetime.min.replace(tzinfo=UTC) + _LATE, datetime.max.replace(tzinfo=UTC) - _LATE


async def page(
    db: Db, network: Network, foreign_id: str, first: int, limit: int, wanted: InvoiceFilter = ALL
) -> list[Invoice]:
    """Return the account's invoices from key index `first` on, in that order."""
    account = await accounts.fetch(db, foreign_id)
    found = await _indexes(db, account.id, first, limit, wanted)
    shown = invoice.SHOWN.where(invoices.c.account_id == account.id, bulk.among(invoices.c.index, found))
    return [invoice.of(network, row) for row in await bulk.fetch_all(db, shown.order_by(invoices.c.index))]


async def _indexes(db: Db, account: int, first: int, limit: int, wanted: InvoiceFilter) -> sa.Select[int]:
    """Ask for the key indexes of a page: by the primary key, or by an index that holds the states apart.

    There each state's first are looked up, and of all those the first are taken: however many invoices are in other
    states, or have another reference, none of them is looked at.
    """
    low, high = await _reach(db, account, wanted)
    asked = sa.select(invoices.c.index).where(invoices.c.account_id == account, *_between(wanted))
    if not wanted.state and not wanted.reference:
        here = invoices.c.index.between(max(first, low), high)
        return asked.where(here).order_by(invoices.c.index).limit(limit)
    state = pages.texts([wanted.state] if wanted.state else INVOICE_STATES)
    columns: pages.Columns = [_STATE, invoices.c.index]
    same: list[Any] = [state.c.text]
    if wanted.reference:
        columns, same = [invoices.c.reference, *columns], [wanted.reference, *same]
        asked = asked.where(invoices.c.reference != pages.EMPTY)  # the index is of those that have one
    of_state = pages.oldest(asked, columns, same, (max(first, low), high), limit)
    return pages.of_each(state, of_state, limit, newest_first=False)


async def _reach(db: Db, account: int, wanted: InvoiceFilter) -> tuple[int, int]:
    """Return between which key indexes the invoices of these times lie; they grow with time but for _LATE."""
    of_account = sa.select(invoices.c.index).where(invoices.c.account_id == account)
    low = high = None
    if wanted.start is not None:
        older = of_account.where(invoices.c.created < max(wanted.start, _FIRST_TIME) - _LATE)
        low = await db.scalar(older.order_by(invoices.c.created.desc()).limit(1))
    if wanted.end is not None:
        newer = of_account.where(invoices.c.created > min(wanted.end, _LAST_TIME) + _LATE)
        high = await db.scalar(newer.order_by(invoices.c.created).limit(1))
    return low or 0, pages.BEHIND_IDS if high is None else high


def _between(wanted: InvoiceFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.start is not None:
        conditions.append(invoices.c.created >= wanted.start)
    if wanted.end is not None:
        conditions.append(invoices.c.created < wanted.end)
    return conditions
