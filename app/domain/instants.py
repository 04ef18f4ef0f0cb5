"""Instants: which posting of an account was the last before a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.tables import Time, balances

# The postings of a slot are numbered from 1 without a gap, and their times never run back. So halving finds the place
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
    given = {"account": account, "assets": list(until), "untils": list(until.values())}
    return {row.asset: row.seq for row in await db.execute(_BEFORE, given)}
