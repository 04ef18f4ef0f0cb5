"""Balances: what accounts have now, or had at any time before, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import NOW, Time, assets, balances, postings
from app.db.tables import accounts as account_rows
from app.domain.commands import plain
from app.domain.ledger.journal import Balance, BalanceKey
from app.domain.owner import no_such
from app.domain.queries import Query
from app.domain.refusals import Invalid, Refusal
from app.money import DOGE, DOGE_DECIMALS

INSTANT: Final = timedelta(microseconds=1)
"""The smallest difference between two times, in PostgreSQL and in Python."""


@dataclass(frozen=True, slots=True)
class AssetBalance:
    """What an account has of an asset."""

    asset: str
    decimals: int
    balance: Balance


class BalanceTime(NamedTuple):
    """A balance, by account and asset, and a time."""

    account: int
    asset: str
    time: datetime


class LastPostings(NamedTuple):
    """An account by its number, and the number of its last posting in each asset that it ever had."""

    account: int
    seqs: Mapping[str, int]


class NotYet(Invalid):
    """That moment has not come yet."""

    field = "at"


_HELD: Final = sa.select(balances).where(
    balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)),
    balances.c.asset == sa.bindparam("asset"),
)
_ALL: Final = Prepared(
    sa.select(balances, assets.c.decimals)
    .join(assets, assets.c.code == balances.c.asset)
    .where(balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)), balances.c.seq > 0)
)
_DOGE: Final = Prepared(
    sa.select(account_rows.c.foreign_id, *(balances.c[name] for name in Balance._fields))
    .outerjoin(balances, sa.and_(balances.c.account_id == account_rows.c.id, balances.c.asset == DOGE))
    .where(account_rows.c.foreign_id == sa.any_(sa.bindparam("names", type_=bulk.TEXTS)))
)
_EVERY: Final = Prepared(
    sa.select(account_rows.c.foreign_id, balances, assets.c.decimals)
    .outerjoin(balances, sa.and_(balances.c.account_id == account_rows.c.id, balances.c.seq > 0))
    .outerjoin(assets, assets.c.code == balances.c.asset)
    .where(account_rows.c.foreign_id == sa.any_(sa.bindparam("names", type_=bulk.TEXTS)))
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


async def doge_by_name(db: ReadDb, foreign_ids: Sequence[str]) -> list[Balance | Refusal]:
    """Return the DOGE of each account now, zeros where nothing was ever posted; refuses with NoSuchAccount."""
    rows = await bulk.fetch_all(db, _DOGE, {"names": foreign_ids})
    known = {row["foreign_id"]: _balance(row) for row in rows}
    return [known.get(name) or no_such(name) for name in foreign_ids]


async def all_by_name(db: ReadDb, foreign_ids: Sequence[str]) -> list[list[AssetBalance] | Refusal]:
    """Return each account's balances now, as `asset_balances` does; refuses with NoSuchAccount."""
    rows_of: dict[str, list[Row]] = {}
    for row in await bulk.fetch_all(db, _EVERY, {"names": foreign_ids}):
        rows_of.setdefault(row["foreign_id"], []).append(row)
    return [
        _listed([row for row in rows_of[name] if row["asset"]]) if name in rows_of else no_such(name)
        for name in foreign_ids
    ]


BALANCE: Final = Query("balance", plain(doge_by_name))
"""An account's DOGE now, by its foreign_id."""
BALANCES: Final[Query[str, Sequence[AssetBalance]]] = Query("balances", plain(all_by_name))
"""What an account has now of every asset, by its foreign_id."""


async def asset_balances(db: ReadDb, accounts: Sequence[int]) -> dict[int, list[AssetBalance]]:
    """Return each account's balances now: Dogecoin first, then each other asset that it ever had, by code."""
    rows_of: dict[int, list[Row]] = {account: [] for account in accounts}
    for row in await bulk.fetch_all(db, _ALL, {"accounts": list(accounts)}):
        rows_of[row["account_id"]].append(row)
    return {account: _listed(rows) for account, rows in rows_of.items()}


async def asset_balances_at(db: Db, account: int, moment: datetime) -> list[AssetBalance]:
    """Return the account's balances at that moment, in the same order; refuses with NotYet in the future.

    Balances of the last seconds may change: a transaction that runs now may commit postings of that time.
    """
    if await db.scalar(sa.select(sa.literal(moment) > NOW)):
        raise NotYet
    last = await last_seqs(db, account)
    seqs = await seqs_before(db, account, dict.fromkeys(last, moment + INSTANT))
    keys = [{"account_id": account, "asset": asset, "seq": seq} for asset, seq in seqs.items() if seq]
    return _listed(await bulk.fetch_all(db, _POSTED, bulk.arrays(keys)) if keys else [])


