"""An escrow: money of a buyer that is locked for an order until it is clear who gets it; each order has one.

How escrows are found, claimed, locked and written, and their events.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import OPEN_ESCROWS, counterparties, escrows
from app.db.tables import accounts as account_rows
from app.db.tables import assets as asset_rows
from app.domain import ledger
from app.domain.access import Reach
from app.domain.commands import plain
from app.domain.ledger import Asset, Entry, Posting
from app.domain.owner import Owner
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal
from app.domain.transfers import AccountEvent

STATES: Final = (*OPEN_ESCROWS, "RELEASED", "REFUNDED", "RESOLVED")


class NoSuchEscrow(NotFound):
    """There is no escrow {id}."""


@dataclass(frozen=True, slots=True)
class Escrow:
    """An escrow as it is now; amounts in the asset's smallest unit. `hold` is what it was made from."""

    id: int
    order_id: str
    buyer: Owner
    seller: Owner
    asset: Asset
    amount: int
    fee: int
    hold: int | None
    state: str
    to_seller: int
    to_buyer: int
    reference: tuple[str, str]
    metadata: str
    created: datetime

    @property
    def to_platform(self) -> int:
        """What the platform got: all that neither side got."""
        return 0 if self.state in OPEN_ESCROWS else self.amount - self.to_seller - self.to_buyer

    def entry(self, kind: str, postings: Sequence[Posting], metadata: str = "{}") -> Entry:
        """Return the entry that brings it into its state, once. Without a reference it refers to the order.

        The entry is promised: an account is paid even if it was closed meanwhile.
        """
        reference = self.reference if any(self.reference) else ("order", self.order_id)
        nonzero = tuple(posting for posting in postings if posting.amount)
        cause, key = ("escrow", str(self.id)), f"escrow:{self.id}:{self.state}"
        return Entry(kind, cause, key, nonzero, reference, metadata, promised=True)


async def fetch_many(db: ReadDb, ids: Sequence[int]) -> list[Escrow | Refusal]:
    """Return the escrows, in order; NoSuchEscrow where there is none."""
    known = {row["id"]: of(row) for row in await rows_of(db, _PREPARED, {"ids": ids})}
    return [known.get(escrow_id) or NoSuchEscrow(id=escrow_id, field="id") for escrow_id in ids]


FETCH: Final = Query("escrow", plain(fetch_many))
"""An escrow, by its id."""


def within(escrow: Escrow, reach: Reach, sides: Callable[[Iterable[bool]], bool] = any) -> Escrow:
    """Return the escrow, or refuse with NoSuchEscrow where not `any` or `all` of its sides are within reach."""
    if not sides(reach.covers(side.foreign_id) for side in (escrow.buyer, escrow.seller)):
        raise NoSuchEscrow(id=escrow.id, field="id")
    return escrow


async def by_ids(db: Db, ids: Sequence[str]) -> dict[str, Escrow]:
    """Return the escrows that exist of these, by id."""
    rows = await rows_of(db, _PREPARED, {"ids": [int(text) for text in ids]})
    return {str(row["id"]): of(row) for row in rows}


async def lock(db: Db, ids: Sequence[int]) -> dict[int, Escrow]:
    """Lock the escrows that exist of these, in the order of their ids."""
    rows = await bulk.fetch_all(db, _LOCK, {"ids": sorted(set(ids))})
    return {row["id"]: of(row) for row in rows}


async def claim(db: Db, rows: Mapping[str, Row]) -> dict[str, tuple[int, datetime]]:
    """Insert the rows, by order_id, whose order has no escrow yet; return their ids and times of creation.

    It waits for a transaction that inserts an escrow of the same order. The rows are sorted by order_id: two
    batches in different orders would deadlock.
    """
    if not rows:
        return {}
    ordered = [rows[order_id] for order_id in sorted(rows)]
    columns = list(ordered[0])
    inserted = insert(escrows).from_select(columns, sa.select(bulk.rows(escrows, columns, ordered)))
    claimed = inserted.on_conflict_do_nothing(index_elements=["order_id"])
    returned = await db.execute(claimed.returning(escrows.c.order_id, escrows.c.id, escrows.c.created))
    return {row.order_id: (row.id, row.created) for row in returned}


async def unclaim(db: Db, ids: Sequence[int]) -> None:
    """Delete escrows that this transaction has claimed, but whose money it could not lock."""
    if ids:
        await db.execute(
            sa.delete(escrows).where(escrows.c.id == sa.any_(sa.literal(list(ids), bulk.BIGINTS)))
        )


async def write(db: Db, changed: Sequence[Escrow]) -> None:
    """Write these escrows, which are locked."""
    if changed:
        columns = ("id", "state", "to_seller", "to_buyer")
        rows = [
            {"account_id": escrow.buyer.id, **{name: getattr(escrow, name) for name in columns}}
            for escrow in changed
        ]
        await bulk.update(db, escrows, ("account_id", "id"), rows)


