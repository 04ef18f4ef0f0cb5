"""Holdings: what accounts have, read without a lock."""

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db
from app.domain.ledger import Balance
from app.money import DOGE
from app.tables import balances

_HELD: Final = sa.select(balances).where(
    balances.c.account_id == sa.any_(sa.bindparam("accounts", type_=bulk.BIGINTS)),
    balances.c.asset == sa.bindparam("asset"),
)


async def balance(db: Db, account: int, asset: str = DOGE) -> Balance:
    """Return the account's balance now; zeros where nothing was ever posted."""
    return (await balances_of(db, [account], asset)).get(account, Balance())


async def balances_of(db: Db, accounts: Sequence[int], asset: str = DOGE) -> Mapping[int, Balance]:
    """Return the balances of those of `accounts` that have one."""
    found = await db.execute(_HELD, {"accounts": list(accounts), "asset": asset})
    return {row.account_id: Balance(row.available, row.incoming, row.held, row.outgoing, row.seq) for row in found}
