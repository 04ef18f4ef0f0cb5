"""Our reserves on the chain, coins and money in transit: blocks must change them by as much as they post."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, bulk
from app.db.tables import (
    CLAWBACK,
    COLD_STORAGE,
    chain_state,
    coins,
    postings,
    transaction_inputs,
    transactions,
)
from app.domain.blocks.block_effects import BlockEffects
from app.money import DOGE


class ReserveChange(NamedTuple):
    """By how many koinu blocks changed what customers and clawback own without cold storage, and the reserves.

    Both are always the same.
    """

    liabilities: int
    assets: int

    @property
    def fault(self) -> str:
        """Say how they differ; "" if they do not."""
        if self.liabilities == self.assets:
            return ""
        return f"blocks posted {self.liabilities} koinu and moved {self.assets}"


UNSPENT: Final = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))


def unspent(among: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Sum those of our coins that a block contains and none has spent."""
    return sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).where(UNSPENT, among).scalar_subquery()


def in_transit(among: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Sum what our mined transactions that are not settled yet took from us: inputs less change."""
    mined = sa.and_(transactions.c.state == "mined", among)
    spent = sa.select(sa.func.coalesce(sa.func.sum(transaction_inputs.c.amount), 0)).join(
        transactions, transactions.c.id == transaction_inputs.c.transaction_id
    )
    change = sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).join(
        transactions, transactions.c.txid == coins.c.txid
    )
    return spent.where(mined).scalar_subquery() - change.where(mined, coins.c.change).scalar_subquery()


_KEYS: Final = ("txid", "vout")
_CHANGED_COINS: Final = sa.tuple_(coins.c.txid, coins.c.vout).in_(sa.select(bulk.unnested(coins, _KEYS)))
_CHANGED_TRANSACTIONS: Final = transactions.c.id == sa.any_(sa.bindparam("transactions", type_=bulk.BIGINTS))
_ASSETS: Final = unspent(_CHANGED_COINS) + in_transit(_CHANGED_TRANSACTIONS)
_SUM: Final = Prepared(sa.select(_ASSETS))
# The join alone finds the postings, by their entries; the FILTER looks at accounts and assets afterwards.
# In a WHERE, PostgreSQL would take those for rare values and read all postings, while it has counted none.
_POSTED: Final = bulk.unnested(postings, ("entry_id",))
_CUSTOMERS: Final = sa.and_(
    postings.c.asset == DOGE,
    sa.or_(
        postings.c.account_id >= 0,
        postings.c.account_id == sa.any_(sa.literal([CLAWBACK, COLD_STORAGE], bulk.BIGINTS)),
    ),
)
_LIABILITIES: Final = sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount).filter(_CUSTOMERS), 0)).join(
    _POSTED, _POSTED.c.entry_id == postings.c.entry_id
)
_BEFORE: Final = sa.bindparam("before", type_=sa.Numeric(38, 0))
_CHANGE: Final = sa.select(
    _LIABILITIES.scalar_subquery().label("liabilities"), (_ASSETS - _BEFORE).label("assets")
).subquery("change")
_ADD: Final = Prepared(
    sa.update(chain_state)
    .values({name: chain_state.c[name] + _CHANGE.c[name] for name in ReserveChange._fields})
    .returning(*_CHANGE.c)
)


async def assets(db: Db, effects: BlockEffects) -> int:
    """Return the sum of the rows that `effects` changes, as they are now."""
    return int(await bulk.fetch_value(db, _SUM, _rows(effects)) or 0)


def _rows(effects: BlockEffects) -> dict[str, object]:
    ids = [transaction.id for transaction in effects.transactions.changed]
    return {**bulk.columns(_KEYS, sorted(effects.changed)), "transactions": ids}


async def add_change(db: Db, effects: BlockEffects, entry_ids: Sequence[int], before: int) -> ReserveChange:
    """Add up what the written entries and rows have changed, from the assets `before` they were written; return it.

    Liabilities are what customers and clawback own; what lies in cold storage counts against it.
    """
    rows = {**_rows(effects), "input_entry_id": list(entry_ids), "before": before}
    [sums] = await bulk.fetch_values(db, _ADD, rows)
    return ReserveChange(*map(int, sums))


async def total_change(db: Db) -> ReserveChange | None:
    """Return the change by all blocks since payments last were resumed; None before the first start."""
    row = (await db.execute(sa.select(chain_state.c.liabilities, chain_state.c.assets))).first()
    return None if row is None else ReserveChange(int(row.liabilities), int(row.assets))
