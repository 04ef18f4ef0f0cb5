"""Funds: the coins that a payment may spend now, and taking the ones that were chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import coin_choice
from app.domain.coin_choice import Spendable, Tier
from app.domain.deposits import Outpoint
from app.money import Koinu
from app.tables import addresses, coins, deposits, transaction_inputs, transactions

UNCONFIRMED: Final = 100
"""Unconfirmed change that is looked at."""
ANCESTORS: Final = 24
"""Unmined transactions that one may stand on, itself counted; nodes take 25 (Core, -limitancestorcount)."""


@dataclass(frozen=True, slots=True)
class Path:
    """Whose key a coin takes: branch 0 received it, 1 is change, 2 is the account key itself."""

    account: int
    branch: int
    index: int
    script: bytes


class CoinTaken(Exception):
    """A coin was spent or taken between two statements; nothing was done."""


@dataclass(frozen=True, slots=True)
class Funds:
    """The coins that may be spent, and the path to each one's key."""

    coins: tuple[Spendable, ...]
    paths: Mapping[Outpoint, Path]


async def find(db: Db, account: int, wanted: coin_choice.Order) -> Funds:
    """Return the free coins worth looking at for an order: the account's own, then everybody's, then fresh change."""
    near = coin_choice.alone(wanted)
    settled = sa.or_(sa.and_(coins.c.change, coins.c.height.is_not(None)), _confirmed_deposit())
    own, others = coins.c.account_id == account, coins.c.account_id != account
    found = [
        *_some(sa.and_(own, settled), near, Tier.OWN),
        *_some(sa.and_(others, settled), near, Tier.POOL),
        _fresh_change().with_only_columns(*_COLUMNS, _tier(Tier.UNCONFIRMED)),
    ]
    return _funds(await bulk.fetch_all(db, sa.union(*found)))


async def smallest(db: Db, limit: int) -> Funds:
    """Return the smallest free coins that are deep enough, of whatever account: they are worth merging."""
    settled = sa.or_(sa.and_(coins.c.change, coins.c.height.is_not(None)), _confirmed_deposit())
    found = sa.select(*_COLUMNS, _tier(Tier.POOL)).select_from(_PLACED).where(_FREE, settled)
    return _funds(await bulk.fetch_all(db, found.order_by(coins.c.amount).limit(limit)))


async def of_transaction(db: Db, number: int) -> Funds:
    """Return the coins that a transaction of ours spends; none where a block has spent one of them already."""
    same = sa.and_(coins.c.txid == transaction_inputs.c.txid, coins.c.vout == transaction_inputs.c.vout)
    found = (
        sa.select(*_COLUMNS, _tier(Tier.OWN), coins.c.spent_height)
        .select_from(_PLACED.join(transaction_inputs, same))
        .where(transaction_inputs.c.transaction_id == number)
    )
    rows = await bulk.fetch_all(db, found)
    return _funds(rows if all(row["spent_height"] is None for row in rows) else ())


def _funds(rows: Sequence[Row]) -> Funds:
    outpoints = [Outpoint(bytes(row["txid"]), row["vout"]) for row in rows]
    return Funds(
        tuple(
            Spendable(outpoint, Koinu(row["amount"]), Tier(row["tier"]))
            for outpoint, row in zip(outpoints, rows, strict=True)
        ),
        {
            outpoint: Path(row["account_id"], row["branch"], row["index"], bytes(row["script"]))
            for outpoint, row in zip(outpoints, rows, strict=True)
        },
    )


def _tier(tier: Tier) -> sa.Label[int]:
    return sa.literal(int(tier)).label("tier")


async def take(db: Db, number: int, taken: Sequence[Spendable]) -> None:
    """Lock the coins in order, then mark them: the count must match, or somebody else was first."""
    await _hold_parents(db, {c.outpoint.txid for c in taken if c.tier is Tier.UNCONFIRMED})
    given = _inputs(number, taken)
    wanted = bulk.rows(coins, ["txid", "vout"], given)
    same = sa.and_(coins.c.txid == wanted.c.txid, coins.c.vout == wanted.c.vout)
    free = sa.select(coins.c.txid, coins.c.vout).join(wanted, same).where(_FREE).order_by(coins.c.txid, coins.c.vout)
    locked = (await db.execute(free.with_for_update(key_share=True, of=coins))).all()
    if len(locked) != len(taken):
        raise CoinTaken
    marks = [{name: row[name] for name in ("txid", "vout", "transaction_id")} for row in given]
    await bulk.update(db, coins, ("txid", "vout"), marks)
    await _keep_inputs(db, number, given)


