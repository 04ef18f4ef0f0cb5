"""Holdings: what accounts have, now or at any moment before, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import instants
from app.domain.ledger import Balance
from app.domain.refusals import Invalid
from app.money import DOGE, DOGE_DECIMALS
from app.tables import NOW, assets, balances, postings

INSTANT: Final = timedelta(microseconds=1)
"""What tells two moments apart, in PostgreSQL as in Python."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of an asset."""

    asset: str
    decimals: int
    balance: Balance


class NotYet(Invalid):
    """That moment has not come yet."""

    field = "at"


_HELD: Final = sa.select(balances).where(
    balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)),
    balances.c.asset == sa.bindparam("asset"),
)
_ALL: Final = (
    sa.select(balances, assets.c.decimals)
    .join(assets, assets.c.code == balances.c.asset)
    .where(balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)), balances.c.seq > 0)
)
_GIVEN: Final = bulk.unnested(postings, ("account_id", "asset", "seq"))
_POSTED: Final = (
    sa.select(postings, assets.c.decimals)
    .join(_GIVEN, sa.and_(*(postings.c[name] == _GIVEN.c[name] for name in ("account_id", "asset", "seq"))))
    .join(assets, assets.c.code == postings.c.asset)
)


async def balance(db: Db, account: int, asset: str = DOGE) -> Balance:
    """Return the account's balance now; zeros where nothing was ever posted."""
    return (await balances_of(db, [account], asset)).get(account, Balance())


async def balances_of(db: Db, accounts: Sequence[int], asset: str = DOGE) -> Mapping[int, Balance]:
    """Return the balances of those of `accounts` that have one."""
    found = await db.execute(_HELD, {"accounts": list(accounts), "asset": asset})
    return {row.account_id: Balance(row.available, row.incoming, row.held, row.outgoing, row.seq) for row in found}


async def of_accounts(db: Db, accounts: Sequence[int]) -> dict[int, list[Holding]]:
    """Return what each account has now: Dogecoin first, then what else it ever had, by code."""
    found: dict[int, list[Row]] = {account: [] for account in accounts}
    for row in await bulk.fetch_all(db, _ALL, {"accounts": list(accounts)}):
        found[row["account_id"]].append(row)
    return {account: _listed(rows) for account, rows in found.items()}


async def at(db: Db, account: int, moment: datetime) -> list[Holding]:
    """Return what the account had at that moment, listed as `of_accounts` does; NotYet in the future.

    What is being committed just now may still fall into the last seconds.
    """
    if await db.scalar(sa.select(sa.literal(moment) > NOW)):
        raise NotYet
    known = await instants.last(db, account)
    places = await instants.before(db, account, dict.fromkeys(known, moment + INSTANT))
    given = [{"account_id": account, "asset": asset, "seq": seq} for asset, seq in places.items() if seq]
    return _listed(await bulk.fetch_all(db, _POSTED, bulk.arrays(given)) if given else [])


def _listed(rows: Sequence[Row]) -> list[Holding]:
    held = {row["asset"]: _holding(row) for row in rows}
    first = held.pop(DOGE, Holding(DOGE, DOGE_DECIMALS, Balance()))
    return [first, *(held[asset] for asset in sorted(held))]


def _holding(row: Row) -> Holding:
    buckets: dict[str, Any] = {name: row[name] for name in Balance._fields}
    return Holding(row["asset"], row["decimals"], Balance(**buckets))
