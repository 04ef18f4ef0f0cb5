"""The list of an account's deposits, newest first, with those that no block has yet."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import addresses, chain_state, deposits, sightings
from app.domain import accounts, dogecoin, rates
from app.domain.dogecoin import Network, Outpoint
from app.domain.pages import Page, PageRequest
from app.domain.rates import Quote
from app.money import Koinu


class DepositCursor(NamedTuple):
    """The position of a deposit in its account's list."""

    created: datetime
    txid: bytes
    vout: int


_SHOWN: Final = ("invoice", "amount", "required_confirmations", "state")
_FIRST: Final = DepositCursor(datetime(9999, 1, 1, tzinfo=UTC), b"", 0)


@dataclass(frozen=True, slots=True)
class ListedDeposit:
    """A deposit as it is; `quote`: what a DOGE was worth then; `invoice`: its address is an invoice's. Undone or only seen, it has no confirmations."""

    outpoint: Outpoint
    address: str
    invoice: bool
    amount: Koinu
    confirmations: int
    required_confirmations: int
    state: str
    created: datetime
    quote: Quote | None

    @property
    def cursor(self) -> DepositCursor:
        """Its position in its account's list."""
        return DepositCursor(self.created, *self.outpoint)


async def deposit_page(
    db: Db, network: Network, foreign_id: str, request: PageRequest[DepositCursor]
) -> Page[ListedDeposit, DepositCursor]:
    """Return a page of the account's deposits, newest first."""
    account = await accounts.fetch(db, foreign_id)
    kinds = (_page_of(select, account.id, request) for select in (_deposits(), _sightings()))
    both = sa.union_all(*(kind.select() for kind in kinds)).subquery()
    query = sa.select(both).order_by(*(both.c[name].desc() for name in DepositCursor._fields))
    listed = [_of(network, row) for row in await bulk.fetch_all(db, query.limit(request.rows))]
    return request.page(listed, lambda deposit: deposit.cursor)


def _page_of(query: sa.Select[Any], account: int, request: PageRequest[DepositCursor]) -> sa.Subquery:
    """Return the rows of a page: as many of deposits and of sightings, each by its own index."""
    order = [query.selected_columns[name] for name in DepositCursor._fields]
    after = zip(request.after_or(_FIRST), order, strict=True)
    before = sa.tuple_(*(sa.literal(value, column.type) for value, column in after))
    query = query.where(query.selected_columns["account_id"] == account, sa.tuple_(*order) < before)
    return query.order_by(*(column.desc() for column in order)).limit(request.rows).subquery()


def _deposits() -> sa.Select[Any]:
    """All deposits of an account but those that were undone and are seen again; not what returned from cold storage."""
    tip = sa.select(chain_state.c.height).scalar_subquery()
    seen = (sightings.c[name] == deposits.c[name] for name in ("account_id", "txid", "vout"))
    again = sa.exists().where(deposits.c.state == "undone", sightings.c.state == "seen", *seen)
    return _select(deposits, sa.func.coalesce(tip - deposits.c.height + 1, 0)).where(
        ~again, addresses.c.purpose != "cold"
    )


def _sightings() -> sa.Select[Any]:
    """What waits for a block."""
    return _select(sightings, sa.literal(0)).where(sightings.c.state == "seen")


def _select(table: sa.Table, confirmations: sa.ColumnElement[int]) -> sa.Select[Any]:
    same = (addresses.c[name] == table.c[name] for name in ("account_id", "branch", "index"))
    columns = (table.c[name] for name in ("account_id", *DepositCursor._fields, *_SHOWN))
    none = {name: sa.cast(sa.null(), deposits.c[name].type) for name in rates.COLUMNS}
    quote = (table.c.get(name, none[name]).label(name) for name in rates.COLUMNS)
    confirmed = confirmations.label("confirmations")
    return sa.select(*columns, confirmed, *quote, addresses.c.script).join(addresses, sa.and_(*same))


def _of(network: Network, row: Row) -> ListedDeposit:
    return ListedDeposit(
        Outpoint(bytes(row["txid"]), row["vout"]),
        dogecoin.to_address(network, bytes(row["script"])) or "",
        row["invoice"] is not None,
        Koinu(row["amount"]),
        row["confirmations"],
        row["required_confirmations"],
        row["state"],
        row["created"],
        rates.quote_in(row),
    )