def _listed(rows: Sequence[Row]) -> list[AssetBalance]:
    by_asset = {row["asset"]: _asset_balance(row) for row in rows}
    doge = by_asset.pop(DOGE, AssetBalance(DOGE, DOGE_DECIMALS, Balance()))
    return [doge, *(by_asset[asset] for asset in sorted(by_asset))]


def _asset_balance(row: Row) -> AssetBalance:
    return AssetBalance(row["asset"], row["decimals"], _balance(row))


def _balance(row: Row) -> Balance:
    """Read the buckets of a row; zeros where the account has no such balance."""
    if row["seq"] is None:
        return Balance()
    return Balance(row["available"], row["incoming"], row["held"], row["outgoing"], row["seq"])


# The postings of a balance are numbered from 1 without a gap, and their times never run back. So a binary
# search by the primary key finds a time: of a million postings it reads 20. An index by time would cost each
# posting that is written.
_BEFORE: Final = Prepared(
    sa.text("""
    WITH RECURSIVE halves (account, asset, until, low, high) AS (
        SELECT moment.account, moment.asset, moment.until, 0::bigint, balances.seq
        FROM unnest(:accounts, :assets, :untils) AS moment (account, asset, until)
        JOIN balances ON balances.account_id = moment.account AND balances.asset = moment.asset
    UNION ALL
        SELECT account, asset, until, CASE WHEN earlier THEN middle ELSE low END,
            CASE WHEN earlier THEN high ELSE middle - 1 END
        FROM halves
        CROSS JOIN LATERAL (SELECT low + (high - low + 1) / 2 AS middle) AS half
        CROSS JOIN LATERAL (
            SELECT (
                SELECT created FROM postings
                WHERE account_id = halves.account AND postings.asset = halves.asset AND seq = middle
            ) < until AS earlier
            OFFSET 0  -- so that it is computed once and used twice
        ) AS looked
        WHERE low < high
    )
    SELECT account, asset, low AS seq FROM halves WHERE low = high
""").bindparams(
        sa.bindparam("accounts", type_=bulk.BIGINTS),
        sa.bindparam("assets", type_=bulk.TEXTS),
        sa.bindparam("untils", type_=bulk.Array(Time)),
    )
)
_LAST: Final = Prepared(
    sa.select(balances.c.asset, balances.c.seq).where(
        balances.c.account_id == sa.bindparam("account", type_=sa.BigInteger), balances.c.seq > 0
    )
)
_LAST_OF_NAME: Final = Prepared(
    sa.select(account_rows.c.id, balances.c.asset, balances.c.seq)
    .outerjoin(balances, sa.and_(balances.c.account_id == account_rows.c.id, balances.c.seq > 0))
    .where(account_rows.c.foreign_id == sa.bindparam("foreign_id"))
)


async def last_seqs(db: ReadDb, account: int) -> dict[str, int]:
    """Return the number of the account's last posting in each asset that it ever had."""
    return {row["asset"]: row["seq"] for row in await bulk.fetch_all(db, _LAST, {"account": account})}


async def last_postings(db: ReadDb, foreign_id: str) -> LastPostings:
    """Return where the account's postings end; refuses with NoSuchAccount."""
    rows = await bulk.fetch_all(db, _LAST_OF_NAME, {"foreign_id": foreign_id})
    if not rows:
        raise no_such(foreign_id)
    seqs = {row["asset"]: row["seq"] for row in rows if row["asset"] is not None}
    return LastPostings(rows[0]["id"], seqs)


async def seqs_before(db: ReadDb, account: int, until: Mapping[str, datetime]) -> dict[str, int]:
    """Return the number of the account's last posting before a time, by asset; 0 where there is none."""
    seqs = await seqs_before_times(db, [BalanceTime(account, asset, time) for asset, time in until.items()])
    return {asset: seq for (_, asset), seq in seqs.items()}


async def seqs_before_times(db: ReadDb, times: Sequence[BalanceTime]) -> dict[BalanceKey, int]:
    """Return the number of each balance's last posting before its time; 0 where there is none."""
    if not times:
        return {}
    accounts, codes, untils = map(list, zip(*times, strict=True))
    rows = await bulk.fetch_all(db, _BEFORE, {"accounts": accounts, "assets": codes, "untils": untils})
    return {(row["account"], row["asset"]): row["seq"] for row in rows}
