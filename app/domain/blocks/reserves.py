"""What we hold on the chain, coins and what is in transit, and that blocks move it by as much as they post."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import CLAWBACK, chain_state, coins, postings, transaction_inputs, transactions
from app.domain.blocks.block_effects import BlockEffects
from app.money import DOGE


class ReserveChange(NamedTuple):
    """By how much blocks changed what customers and clawback own, and what there is; these are always the same."""

    owned: int
    kept: int

    @property
    def fault(self) -> str:
        """Say what does not fit, or nothing."""
        if self.owned == self.kept:
            return ""
        return f"blocks posted {self.owned} koinu and moved {self.kept}"


UNSPENT: Final = sa.and_(coins.c.height.is_not(None), coins.c.spent_height.is_(None))


def unspent(among: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Sum those of our coins that a block holds and none has spent."""
    return sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).where(UNSPENT, among).scalar_subquery()


def in_transit(among: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Sum what our transactions in blocks, not yet settled, took from us: their inputs less their change."""
    mined = sa.and_(transactions.c.state == "mined", among)
    spent = sa.select(sa.func.coalesce(sa.func.sum(transaction_inputs.c.amount), 0)).join(
        transactions, transactions.c.id == transaction_inputs.c.transaction_id
    )
    change = sa.select(sa.func.coalesce(sa.func.sum(coins.c.amount), 0)).join(
        transactions, transactions.c.txid == coins.c.txid
    )
    return spent.where(mined).scalar_subquery() - change.where(mined, coins.c.change).scalar_subquery()


_KEYS: Final = ("txid", "vout")
_GIVEN: Final = sa.tuple_(coins.c.txid, coins.c.vout).in_(sa.select(bulk.unnested(coins, _KEYS)))
_OURS: Final = transactions.c.id == sa.any_(sa.bindparam("transactions", type_=bulk.BIGINTS))
_KEPT: Final = sa.select(unspent(_GIVEN) + in_transit(_OURS))
# Postings are found by nothing but their entries: what they are of is asked afterwards. As long as PostgreSQL has counted
# no rows, as when a new installation catches up, it takes that for the rarest of all, and reads all that were ever made.
_POSTED: Final = bulk.unnested(postings, ("entry_id",))
_CUSTOMERS: Final = sa.and_(
    postings.c.asset == DOGE, sa.or_(postings.c.account_id >= 0, postings.c.account_id == CLAWBACK)
)
_OWNED: Final = sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount).filter(_CUSTOMERS), 0)).join(
    _POSTED, _POSTED.c.entry_id == postings.c.entry_id
)


async def assets(db: Db, changes: BlockEffects) -> int:
    """Return what the rows that `changes` touches amount to, as they are written; read it before and after."""
    given = {
        f"input_{name}": [getattr(outpoint, name) for outpoint in sorted(changes.moved)] for name in _KEYS
    }
    sent = [sending.id for sending in changes.sendings.changed]
    return int(await db.scalar(_KEPT, {**given, "transactions": sent}) or 0)


async def liabilities(db: Db, numbers: Sequence[int]) -> int:
    """Return by how much the entries with these numbers changed what customers and clawback own."""
    return int(await db.scalar(_OWNED, {"input_entry_id": list(numbers)}) or 0)


async def moved(db: Db) -> ReserveChange | None:
    """Return the sum over all blocks, since somebody let payments go on the last time; None before the first start."""
    row = (await db.execute(sa.select(chain_state.c.owned, chain_state.c.kept))).first()
    return None if row is None else ReserveChange(int(row.owned), int(row.kept))
