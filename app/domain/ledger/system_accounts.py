"""The system accounts: those of the chain have balance rows; the treasury and clearing have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import CLAWBACK, CLEARING, COLD_STORAGE, NETWORK_FEES, TREASURY, WORLD
from app.domain.ledger import assets, balances
from app.domain.ledger.assets import Asset
from app.domain.ledger.journal import Balance, Bucket
from app.domain.pages import PageRequest
from app.money import DOGE

SYSTEM_ACCOUNTS: Final[Mapping[int, str]] = {
    WORLD: "world",
    NETWORK_FEES: "network_fees",
    CLAWBACK: "clawback",
    TREASURY: "treasury",
    COLD_STORAGE: "cold_storage",
    CLEARING: "clearing",
}
"""Their names, by number."""

_OF_CHAIN: Final = (WORLD, NETWORK_FEES, CLAWBACK, COLD_STORAGE)
MAX_SHOWN: Final = 10 * assets.MAX_ASSETS
"""The most assets that are shown; an older version could make more than MAX_ASSETS."""


@dataclass(frozen=True, slots=True)
class SystemBalance:
    """What a system account has of an asset, in its smallest unit; below zero: it gave more than it got."""

    account: str
    asset: Asset
    amount: int


async def system_balances(db: Db) -> list[SystemBalance]:
    """Return the Dogecoin of world, network fees, clawback and cold storage, then what the treasury has of each credit."""
    doge = await assets.fetch_asset(db, DOGE)
    shown = (await assets.page(db, PageRequest(None, MAX_SHOWN))).items
    issued_assets = [asset for asset in shown if asset.code != DOGE]
    of_chain = await balances.balances_of(db, _OF_CHAIN)
    issued = await treasury_balances(db)
    return [
        *(SystemBalance(SYSTEM_ACCOUNTS[id_], doge, _total(of_chain.get(id_))) for id_ in _OF_CHAIN),
        *(SystemBalance(SYSTEM_ACCOUNTS[TREASURY], asset, issued[asset.code]) for asset in issued_assets),
    ]


def added(balances: Sequence[SystemBalance], others: Sequence[SystemBalance]) -> list[SystemBalance]:
    """Return the sums of what the same accounts have of the same assets."""
    sums = {(balance.account, balance.asset.code): balance for balance in balances}
    for balance in others:
        key = balance.account, balance.asset.code
        before = sums[key].amount if key in sums else 0
        sums[key] = replace(balance, amount=before + balance.amount)
    return list(sums.values())


async def treasury_balances(db: Db) -> dict[str, int]:
    """Return what the treasury has of each asset, by code: below zero is what was issued."""
    return {row.code: int(row.total) for row in await db.execute(_TREASURY)}


async def clearing_balances(db: Db) -> dict[str, int]:
    """Return what clearing has of each asset, by code: what this cell's accounts gave to others, less what they got."""
    return {row.code: int(row.total) for row in await db.execute(_CLEARING)}


def _without_row(name: str, account: int) -> sa.TextClause:
    """Sum up an account without a balance row: what the last seal says, and the postings behind that seal.

    The numbers of these postings are those of their entries.
    """
    return sa.text(f"""
        SELECT code, coalesce((seal.{name} ->> code)::numeric, 0) + coalesce(later.amount, 0) AS total
        FROM assets
        LEFT JOIN (SELECT last_entry, {name} FROM seals ORDER BY number DESC LIMIT 1) AS seal ON true
        CROSS JOIN LATERAL (
            SELECT sum(amount) AS amount FROM postings
            WHERE account_id = {account} AND asset = code AND seq > coalesce(seal.last_entry, 0)
        ) AS later
    """)  # noqa: S608  constants


_TREASURY: Final = _without_row("treasury", TREASURY)
_CLEARING: Final = _without_row("clearing", CLEARING)


def _total(balance: Balance | None) -> int:
    return 0 if balance is None else sum(balance.of(bucket) for bucket in Bucket)
