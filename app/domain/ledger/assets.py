"""Assets: what the ledger counts. DOGE is built in; the others are the operator's credits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from app import money
from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import assets
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.ledger import journal
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal

MAX_DECIMALS: Final = 18
"""One unit of an asset with 18 decimals still fits nine times into 64 bits."""

MAX_ASSETS: Final = 1_000
"""The most assets, with DOGE: whoever closes an account looks at its balance in each."""

RawAmount = str | int | Decimal
"""An amount as a request has it: text or a number, in whole units of an asset."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is counted, in a smallest unit of 10^-`decimals`. The decimals never change."""

    code: str
    name: str
    decimals: int
    created: datetime

    def show(self, amount: int) -> str:
        """Return the amount, in the smallest unit, as decimal text."""
        return money.show(amount, self.decimals)

    def parse(self, raw: RawAmount, field: str = "amount") -> int:
        """Return the amount in the smallest unit, above zero and within 64 bits; refuses with BadAmount."""
        amount = self.parse_any(raw, field)
        if amount <= 0:
            raise BadAmount(reason=f"{field} must be above zero.", field=field)
        return amount

    def parse_any(self, raw: RawAmount, field: str = "amount") -> int:
        """Return the amount in the smallest unit, zero or more and within 64 bits; refuses with BadAmount."""
        try:
            amount = money.parse(raw, self.decimals)
        except money.BadAmount as error:
            raise BadAmount(reason=f"{field}: {error} ({self.code}).", field=field) from None
        if not 0 <= amount <= journal.MAX_BALANCE:
            raise BadAmount(reason=f"{field} is below zero or more than can be counted.", field=field)
        return amount


class NoSuchAsset(NotFound):
    """There is no asset {code}."""

    field = "asset"


class AssetTaken(Conflict):
    """There is an asset {code} already, with other decimals or another name."""

    field = "code"


class TooManyAssets(Conflict):
    """There are {count} assets already, and no more can be made."""

    field = "code"


class BadAmount(Invalid):
    """{reason}"""  # noqa: D400, D415  the reason is the sentence


@dataclass(frozen=True, slots=True)
class NewAsset:
    """The asset that a caller wants."""

    code: str
    name: str
    decimals: int


async def create(db: Db, orders: Sequence[NewAsset]) -> list[Asset | Refusal]:
    """Create the assets that are missing, up to MAX_ASSETS; refuse those that exist with other terms."""
    existing = await assets_by_code(db, [order.code for order in orders])
    if any(order.code not in existing for order in orders):
        await db.execute(_ONE_AT_A_TIME)
        existing = await _add(db, orders)
    return [_outcome(order, existing.get(order.code)) for order in orders]


# Otherwise two transactions that count at the same time could create one asset too many.
_ONE_AT_A_TIME: Final = sa.text("LOCK TABLE assets IN SHARE ROW EXCLUSIVE MODE")


async def _add(db: Db, orders: Sequence[NewAsset]) -> Mapping[str, Asset]:
    """Insert the first of each code that is missing, up to MAX_ASSETS; return those that exist then."""
    existing = await assets_by_code(db, [order.code for order in orders])
    missing: dict[str, NewAsset] = {}
    for order in orders:
        if order.code not in existing:
            missing.setdefault(order.code, order)
    count = (await db.execute(sa.select(sa.func.count()).select_from(assets))).scalar_one()
    if rows := [asdict(order) for order in missing.values()][: max(0, MAX_ASSETS - count)]:
        await bulk.insert(db, assets, rows)
    return await assets_by_code(db, [order.code for order in orders])


def _outcome(order: NewAsset, asset: Asset | None) -> Asset | Refusal:
    if asset is None:
        return TooManyAssets(count=MAX_ASSETS, code=order.code)
    same = (asset.name, asset.decimals) == (order.name, order.decimals)
    return asset if same else AssetTaken(code=order.code)


def parse_amount(asset: Asset, raw: RawAmount) -> int | Refusal:
    """Return the amount as `Asset.parse` does, or its refusal."""
    try:
        return asset.parse(raw)
    except BadAmount as refusal:
        return refusal


ASSET_COLUMNS: Final = tuple(
    assets.c[name].label(f"asset_{name}") for name in ("code", "name", "decimals", "created")
)
"""The columns that `asset_of` reads, for a SELECT that joins assets."""


def asset_of(row: Row) -> Asset:
    """Return the asset in a row that has ASSET_COLUMNS."""
    return Asset(row["asset_code"], row["asset_name"], row["asset_decimals"], row["asset_created"])


_BY_CODE: Final = Prepared(
    sa.select(assets).where(assets.c.code == sa.any_(sa.bindparam("codes", type_=bulk.TEXTS)))
)


async def assets_by_code(db: ReadDb, codes: Collection[str]) -> Mapping[str, Asset]:
    """Return the assets with these codes, by code; a code of no asset is left out."""
    rows = await bulk.fetch_all(db, _BY_CODE, {"codes": sorted(set(codes))})
    return {row["code"]: Asset(**row) for row in rows}


async def _before(db: Db, orders: Sequence[NewAsset], _: Installation) -> list[Shown | None]:
    """Return the assets that exist already; nothing of them ever changes."""
    existing = await assets_by_code(db, [order.code for order in orders])
    return [asset_shown(existing[order.code]) if order.code in existing else None for order in orders]


def asset_shown(asset: Asset) -> Shown:
    """Return the asset as the API shows it."""
    return {
        "code": asset.code,
        "name": asset.name,
        "decimals": asset.decimals,
        "created": asset.created.isoformat(),
    }


def _code(asset: Asset) -> str:
    return asset.code


CREATE_ASSET: Final = Command(
    "asset", plain(create), plain(assets_by_code), _code, audited=Audited(asset_shown, _code, _before)
)


async def fetch_asset(db: ReadDb, code: str) -> Asset:
    """Return the asset, or refuse with NoSuchAsset."""
    by_code = await assets_by_code(db, [code])
    if code not in by_code:
        raise NoSuchAsset(code=code)
    return by_code[code]


async def page(db: Db, request: PageRequest[str]) -> Page[Asset, str]:
    """Return a page of the assets, in the order of their codes."""
    behind = assets.c.code > request.after_or("")
    statement = sa.select(assets).where(behind).order_by(assets.c.code).limit(request.rows)
    listed = [Asset(**row) for row in await bulk.fetch_all(db, statement)]
    return request.page(listed, lambda asset: asset.code)
