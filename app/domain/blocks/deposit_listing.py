"""The list of an account's deposits: newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import addresses, chain_state, deposits
from app.domain import accounts, dogecoin
from app.domain.dogecoin import Network, Outpoint
from app.domain.pages import Page, PageRequest
from app.money import Koinu


class DepositCursor(NamedTuple):
    """The position of a deposit in its account's list."""

    created: datetime
    txid: bytes
    vout: int


_FIRST: Final = DepositCursor(datetime(9999, 1, 1, tzinfo=UTC), b"", 0)


@dataclass(frozen=True, slots=True)
class ListedDeposit:
    """A deposit as it is; `invoice`: its address is an invoice's. An undone one has no confirmations."""

    outpoint: Outpoint
    address: str
    invoice: bool
    amount: Koinu
    confirmations: int
    required_confirmations: int
    state: str
    created: datetime

    @property
    def cursor(self) -> DepositCursor:
        """Its position in its account's list."""
        return DepositCursor(self.created, *self.outpoint)


async def deposit_page(
    db: Db, network: Network, foreign_id: str, request: PageRequest[DepositCursor]
) -> Page[ListedDeposit, DepositCursor]:
    """Return a page of the account's deposits, newest first."""
    account = await accounts.fetch(db, foreign_id)
    order = [deposits.c[name] for name in DepositCursor._fields]
    after = zip(request.after_or(_FIRST), order, strict=True)
    before = sa.tuple_(*(sa.literal(value, column.type) for value, column in after))
    query = _select().where(deposits.c.account_id == account.id, sa.tuple_(*order) < before)
    query = query.order_by(*(column.desc() for column in order)).limit(request.rows)
    listed = [_of(network, row) for row in await bulk.fetch_all(db, query)]
    return request.page(listed, lambda deposit: deposit.cursor)


def _select() -> sa.Select[Any]:
    same = (addresses.c[name] == deposits.c[name] for name in ("account_id", "branch", "index"))
    tip = sa.select(chain_state.c.height).scalar_subquery()
    confirmations = sa.func.coalesce(tip - deposits.c.height + 1, 0).label("confirmations")
    return sa.select(deposits, addresses.c.script, confirmations).join(addresses, sa.and_(*same))


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
    )