BUYER: Final = escrows.c.account_id
SELLER: Final = escrows.c.seller_id
_buyers, _sellers = account_rows.alias("buyer"), account_rows.alias("seller")


def _party(rows: sa.FromClause, name: str) -> list[sa.ColumnElement[Any]]:
    columns = [rows.c[column].label(f"{name}_{column}") for column in ("foreign_id", "address")]
    return [*columns, (rows.c.state == "open").label(f"{name}_open")]


_ROW: Final = sa.select(
    escrows, *_party(_buyers, "buyer"), *_party(_sellers, "seller"), *ledger.ASSET_COLUMNS
).join(asset_rows, asset_rows.c.code == escrows.c.asset)
_AMONG: Final = escrows.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS))
READ: Final = _ROW.outerjoin(_buyers, _buyers.c.id == BUYER).outerjoin(_sellers, _sellers.c.id == SELLER)
_PREPARED: Final = Prepared(READ.where(_AMONG))
_LOCK: Final = (
    _ROW.join(_buyers, _buyers.c.id == BUYER)
    .join(_sellers, _sellers.c.id == SELLER)
    .where(_AMONG)
    .order_by(escrows.c.id)
    .with_for_update(key_share=True, of=escrows)
)
"""An escrow whose sides are in two cells has no such row: it ends in both cells at once."""
_COMPOSED: Final = ("buyer", "seller", "asset", "hold", "reference")


async def rows_of(
    db: ReadDb, statement: Prepared | sa.Executable, parameters: Row | None = None
) -> list[Row]:
    """Read rows of escrows; a side in another cell is named as this cell knows it."""
    rows: list[Row] = list(await bulk.fetch_all(db, statement, parameters))
    strangers = {row[column] for row in rows for column, name in _SIDES if row[f"{name}_foreign_id"] is None}
    if not strangers:
        return rows
    met = {row["id"]: row for row in await bulk.fetch_all(db, _MET, {"ids": sorted(strangers)})}
    return [{**row, **_named(row, met)} for row in rows]


_SIDES: Final = (("account_id", "buyer"), ("seller_id", "seller"))
_MET: Final = Prepared(
    sa.select(counterparties).where(counterparties.c.id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
)


def _named(row: Row, met: Mapping[int, Row]) -> dict[str, object]:
    """Return the columns of the sides that are in other cells."""
    columns: dict[str, object] = {}
    for column, name in _SIDES:
        if row[f"{name}_foreign_id"] is None:
            party = met[row[column]]
            columns |= {f"{name}_{part}": party[part] for part in ("foreign_id", "address")}
            columns[f"{name}_open"] = True
    return columns


def of(row: Row) -> Escrow:
    """Read a row of an escrow with its sides."""
    buyer = Owner(row["account_id"], row["buyer_foreign_id"], row["buyer_address"], row["buyer_open"])
    seller = Owner(row["seller_id"], row["seller_foreign_id"], row["seller_address"], row["seller_open"])
    return between(row, buyer, seller)


def between(row: Row, buyer: Owner, seller: Owner) -> Escrow:
    """Read a row of an escrow between these sides."""
    plain = {name: row[name] for name in Escrow.__slots__ if name not in _COMPOSED}
    return Escrow(
        buyer=buyer,
        seller=seller,
        asset=ledger.asset_of(row),
        hold=row["hold_id"],
        reference=(row["reference_type"], row["reference"]),
        **plain,
    )


def shown(escrow: Escrow) -> dict[str, Any]:
    """Return the escrow as the API and events show it."""
    asset = escrow.asset
    return {
        "id": escrow.id,
        "order_id": escrow.order_id,
        "buyer": escrow.buyer.foreign_id,
        "seller": escrow.seller.foreign_id,
        "asset": asset.code,
        "amount": asset.show(escrow.amount),
        "fee": asset.show(escrow.fee),
        "hold": escrow.hold,
        "state": escrow.state,
        "to_seller": asset.show(escrow.to_seller),
        "to_buyer": asset.show(escrow.to_buyer),
        "to_platform": asset.show(escrow.to_platform),
        "reference_type": escrow.reference[0],
        "reference": escrow.reference[1],
        "metadata": orjson.Fragment(escrow.metadata),
        "created": escrow.created.isoformat(),
    }


def state_events(escrow: Escrow) -> tuple[AccountEvent, AccountEvent]:
    """Return ESCROW_LOCKED and so on, by the escrow's state: for the buyer and for the seller."""
    message = {"escrow": shown(escrow)}
    event = f"ESCROW_{escrow.state}"
    return AccountEvent(escrow.buyer, event, message), AccountEvent(escrow.seller, event, message)


def fee_earned(escrow: Escrow, platform: Owner, fee: int) -> AccountEvent:
    """Return ESCROW_FEE_EARNED for the platform, which may be buyer or seller of the order as well."""
    message = {"amount": escrow.asset.show(fee), "escrow": shown(escrow)}
    return AccountEvent(platform, "ESCROW_FEE_EARNED", message)
