"""Lists of invoices: an account's, in the order of their key indices, as far as they are asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain import accounts
from app.domain import invoices as rules
from app.domain.invoices import Invoice
from app.domain.networks import Network
from app.tables import invoices


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for: an empty text or None asks for all; created at `start` or later, and before `end`."""

    state: str = ""
    reference: str = ""
    start: datetime | None = None
    end: datetime | None = None


ALL: Final = Filter()


async def page(
    db: Db, network: Network, foreign_id: str, first: int, limit: int, wanted: Filter = ALL
) -> list[Invoice]:
    """Return the account's invoices from key index `first` on, in that order."""
    account = await accounts.fetch(db, foreign_id)
    found = rules.SHOWN.where(invoices.c.account_id == account.id, invoices.c.index >= first, *_where(wanted))
    rows = await bulk.fetch_all(db, found.order_by(invoices.c.index).limit(limit))
    return [rules.of(network, row) for row in rows]


def _where(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.state:
        conditions.append(_state() == wanted.state)
    if wanted.reference:
        conditions.append(invoices.c.reference == wanted.reference)
    if wanted.start is not None:
        conditions.append(invoices.c.created >= wanted.start)
    if wanted.end is not None:
        conditions.append(invoices.c.created < wanted.end)
    return conditions


def _state() -> sa.ColumnElement[str]:
    """The rule of `Invoice.state`."""
    return sa.case(
        (invoices.c.settled, "confirmed"),
        (invoices.c.received >= invoices.c.due, "detected"),
        (invoices.c.cancelled, "cancelled"),
        (invoices.c.expired, "expired"),
        (invoices.c.received > 0, "partial"),
        else_="unpaid",
    )
