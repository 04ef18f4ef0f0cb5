"""Assets: what the ledger counts. DOGE is built in; the others are credits of the operator's, whose decimals never change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from app import money
from app.db import Db, Row, bulk
from app.db.tables import assets
from app.domain.commands import Command, plain
from app.domain.ledger import journal
from app.domain.pages import Page, PageRequest
from app.domain.refusals import Conflict, Invalid, NotFound, Refusal

MAX_DECIMALS: Final = 18
"""One unit of an asset with 18 decimals still fits nine times into 64 bits."""

MOST: Final = 1_000
"""Assets, DOGE among them: closing an account looks at its balance in each, and what was issued is shown of all."""

Given = str | int | Decimal
"""An amount as a request has it; what it is in the smallest unit depends on the asset."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is counted; its smallest unit is 10^-`decimals`."""

    code: str
    name: str
    decimals: int
    created: datetime

    def show(self, amount: int) -> str:
        """Return the amount, in the smallest unit, as decimal text."""
        return money.show(amount, self.decimals)

    def parse(self, given: Given, field: str = "amount") -> int:
        """Return what was given in the smallest unit; above zero and within 64 bits, or refused with BadAmount."""
        amount = self.parse_any(given, field)
        if amount <= 0:
            raise BadAmount(reason=f"{field} must be above zero.", field=field)
        return amount

    def parse_any(self, given: Given, field: str = "amount") -> int:
        """Return what was given in the smallest unit; not below zero and within 64 bits, or refused with BadAmount."""
        try:
            amount = money.parse(given, self.decimals)
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


async def create(db: Db, wanted: Sequence[NewAsset]) -> list[Asset | Refusal]:
    """Make those that are missing; refuse those that are there otherwise, and what would be more than MOST."""
    existing = await known(db, [new.code for new in wanted])
    if any(new.code not in existing for new in wanted):
        await db.execute(_ALONE)
        existing = await _add(db, wanted)
    return [_outcome(new, existing.get(new.code)) for new in wanted]


# One at a time: otherwise two that count together would make one too many.
_ALONE: Final = sa.text("LOCK TABLE assets IN SHARE ROW EXCLUSIVE MODE")


async def _add(db: Db, wanted: Sequence[NewAsset]) -> Mapping[str, Asset]:
    """Make those that are missing, as far as there is room, and return all that are there then."""
    existing = await known(db, [new.code for new in wanted])
    missing = {new.code: new for new in reversed(wanted) if new.code not in existing}
    room = max(0, MOST - (await db.execute(sa.select(sa.func.count()).select_from(assets))).scalar_one())
    rows = [
        {"code": new.code, "name": new.name, "decimals": new.decimals}
        for new in list(reversed(missing.values()))[:room]
    ]
    if rows:
        await bulk.insert(db, assets, rows)
    return await known(db, [new.code for new in wanted])


def _outcome(new: NewAsset, asset: Asset | None) -> Asset | Refusal:
    if asset is None:
        return TooManyAssets(count=MOST, code=new.code)
    return asset if (asset.name, asset.decimals) == (new.name, new.decimals) else AssetTaken(code=new.code)


def read(asset: Asset, amount: Given, field: str = "amount") -> int | Refusal:
    """Return what was given in the smallest unit, as `Asset.parse`, or why it is no amount."""
    try:
        return asset.parse(amount, field)
    except BadAmount as refusal:
        return refusal


COLUMNS: Final = tuple(
    assets.c[name].label(f"asset_{name}") for name in ("code", "name", "decimals", "created")
)
"""What `joined` reads, for whoever selects things together with their asset."""


def joined(row: Row) -> Asset:
    """Return the asset that stands in a row beside something else."""
    return Asset(row["asset_code"], row["asset_name"], row["asset_decimals"], row["asset_created"])


async def known(db: Db, codes: Collection[str]) -> Mapping[str, Asset]:
    """Return those of these assets that there are, by code."""
    wanted = sa.literal(sorted(set(codes)), bulk.TEXTS)
    rows = await bulk.fetch_all(db, sa.select(assets).where(assets.c.code == sa.any_(wanted)))
    return {row["code"]: Asset(**row) for row in rows}


CREATE_ASSET: Final = Command("asset", plain(create), plain(known), lambda asset: asset.code)


async def fetch(db: Db, code: str) -> Asset:
    """Return the asset, or refuse with NoSuchAsset."""
    existing = await known(db, [code])
    if code not in existing:
        raise NoSuchAsset(code=code)
    return existing[code]


async def page(db: Db, request: PageRequest[str]) -> Page[Asset, str]:
    """Return some of the assets, in the order of their codes."""
    behind = assets.c.code > request.after_or("")
    statement = sa.select(assets).where(behind).order_by(assets.c.code).limit(request.rows)
    listed = [Asset(**row) for row in await bulk.fetch_all(db, statement)]
    return request.page(listed, lambda asset: asset.code)
