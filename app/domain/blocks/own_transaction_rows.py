"""The rows of our transactions and their payments: locked in one order, written back in a few statements."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import coins, payment_outputs, transaction_inputs, transactions, watched_inputs
from app.db.tables import payments as payment_rows
from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import Outpoint
from app.domain.payments import Payment, fee_bumps, versions
from app.domain.payments import load as load_payments

_FAMILY: Final = sa.func.coalesce(transactions.c.replaces, transactions.c.id)
"""The first transaction of the same payments."""


def _in(column: sa.Column[int], ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Match these ids. An `= ANY` of as many as there are in two days of blocks compares each row with each of them."""
    return column.in_(sa.select(sa.func.unnest(sa.literal(ids, bulk.BIGINTS))))


async def of_blocks(
    db: Db, standing: Collection[int], falling: Collection[int], lost: Collection[bytes]
) -> dict[int, OwnTransaction]:
    """Lock those that are CONCERNED, with their families and payments.

    `lost` are transactions of others that the blocks may prove dead. The signer holds the chain's lock, so no
    transaction comes in between.
    """
    return await _lock(db, set(standing), set(falling), lost)


async def of_height(db: Db, height: int) -> dict[int, OwnTransaction]:
    """Lock our transactions that the block at `height` contains or conflicts, with families and payments."""
    concerned = sa.or_(transactions.c.height == height, transactions.c.conflict_height == height)
    ids = set(await db.scalars(sa.select(transactions.c.id).where(concerned)))
    return await _lock(db, set(), ids, ())


async def _lock(
    db: Db, standing: set[int], falling: set[int], lost: Collection[bytes]
) -> dict[int, OwnTransaction]:
    """Lock payments and transactions in that order, each by id; with the `falling`, what descends from them."""
    if falling or lost:
        falling |= await _with_descendants(db, falling, lost)
    if not standing and not falling:
        return {}
    ids = await _families(db, sorted(standing | falling))
    payments: dict[int | None, list[Payment]] = defaultdict(list)
    for payment in await load_payments(db, _in(payment_rows.c.transaction_id, ids), lock=True):
        payments[payment.transaction_id].append(payment)
    query = sa.select(transactions).where(_in(transactions.c.id, ids)).order_by(transactions.c.id)
    rows = await bulk.fetch_all(db, query.with_for_update(key_share=True))
    inputs: dict[int, list[Outpoint]] = defaultdict(list)
    spent = sa.select(transaction_inputs).where(_in(transaction_inputs.c.transaction_id, ids))
    for row in await bulk.fetch_all(db, spent):
        inputs[row["transaction_id"]].append(Outpoint(bytes(row["txid"]), row["vout"]))
    return {row["id"]: _of(row, payments[row["replaces"] or row["id"]], inputs[row["id"]]) for row in rows}


def _of(row: Row, payments: Sequence[Payment], inputs: Sequence[Outpoint]) -> OwnTransaction:
    columns = {name: row[name] for name in _READ}
    return OwnTransaction(**columns, inputs=frozenset(inputs), payments=tuple(payments))


_READ: Final = tuple(name for name in OwnTransaction._fields if name not in ("inputs", "payments"))


async def _families(db: Db, ids: Sequence[int]) -> list[int]:
    """Return these transactions, and all that carry or cancel the same payments; an index finds each."""
    families = sa.select(_FAMILY.label("id")).where(_in(transactions.c.id, ids)).cte()
    others = sa.select(transactions.c.id).join(families, transactions.c.replaces == families.c.id)
    return sorted(await db.scalars(sa.select(families.c.id).union(others)))


async def _with_descendants(db: Db, ids: set[int], lost: Collection[bytes]) -> set[int]:
    """Return these transactions, and all unmined ones of ours that descend from them or from the `lost`.

    They fall together. Transactions of others between them are known where they brought a deposit.
    """
    ours = sa.select(transactions.c.txid).where(_in(transactions.c.id, sorted(ids)))
    others = sa.select(sa.func.unnest(sa.literal(list(lost), bulk.BYTES)))
    fallen = sa.select(ours.union(others).subquery().c.txid).cte("fallen", recursive=True)
    inputs, watched = transaction_inputs.c, watched_inputs.c
    spending = sa.select(transactions.c.txid).join(
        transaction_inputs, inputs.transaction_id == transactions.c.id
    )
    children = sa.union_all(
        spending.where(inputs.txid == fallen.c.txid, transactions.c.height.is_(None)).correlate(fallen),
        sa.select(watched.spent_by)
        .where(watched.txid == fallen.c.txid, watched.height.is_(None))
        .correlate(fallen),
    ).lateral()
    fallen = fallen.union(sa.select(children.c.txid).select_from(fallen.join(children, sa.true())))
    return set(
        await db.scalars(sa.select(transactions.c.id).join(fallen, fallen.c.txid == transactions.c.txid))
    )


