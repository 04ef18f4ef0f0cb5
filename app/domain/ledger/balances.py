"""Balances: what accounts have, now or at any moment before, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import NOW, Time, assets, balances, postings
from app.domain.ledger.journal import Balance
from app.domain.refusals import Invalid
from app.money import DOGE, DOGE_DECIMALS

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
    rows = await db.execute(_HELD, {"accounts": list(accounts), "asset": asset})
    return {
        row.account_id: Balance(row.available, row.incoming, row.held, row.outgoing, row.seq) for row in rows
    }


async def of_accounts(db: Db, accounts: Sequence[int]) -> dict[int, list[Holding]]:
    """Return what each account has now: Dogecoin first, then what else it ever had, by code."""
    rows_of: dict[int, list[Row]] = {account: [] for account in accounts}
    for row in await bulk.fetch_all(db, _ALL, {"accounts": list(accounts)}):
        rows_of[row["account_id"]].append(row)
    return {account: _listed(rows) for account, rows in rows_of.items()}


async def at(db: Db, account: int, moment: datetime) -> list[Holding]:
    """Return what the account had at that moment, listed as `of_accounts` does; NotYet in the future.

    What is being committed just now may still fall into the last seconds.
    """
    if await db.scalar(sa.select(sa.literal(moment) > NOW)):
        raise NotYet
    last_seqs = await last(db, account)
    seqs = await before(db, account, dict.fromkeys(last_seqs, moment + INSTANT))
    keys = [{"account_id": account, "asset": asset, "seq": seq} for asset, seq in seqs.items() if seq]
    return _listed(await bulk.fetch_all(db, _POSTED, bulk.arrays(keys)) if keys else [])


def _listed(rows: Sequence[Row]) -> list[Holding]:
    held = {row["asset"]: _holding(row) for row in rows}
    first = held.pop(DOGE, Holding(DOGE, DOGE_DECIMALS, Balance()))
    return [first, *(held[asset] for asset in sorted(held))]


def _holding(row: Row) -> Holding:
    buckets: dict[str, Any] = {name: row[name] for name in Balance._fields}
    return Holding(row["asset"], row["decimals"], Balance(**buckets))


# The postings of a balance key are numbered from 1 without a gap, and their times never run back. So halving finds the place
# in the primary key, 20 rows looked at for a million; an index by time would cost each posting that is written.
_BEFORE: Final = sa.text("""
    WITH RECURSIVE halves (asset, until, low, high) AS (
        SELECT given.asset, given.until, 0::bigint, balances.seq
        FROM unnest(:assets, :untils) AS given (asset, until)
        JOIN balances ON balances.account_id = :account AND balances.asset = given.asset
    UNION ALL
        SELECT asset, until, CASE WHEN earlier THEN middle ELSE low END, CASE WHEN earlier THEN high ELSE middle - 1 END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low + 1) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (
                SELECT created FROM postings
                WHERE postings.account_id = :account AND postings.asset = halves.asset AND postings.seq = middle
            ) < until AS earlier
            OFFSET 0  -- asked once, used twice
        ) AS looked
        WHERE low < high
    )
    SELECT asset, low AS seq FROM halves WHERE low = high
""").bindparams(
    sa.bindparam("account", type_=sa.BigInteger),
    sa.bindparam("assets", type_=bulk.TEXTS),
    sa.bindparam("untils", type_=bulk.Array(Time)),
)
_LAST: Final = sa.select(balances.c.asset, balances.c.seq).where(
    balances.c.account_id == sa.bindparam("account", type_=sa.BigInteger), balances.c.seq > 0
)


async def last(db: Db, account: int) -> dict[str, int]:
    """Return the number of the account's last posting in each asset that it ever had."""
    return {row.asset: row.seq for row in await db.execute(_LAST, {"account": account})}


async def before(db: Db, account: int, until: Mapping[str, datetime]) -> dict[str, int]:
    """Return the number of the account's last posting before a time, by asset; 0 where there is none."""
    parameters = {"account": account, "assets": list(until), "untils": list(until.values())}
    return {row.asset: row.seq for row in await db.execute(_BEFORE, parameters)}
