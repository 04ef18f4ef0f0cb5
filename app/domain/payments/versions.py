"""All that was signed for the same payments: the first transaction, those with a higher fee, and twins.

A twin is a transaction of ours under another txid. It stands beside the first, with its inputs and its change.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import coins, payments, transaction_inputs, transactions
from app.money import Koinu

_version, _descendant = transactions.alias(), transactions.alias()


def _of(first: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.or_(_version.c.id == first, sa.and_(_version.c.replaces == first, _version.c.pays))


CURRENT: Final = sa.func.coalesce(payments.c.version_id, payments.c.transaction_id)
"""Of a payment's, the one that a block holds or held last, else the last that was signed: what it says of itself is of that one."""
SIGNED_AGAIN: Final = sa.exists().where(_version.c.replaces == transactions.c.id, _version.c.pays)
"""Whether a first one has other versions."""
MINED: Final = sa.exists().where(_of(transactions.c.id), _version.c.height.is_not(None))
"""Whether a block holds any version of a first one."""
BUILT_UPON: Final = sa.exists().where(
    _of(transactions.c.id),
    transaction_inputs.c.txid == _version.c.txid,
    _descendant.c.id == transaction_inputs.c.transaction_id,
    _descendant.c.state != "dead",
)
"""Whether a transaction of ours spends the change of any version of a first one."""
_first, _same = transaction_inputs.alias(), transaction_inputs.alias()
_SPENDS_IT: Final = sa.exists().where(
    _same.c.transaction_id == _version.c.id, _same.c.txid == _first.c.txid, _same.c.vout == _first.c.vout
)
_WITHOUT_IT: Final = sa.exists().where(_of(transactions.c.id), _version.c.state != "dead", ~_SPENDS_IT)
SHARES: Final = sa.exists().where(_first.c.transaction_id == transactions.c.id, ~_WITHOUT_IT)
"""Whether all versions of a first one spend one and the same coin: what spends that too keeps each of them out."""


class Twin(NamedTuple):
    """A transaction that is the one numbered `same` under the txid `txid`; a block has it, or we signed it."""

    same: int
    txid: bytes
    raw: bytes
    state: str


async def insert(db: Db, twins: Sequence[Twin]) -> dict[bytes, int]:
    """Keep these transactions, each as the one that it is the same as; returns their numbers by txid."""
    rows = await db.execute(_INSERT, bulk.arrays([twin._asdict() for twin in twins]))
    return {bytes(row.txid): row.id for row in rows}


async def copy_inputs(db: Db, numbers: Mapping[int, int]) -> None:
    """Note that these transactions spend what others do, by whose number each."""
    await db.execute(_COPY_INPUTS, {"new": list(numbers), "old": list(numbers.values())})


async def copy_change(db: Db, old: int, txid: bytes, more: Koinu) -> None:
    """Give a transaction the change of the one that it is the same as, and `more`; who was to spend that one's is to spend it."""
    await db.execute(_COPY_CHANGE, {"old": old, "txid": txid, "more": more})


async def keep_change(db: Db, numbers: Sequence[int]) -> None:
    """Leave the change of transactions that a block holds to whoever was to spend that of a twin, and to nobody else."""
    await db.execute(_KEEP, {"numbers": list(numbers)})


_COPIED: Final = ("fee", "pays", "sends", "ancestors")
_GIVEN: Final = sa.func.unnest(
    sa.bindparam("input_same", type_=bulk.BIGINTS),
    sa.bindparam("input_txid", type_=bulk.BYTES),
    sa.bindparam("input_raw", type_=bulk.BYTES),
    sa.bindparam("input_state", type_=bulk.TEXTS),
).table_valued(
    sa.column("same", sa.BigInteger), sa.column("txid", sa.LargeBinary), sa.column("raw", sa.LargeBinary),
    sa.column("state", sa.Text), name="input",
).render_derived()  # fmt: skip
_FIRST: Final = sa.func.coalesce(transactions.c.replaces, transactions.c.id)
_MADE: Final = sa.select(
    _GIVEN.c.txid, _GIVEN.c.raw, _GIVEN.c.state, _FIRST, *(transactions.c[n] for n in _COPIED)
)
_INSERT: Final = (
    sa.insert(transactions)
    .from_select(
        ("txid", "raw", "state", "replaces", *_COPIED),
        _MADE.join(transactions, transactions.c.id == _GIVEN.c.same),
    )
    .returning(transactions.c.id, transactions.c.txid)
)

_PAIRS: Final = (
    sa.func.unnest(sa.bindparam("new", type_=bulk.BIGINTS), sa.bindparam("old", type_=bulk.BIGINTS))
    .table_valued(sa.column("new", sa.BigInteger), sa.column("old", sa.BigInteger), name="pairs")
    .render_derived()
)
_inputs: Final = transaction_inputs.c
_COPY_INPUTS: Final = sa.insert(transaction_inputs).from_select(
    ("txid", "vout", "transaction_id", "amount"),
    sa.select(_inputs.txid, _inputs.vout, _PAIRS.c.new, _inputs.amount).join(
        _PAIRS, _PAIRS.c.old == _inputs.transaction_id
    ),
)

_PLAIN: Final = ("vout", "account_id", "branch", "index", "coinbase", "change", "transaction_id")
_OLD: Final = sa.select(transactions.c.txid).where(transactions.c.id == sa.bindparam("old")).scalar_subquery()
_COPY_CHANGE: Final = sa.insert(coins).from_select(
    ("txid", "amount", *_PLAIN),
    sa.select(
        sa.bindparam("txid", type_=sa.LargeBinary),
        coins.c.amount + sa.bindparam("more", type_=sa.BigInteger),
        *(coins.c[name] for name in _PLAIN),
    ).where(coins.c.txid == _OLD, coins.c.change),
)


def _first_of(table: sa.FromClause) -> sa.ColumnElement[int]:
    """The first of the same payments."""
    return sa.func.coalesce(table.c.replaces, table.c.id)


_mine, _twin, _taker = transactions.alias("mine"), transactions.alias("twin"), transactions.alias("taker")
_other: Final = coins.alias("other")
_KEEP: Final = (
    sa.update(coins)
    .values(transaction_id=_other.c.transaction_id)
    .where(
        _mine.c.id == sa.any_(sa.bindparam("numbers", type_=bulk.BIGINTS)),
        coins.c.txid == _mine.c.txid,
        coins.c.change,
        coins.c.transaction_id.is_(None),
        _twin.c.pays == _mine.c.pays,
        sa.or_(_twin.c.id == _first_of(_mine), _twin.c.replaces == _first_of(_mine)),
        _other.c.txid == _twin.c.txid,
        _other.c.vout == coins.c.vout,
        _taker.c.id == _other.c.transaction_id,
        _taker.c.state.in_(("signed", "sent")),
    )
)
