"""Renewals: what was built on change that came under another txid can never be mined, and is signed again on what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import addresses, coins, transaction_inputs, transactions
from app.db.tables import payments as payment_rows
from app.domain import outbox
from app.domain.dogecoin import Outpoint
from app.domain.payments import fee_bumps, spendable_coins, versions
from app.domain.payments.coin_selection import Spendable, Tier
from app.domain.payments.payment import load as load_payments
from app.domain.payments.payment import payment_event
from app.domain.payments.spendable_coins import CoinTaken, Path
from app.domain.payments.versions import Twin
from app.money import DUST, Koinu


@dataclass(frozen=True, slots=True)
class Renewal:
    """A transaction of ours to be signed again: its number and bytes, its family's, and what it is to spend now, by what it did.

    Its change, the output `change_vout`, gets the `more` that it spends than before: another version of what it is built on has
    another fee.
    """

    id: int
    first: int
    raw: bytes
    change_vout: int | None
    more: Koinu
    spends: Mapping[Outpoint, Spendable]
    paths: Mapping[Outpoint, Path]


def _alive(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a block holds it or still may; said, not given as parameters."""
    return sa.and_(table.c.conflict_height.is_(None), table.c.state != sa.literal_column("'dead'", sa.Text))


def _first(table: sa.FromClause) -> sa.ColumnElement[int]:
    return sa.func.coalesce(table.c.replaces, table.c.id)


