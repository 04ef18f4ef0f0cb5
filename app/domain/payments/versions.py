"""Versions: all that was signed for the same payments: the first transaction, others with another fee, twins.

A twin is a transaction of ours under another txid. It has the same inputs and outputs as the one that it
copies.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import coins, payments, transaction_inputs, transactions
from app.money import Koinu

UNMINED: Final = ("signed", "sent")
"""States of a transaction that no block holds and that may still be mined."""


def has_state(table: sa.FromClause, *states: str) -> sa.ColumnElement[bool]:
    """Match rows in these states. They are literals: with parameters no partial index would be used."""
    return table.c.state.in_([sa.literal_column(f"'{state}'", sa.Text) for state in states])


def first_of(table: sa.FromClause) -> sa.ColumnElement[int]:
    """The id of the first transaction that was signed for the same payments."""
    return sa.func.coalesce(table.c.replaces, table.c.id)


_version, _descendant = transactions.alias(), transactions.alias()
_inputs, _same = transaction_inputs.alias(), transaction_inputs.alias()


def _is_version_of(first: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    return sa.or_(_version.c.id == first, sa.and_(_version.c.replaces == first, _version.c.pays))


CURRENT: Final = sa.func.coalesce(payments.c.version_id, payments.c.transaction_id)
"""The version that a payment shows: the last that a block held or holds, else the last that was signed."""
SIGNED_AGAIN: Final = sa.exists().where(_version.c.replaces == transactions.c.id, _version.c.pays)
"""Whether a first transaction has other versions."""
MINED: Final = sa.exists().where(_is_version_of(transactions.c.id), _version.c.height.is_not(None))
"""Whether a block holds any version of a first transaction."""
BUILT_UPON: Final = sa.exists().where(
    _is_version_of(transactions.c.id),
    transaction_inputs.c.txid == _version.c.txid,
    _descendant.c.id == transaction_inputs.c.transaction_id,
    _descendant.c.state != "dead",
)
"""Whether a transaction of ours spends the change of any version of a first transaction."""
_SPENDS_IT: Final = sa.exists().where(
    _same.c.transaction_id == _version.c.id, _same.c.txid == _inputs.c.txid, _same.c.vout == _inputs.c.vout
)
_NOT_SPENT_BY_ALL: Final = sa.exists().where(
    _is_version_of(transactions.c.id), _version.c.state != "dead", ~_SPENDS_IT
)
SHARES: Final = sa.exists().where(_inputs.c.transaction_id == transactions.c.id, ~_NOT_SPENT_BY_ALL)
"""Whether all versions of a first transaction spend one coin: what spends that coin excludes all of them."""


class Twin(NamedTuple):
    """A transaction under the txid `txid` that copies the one with the number `original`."""

    original: int
    txid: bytes
    raw: bytes
    state: str


async def insert_twins(db: Db, twins: Sequence[Twin]) -> dict[bytes, int]:
    """Store these transactions as versions; return their numbers by txid."""
    rows = await db.execute(_INSERT, bulk.columns(_COLUMNS, twins))
    return {bytes(row.txid): row.id for row in rows}


async def copy_inputs(db: Db, twins: Sequence[Twin]) -> None:
    """Note that these stored twins spend what their originals spend."""
    await db.execute(_COPY_INPUTS, bulk.columns(_COLUMNS, twins))


async def copy_change(db: Db, original: int, txid: bytes, added: Koinu) -> None:
    """Give the transaction `txid` the change of its original, and `added` more.

    The new coin is marked for the same transaction as the original's change.
    """
    await db.execute(_COPY_CHANGE, {"original": original, "txid": txid, "added": added})


async def keep_change(db: Db, numbers: Sequence[int]) -> None:
    """Mark the change of these mined transactions for what was to spend the change of their twin."""
    await db.execute(_KEEP_CHANGE, {"numbers": list(numbers)})


_COLUMNS: Final = ("id", "txid", "raw", "state")
"""Of a twin: `id` is that of its original."""
_twin: Final = bulk.unnested(transactions, _COLUMNS)
_original: Final = transactions.alias()
_COPIED: Final = ("fee", "pays", "broadcast_by_us", "ancestors")
_twins: Final = bulk.materialized(
    sa.select(
        _twin.c.txid,
        _twin.c.raw,
        _twin.c.state,
        first_of(_original).label("replaces"),
        *(_original.c[name] for name in _COPIED),
    ).select_from(_twin.join(_original, _original.c.id == _twin.c.id)),
    "twins",
)
_INSERT: Final = (
    sa.insert(transactions)
    .from_select(("txid", "raw", "state", "replaces", *_COPIED), sa.select(_twins))
    .returning(transactions.c.id, transactions.c.txid)
)
_twin_inputs: Final = bulk.materialized(
    sa.select(
        _inputs.c.txid, _inputs.c.vout, transactions.c.id.label("transaction_id"), _inputs.c.amount
    ).select_from(
        _twin.join(_inputs, _inputs.c.transaction_id == _twin.c.id).join(
            transactions, transactions.c.txid == _twin.c.txid
        )
    ),
    "twin_inputs",
)
_COPY_INPUTS: Final = sa.insert(transaction_inputs).from_select(
    ("txid", "vout", "transaction_id", "amount"), sa.select(_twin_inputs)
)

_COIN: Final = ("vout", "account_id", "branch", "index", "coinbase", "change", "transaction_id")
_twin_change: Final = bulk.materialized(
    sa.select(
        sa.bindparam("txid", type_=sa.LargeBinary).label("txid"),
        (coins.c.amount + sa.bindparam("added", type_=sa.BigInteger)).label("amount"),
        *(coins.c[name] for name in _COIN),
    ).where(
        transactions.c.id == sa.bindparam("original", type_=sa.BigInteger),
        coins.c.txid == transactions.c.txid,
        coins.c.change,
    ),
    "twin_change",
)
_COPY_CHANGE: Final = sa.insert(coins).from_select(("txid", "amount", *_COIN), sa.select(_twin_change))

_mined, _other, _spender = (transactions.alias(name) for name in ("mined", "other", "spender"))
_change: Final = coins.alias("change")
_KEEP_CHANGE: Final = (
    sa.update(coins)
    .values(transaction_id=_change.c.transaction_id)
    .where(
        _mined.c.id == sa.any_(sa.bindparam("numbers", type_=bulk.BIGINTS)),
        coins.c.txid == _mined.c.txid,
        coins.c.change,
        coins.c.transaction_id.is_(None),
        _other.c.pays == _mined.c.pays,
        sa.or_(_other.c.id == first_of(_mined), _other.c.replaces == first_of(_mined)),
        _change.c.txid == _other.c.txid,
        _change.c.vout == coins.c.vout,
        _spender.c.id == _change.c.transaction_id,
        _spender.c.state.in_(UNMINED),
    )
)
