"""The system accounts: world, network fees and clawback have balance rows; the treasury has none, so that nothing waits there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import CLAWBACK, NETWORK_FEES, TREASURY, WORLD, postings, seals
from app.db.tables import assets as asset_rows
from app.domain.ledger import assets, balances
from app.domain.ledger.assets import Asset
from app.domain.ledger.journal import Balance, Bucket
from app.domain.pages import PageRequest
from app.money import DOGE

SYSTEM: Final[Mapping[int, str]] = {
    WORLD: "world",
    NETWORK_FEES: "network_fees",
    CLAWBACK: "clawback",
    TREASURY: "treasury",
}
"""How the system accounts are shown, by their numbers."""

CHAIN: Final = (WORLD, NETWORK_FEES, CLAWBACK)
"""The chain's side of the books."""
LIMIT: Final = 10 * assets.MOST
"""Assets that are shown: there may be more than can be made, of the time when there was no limit."""


@dataclass(frozen=True, slots=True)
class SystemBalance:
    """What a system account has of an asset, in its smallest unit; below zero where it gave more than it took."""

    account: str
    asset: Asset
    amount: int


async def every(db: Db) -> list[SystemBalance]:
    """Return those of the chain's side in DOGE, then the treasury in every credit."""
    doge = await assets.fetch(db, DOGE)
    credit = [
        asset for asset in (await assets.page(db, PageRequest(None, LIMIT))).items if asset.code != DOGE
    ]
    held = await balances.balances_of(db, list(CHAIN))
    issued = await treasury(db, [asset.code for asset in credit])
    chain = [SystemBalance(SYSTEM[number], doge, _whole(held.get(number, Balance()))) for number in CHAIN]
    return chain + [SystemBalance(SYSTEM[TREASURY], asset, issued[asset.code]) for asset in credit]


async def treasury(db: Db, codes: Sequence[str] | None = None) -> dict[str, int]:
    """Return what the treasury has of these assets, or of all, by code (below zero: so much was issued).

    The last seal says how much it was up to there; what follows is found by the numbers of its postings, which are
    those of their entries.
    """
    newest = (
        sa.select(seals.c.last_entry, seals.c.treasury).order_by(seals.c.number.desc()).limit(1).subquery()
    )
    after = sa.func.coalesce(sa.select(newest.c.last_entry).scalar_subquery(), 0)
    since = (
        sa.select(sa.func.sum(postings.c.amount))
        .where(
            postings.c.account_id == TREASURY, postings.c.asset == asset_rows.c.code, postings.c.seq > after
        )
        .scalar_subquery()
    )
    sealed = sa.cast(sa.select(newest.c.treasury).scalar_subquery()[asset_rows.c.code].astext, sa.Numeric)
    total = sa.func.coalesce(sealed, 0) + sa.func.coalesce(since, 0)
    statement = sa.select(asset_rows.c.code, total.label("total"))
    if codes is not None:
        statement = statement.where(asset_rows.c.code == sa.any_(sa.literal(list(codes), bulk.TEXTS)))
    return {row.code: int(row.total) for row in await db.execute(statement)}


def _whole(balance: Balance) -> int:
    return sum(balance.of(bucket) for bucket in Bucket)