async def share(db: Db, number: int, shared: Sequence[Spendable]) -> None:
    """Note the inputs of a transaction that cancels another; the coins stay with that one until a block decides."""
    await _keep_inputs(db, number, _inputs(number, shared))


async def _keep_inputs(db: Db, number: int, given: Sequence[Row]) -> None:
    await bulk.insert(db, transaction_inputs, given)
    await db.execute(sa.update(transactions).where(transactions.c.id == number).values(ancestors=_ancestors(number)))


def _inputs(number: int, spent: Sequence[Spendable]) -> list[Row]:
    return [
        {"txid": c.outpoint.txid, "vout": c.outpoint.vout, "transaction_id": number, "amount": c.amount} for c in spent
    ]


async def _hold_parents(db: Db, txids: Collection[bytes]) -> None:
    """Keep the transactions whose fresh change is spent from being voided meanwhile; that may have happened just before."""
    if not txids:
        return
    wanted = sa.and_(transactions.c.txid == sa.any_(sa.literal(list(txids), bulk.BYTES)), transactions.c.sends)
    held = sa.select(transactions.c.id).where(wanted).order_by(transactions.c.id).with_for_update(read=True)
    if len((await db.execute(held)).all()) != len(txids):
        raise CoinTaken


_COLUMNS: Final = (
    *(coins.c[name] for name in ("txid", "vout", "account_id", "branch", "index", "amount")),
    addresses.c.script,
)
_PLACED: Final = coins.join(
    addresses, sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index")))
)
_FREE: Final = sa.and_(coins.c.transaction_id.is_(None), coins.c.spent_height.is_(None))


def _some(where: sa.ColumnElement[bool], near: int, tier: Tier) -> list[sa.Select[Any]]:
    """The largest, the smallest and the nearest to an amount on either side: enough for a good choice."""
    every = sa.select(*_COLUMNS, _tier(tier)).select_from(_PLACED).where(_FREE, where)
    above, below = every.where(coins.c.amount >= near), every.where(coins.c.amount < near)
    return [
        every.order_by(coins.c.amount.desc()).limit(coin_choice.LARGEST),
        every.order_by(coins.c.amount).limit(coin_choice.SMALLEST),
        above.order_by(coins.c.amount).limit(coin_choice.NEAREST),
        below.order_by(coins.c.amount.desc()).limit(coin_choice.NEAREST),
    ]


def _confirmed_deposit() -> sa.ColumnElement[bool]:
    """Look each coin's deposit up by its key: as an EXISTS beside an OR all deposits were read, 275 ms for 100,000."""
    same = (deposits.c[name] == coins.c[name] for name in ("account_id", "txid", "vout"))
    return sa.select(deposits.c.state).where(*same).scalar_subquery() == "confirmed"


def _fresh_change() -> sa.Select[Any]:
    """Change of our own that waits for a block, in chains that nodes still take."""
    waits = transactions.c.state.in_(("signed", "sent"))
    parent = sa.and_(transactions.c.txid == coins.c.txid, waits, transactions.c.ancestors < ANCESTORS)
    return (
        sa.select(*_COLUMNS)
        .select_from(_PLACED.join(transactions, parent))
        .where(_FREE, coins.c.change, coins.c.height.is_(None), transactions.c.sends, transactions.c.replaces.is_(None))
        .order_by(coins.c.amount.desc())
        .limit(UNCONFIRMED)
    )


def _ancestors(number: int) -> sa.ColumnElement[int]:
    """Count at most the unmined transactions that this one stands on, and itself."""
    parents = transactions.alias()
    stands_on = (
        sa.select(sa.func.coalesce(sa.func.sum(parents.c.ancestors), 0))
        .join(transaction_inputs, transaction_inputs.c.txid == parents.c.txid)
        .where(transaction_inputs.c.transaction_id == number, parents.c.state.in_(("signed", "sent")))
    )
    return 1 + stands_on.scalar_subquery()
