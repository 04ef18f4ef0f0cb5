"""Lists of escrows, the newest first: by order, side and state."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Prepared, ReadDb, bulk
from app.db.tables import escrows
from app.domain import accounts, pages
from app.domain.escrows import escrow
from app.domain.escrows.escrow import Escrow
from app.domain.pages import Page, PageRequest


@dataclass(frozen=True, slots=True)
class EscrowFilter:
    """Which escrows a list has. An empty text excludes none."""

    order_id: str = ""
    buyer: str = ""
    seller: str = ""
    state: str = ""


async def page(db: ReadDb, filters: EscrowFilter, request: PageRequest[int]) -> Page[Escrow, int]:
    """Return a page of the escrows that the filters match, newest first."""
    sides = [name for name in (filters.buyer, filters.seller) if name]
    known = await accounts.by_names(db, sides) if sides else {}
    if not known.keys() >= set(sides):
        return Page([], None)
    parameters = {
        "order_id": filters.order_id,
        "buyer": known[filters.buyer].id if filters.buyer else None,
        "seller": known[filters.seller].id if filters.seller else None,
        "states": [filters.state] if filters.state else escrow.STATES,
        "before": request.after_or(pages.BEHIND_IDS),
        "limit": request.rows,
    }
    rows = await escrow.rows_of(db, _page(_Shape.of(filters)), parameters)
    return request.page([escrow.of(row) for row in rows], lambda listed: listed.id)


class _Shape(NamedTuple):
    """What a list is restricted by; each has a statement of its own, which is made once."""

    of_order: bool
    of_buyer: bool
    of_seller: bool
    in_state: bool

    @classmethod
    def of(cls, filters: EscrowFilter) -> "_Shape":
        """Return the shape of these filters."""
        return cls(*map(bool, (filters.order_id, filters.buyer, filters.seller, filters.state)))

    @property
    def sides(self) -> list[tuple[sa.ColumnElement[int], sa.ColumnElement[int]]]:
        """The columns of the sides that are named, and their parameters."""
        named = (("buyer", escrow.BUYER, self.of_buyer), ("seller", escrow.SELLER, self.of_seller))
        return [
            (column, sa.bindparam(name, type_=sa.BigInteger)) for name, column, is_named in named if is_named
        ]


_BEFORE: Final = sa.bindparam("before", type_=sa.BigInteger)
_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger)
_STATES: Final = sa.bindparam("states", type_=bulk.TEXTS)


@cache
def _page(shape: _Shape) -> Prepared:
    ids = _of_order(shape) if shape.of_order else _newest(shape)
    return Prepared(escrow.READ.where(bulk.among(escrows.c.id, ids)).order_by(escrows.c.id.desc()))


def _newest(shape: _Shape) -> sa.Select[int]:
    """Select the newest ids that match. All indexes but that of the ids have each state apart."""
    ids = sa.select(escrows.c.id)
    columns: pages.Columns = [column for column, _ in shape.sides]
    same: list[Any] = [account for _, account in shape.sides]
    if not shape.in_state and not shape.of_seller:
        return pages.newest(ids, [*columns, escrows.c.id], same, _BEFORE, _LIMIT)
    state = pages.rows_of(_STATES)
    columns, same = [*columns, escrows.c.state, escrows.c.id], [*same, state.c.text]
    return pages.of_each(state, pages.newest(ids, columns, same, _BEFORE, _LIMIT), _LIMIT, newest_first=True)


def _of_order(shape: _Shape) -> sa.Select[int]:
    """Select the id of the order's escrow, if it matches: an order has one at most."""
    order = escrows.c.order_id == sa.bindparam("order_id", type_=sa.Text)
    ids = sa.select(escrows.c.id).where(order, escrows.c.id < _BEFORE)
    ids = ids.where(*(column == account for column, account in shape.sides))
    return ids.where(escrows.c.state == sa.any_(_STATES)) if shape.in_state else ids