def _same(table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether two are versions of the same payments, or one and the same; in the words of both indexes."""
    return sa.and_(
        sa.or_(table.c.id == _first(other), table.c.replaces == _first(other)), table.c.pays == other.c.pays
    )


_parent, _twin, _living = (transactions.alias(name) for name in ("parent", "twin", "living"))
_BUILT: Final = sa.exists().where(
    transaction_inputs.c.transaction_id == transactions.c.id,
    _parent.c.txid == transaction_inputs.c.txid,
    _parent.c.conflict_height.is_not(None),
    _same(_twin, _parent),
    _alive(_twin),
)
_LIVES: Final = sa.exists().where(_same(_living, transactions), _alive(_living))
_GOES: Final = sa.exists().where(
    payment_rows.c.transaction_id == _first(transactions),
    transactions.c.id == versions.CURRENT,
    payment_rows.c.state.in_(
        [sa.literal_column(f"'{state}'", sa.Text) for state in ("PROCESSING", "BROADCAST")]
    ),
)
WANTED: Final = (
    sa.select(transactions.c.id)
    .where(
        transactions.c.conflict_height.is_not(None),
        transactions.c.state.in_([sa.literal_column(f"'{state}'", sa.Text) for state in ("signed", "sent")]),
        transactions.c.pays,
    )
    .where(_BUILT, ~_LIVES, _GOES)
)
"""What a block has overtaken because it holds a twin of what this is built on; no twin of this one can be mined instead.

Of several versions it is the one whose fee its payments bear. What is being voided needs none: without it nothing can be paid.
"""
AT_ONCE: Final = 50


async def wanted(db: Db) -> list[Renewal]:
    """Return what can be signed again, parents before children: all that it spends is there, and nobody else's."""
    numbers = list(await db.scalars(WANTED.order_by(transactions.c.id).limit(AT_ONCE)))
    made = [await _renewal(db, number) for number in numbers]
    return [renewal for renewal in made if renewal is not None]


async def _renewal(db: Db, number: int) -> Renewal | None:
    [row] = await bulk.fetch_all(db, _SPENT, {"number": number})
    rows = await bulk.fetch_all(db, _SPENDS, {"number": number, "first": row["first"]})
    spends = {Outpoint(bytes(spend["was_txid"]), spend["vout"]): _coin(spend) for spend in rows}
    more = Koinu(sum(coin.amount for coin in spends.values()) - row["spent"])
    if len(spends) != row["inputs"] or (more and (row["change"] or 0) + more < DUST):
        return None
    paths = {
        spends[Outpoint(bytes(spend["was_txid"]), spend["vout"])].outpoint: Path(
            spend["account_id"], spend["branch"], spend["index"], bytes(spend["script"])
        )
        for spend in rows
    }
    return Renewal(number, row["first"], bytes(row["raw"]), row["change_vout"], more, spends, paths)


def _coin(row: Row) -> Spendable:
    return Spendable(Outpoint(bytes(row["txid"]), row["vout"]), Koinu(row["amount"]), Tier.OWN)


_inputs: Final = transaction_inputs
_SPENT: Final = (
    sa.select(
        transactions.c.raw,
        _first(transactions).label("first"),
        coins.c.vout.label("change_vout"),
        coins.c.amount.label("change"),
        *(
            sa.select(figure)
            .where(_inputs.c.transaction_id == transactions.c.id)
            .scalar_subquery()
            .label(name)
            for name, figure in (
                ("inputs", sa.func.count()),
                ("spent", sa.cast(sa.func.sum(_inputs.c.amount), sa.BigInteger)),
            )
        ),
    )
    .select_from(transactions.outerjoin(coins, sa.and_(coins.c.txid == transactions.c.txid, coins.c.change)))
    .where(transactions.c.id == sa.bindparam("number"))
)
_made, _instead, _taker = (transactions.alias(name) for name in ("made", "instead", "taker"))
_PLACED: Final = addresses.join(
    coins, sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index")))
)
_NOW: Final = (
    sa.select(_instead.c.txid)
    .where(_made.c.txid == _inputs.c.txid, _same(_instead, _made), _alive(_instead))
    .order_by(_instead.c.height.is_(None), _instead.c.id.desc())
    .limit(1)
    .correlate(_inputs)
    .scalar_subquery()
)
"""The txid under which what is spent can be mined now; of what is not ours there is none but its own."""
_TAKEN: Final = sa.exists().where(
    _taker.c.id == coins.c.transaction_id, _first(_taker) != sa.bindparam("first")
)
_SPENDS: Final = (
    sa.select(_inputs.c.txid.label("was_txid"), coins, addresses.c.script)
    .select_from(_inputs.join(_PLACED, sa.true()))
    .where(
        _inputs.c.transaction_id == sa.bindparam("number"),
        coins.c.txid == sa.func.coalesce(_NOW, _inputs.c.txid),
        coins.c.vout == _inputs.c.vout,
        coins.c.spent_height.is_(None),
        ~_TAKEN,
    )
)


async def store(db: Db, renewal: Renewal, txid: bytes, raw: bytes) -> None:
    """Keep what was signed again as a twin of what it was, under which its payments go on; CoinTaken if somebody was first."""
    carried = await load_payments(db, payment_rows.c.transaction_id == renewal.first, lock=True)
    numbers = await versions.insert(db, [Twin(renewal.id, txid, raw, "signed")])
    await _take(db, renewal.first, numbers[txid], list(renewal.spends.values()))
    await versions.copy_change(db, renewal.id, txid, renewal.more)
    rows = [
        {"account_id": payment.owner.id, "id": payment.id, "version_id": numbers[txid], "error": ""}
        for payment in carried
    ]
    await bulk.update(db, payment_rows, ("account_id", "id"), rows)
    events = [payment_event(fee_bumps.renamed(payment, txid), outbox.TXID_CHANGED) for payment in carried]
    await outbox.emit(db, events)


async def _take(db: Db, first: int, number: int, spends: Sequence[Spendable]) -> None:
    """The coins are its family's; who was to spend them was of it, or nobody."""
    keys = [coin.outpoint._asdict() for coin in spends]
    taken = bulk.rows(coins, ["txid", "vout"], keys)
    same = sa.and_(coins.c.txid == taken.c.txid, coins.c.vout == taken.c.vout, coins.c.spent_height.is_(None))
    locked = sa.select(coins.c.vout).join(taken, same).order_by(coins.c.txid, coins.c.vout)
    if len((await db.execute(locked.with_for_update(key_share=True, of=coins))).all()) != len(spends):
        raise CoinTaken
    await bulk.update(db, coins, ("txid", "vout"), [{**key, "transaction_id": first} for key in keys])
    await spendable_coins.share(db, number, spends)