_OUTPOINT: Final = ("txid", "vout")
_SPENT: Final = bulk.unnested(transaction_inputs, _OUTPOINT)
_SPENDERS: Final = (
    sa.func.unnest(sa.bindparam("input_spender", type_=bulk.BYTES))
    .table_valued(sa.column("txid", sa.LargeBinary), name="spenders")
    .render_derived()
)
_STANDS: Final = sa.false().label("may_fall")
_MAY_FALL: Final = sa.true().label("may_fall")
CONCERNED: Final = sa.union_all(
    sa.select(transactions.c.id, _STANDS).where(
        versions.has_state(transactions, "mined"),
        transactions.c.confirm_height <= sa.bindparam("tip", type_=sa.Integer),
    ),
    sa.select(transactions.c.id, _MAY_FALL).where(
        transactions.c.conflict_height <= sa.bindparam("conflict_final", type_=sa.Integer),
        versions.has_state(transactions, "signed", "sent"),
    ),
    # Not the coins: several may spend a coin that was given back.
    sa.select(transaction_inputs.c.transaction_id, _MAY_FALL).join(
        _SPENT, sa.and_(*(transaction_inputs.c[name] == _SPENT.c[name] for name in _OUTPOINT))
    ),
    sa.select(transactions.c.id, _STANDS).join(_SPENDERS, _SPENDERS.c.txid == transactions.c.txid),
)
"""What is due, what has lost for good, what spends a coin that blocks spend, and what blocks contain.

What blocks contain stands, though blocks spend its coins. The others may fall, and with them what descends
from them. `conflict_final` is the height up to which a conflict is final.
"""


_TRANSACTION: Final = (
    "id",
    "broadcast_by_us",
    "state",
    "height",
    "confirm_height",
    "conflict_height",
    "mined_count",
)
_PAYMENT: Final = (
    "id",
    "state",
    "error",
    "clawback_debt",
    "paid",
    "fee",
    "reserved",
    "repriced",
    "version_id",
)
_WANTED: Final = sa.exists().where(
    transaction_inputs.c.txid == coins.c.txid,
    transaction_inputs.c.vout == coins.c.vout,
    transactions.c.id == transaction_inputs.c.transaction_id,
    transactions.c.state.in_(("signed", "sent", "mined")),
)
"""A transaction that may still be mined spends the coin: the family of a dead one may have others."""


async def write(db: Db, changed: Sequence[OwnTransaction]) -> None:
    """Write back transactions and payments; the dead give their coins back, the revived take them again."""
    if not changed:
        return
    rows = [{name: getattr(transaction, name) for name in _TRANSACTION} for transaction in changed]
    await bulk.update(db, transactions, ("id",), rows)
    await _write_payments(db, changed)
    fallen = [transaction for transaction in changed if transaction.state == "dead"]
    dead = [transaction.id for transaction in fallen] + [transaction.first for transaction in fallen]
    freed = sa.and_(_in(coins.c.transaction_id, dead), coins.c.spent_height.is_(None), ~_WANTED)
    await db.execute(sa.update(coins).where(freed).values(transaction_id=None))
    if any(transaction.replaces for transaction in changed):
        mined = [transaction.id for transaction in changed if transaction.state == "mined"]
        await versions.keep_change(db, mined)
    pending = [transaction.id for transaction in changed if transaction.is_pending and transaction.pays]
    inputs = transaction_inputs.c
    taken = sa.and_(
        _in(inputs.transaction_id, pending),
        transactions.c.id == inputs.transaction_id,
        coins.c.txid == inputs.txid,
        coins.c.vout == inputs.vout,
        coins.c.transaction_id.is_(None),
    )
    await db.execute(sa.update(coins).where(taken).values(transaction_id=_FAMILY))


async def _write_payments(db: Db, changed: Sequence[OwnTransaction]) -> None:
    rows = [
        {"account_id": payment.owner.id, **{name: getattr(payment, name) for name in _PAYMENT}}
        for transaction in changed
        for payment in transaction.payments
    ]
    if rows:
        await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    replaced = [transaction for transaction in changed if transaction.replaces is not None]
    payments = (payment for transaction in replaced for payment in transaction.payments)
    deducting = [payment for payment in payments if payment.deducts]
    if outputs := fee_bumps.paid_rows(deducting):
        await bulk.update(db, payment_outputs, ("account_id", "payment_id", "number"), outputs)
