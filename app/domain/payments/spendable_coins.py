"""Spendable coins: those that a payment may spend now, and taking the ones that were chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import addresses, coins, deposits, transaction_inputs, transactions
from app.domain.dogecoin import Outpoint
from app.domain.payments import coin_selection, versions
from app.domain.payments.coin_selection import Spendable, Tier
from app.money import MAX_MONEY, Koinu

UNCONFIRMED: Final = 100
"""Unconfirmed change that is looked at."""
ANCESTORS: Final = 24
"""Unmined transactions that one may stand on, itself counted; nodes take 25 (Core, -limitancestorcount).

Who spends change of ours is one of ours, and the only one: so none has more descendants of ours than that.
"""
CHAIN_BYTES: Final = 101_000
"""What these may weigh together (Core, -limitancestorsize)."""
LEAST_NEAREST: Final = 10
"""Candidates near each amount, however many payments share the `coin_choice.NEAREST`."""


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
class SpendableCoins:
    """Coins that may be spent, and the path to each one's key.

    `standing`: see `coin_pool.CoinPool`; it has the transactions of unconfirmed coins.
    """

    coins: tuple[Spendable, ...]
    paths: Mapping[Outpoint, Path]
    standing: Mapping[bytes, Mapping[bytes, int]] = field(default_factory=dict)


class PaymentNeed(NamedTuple):
    """What an account wants to pay: `near` is the amount of a coin that would pay it alone."""

    account: int
    near: int


async def own(db: Db, needs: Collection[PaymentNeed]) -> SpendableCoins:
    """Return the accounts' own coins that are deep enough, as far as they are worth looking at."""
    return _spendable(await bulk.fetch_all(db, _OWN, _parameters(needs))) if needs else _spendable(())


async def everybodys(db: Db, needs: Collection[PaymentNeed]) -> SpendableCoins:
    """Return coins of whatever account that are deep enough, as far as they are worth looking at, and fresh change."""
    settled = await bulk.fetch_all(db, _POOL, _parameters(needs)) if needs else ()
    fresh = await bulk.fetch_all(db, _FRESH)
    standing = await _standing(db, {bytes(row["txid"]) for row in fresh})
    return _spendable([*settled, *fresh], standing)


def _parameters(needs: Collection[PaymentNeed]) -> dict[str, object]:
    """Many payments at once look at fewer coins each: all of them see the same largest and smallest."""
    pairs = sorted(set(needs))
    arrays = bulk.arrays(
        [{"account_id": need.account, "amount": min(need.near, MAX_MONEY)} for need in pairs]
    )
    return {**arrays, "nearest": max(coin_selection.NEAREST // len(pairs), LEAST_NEAREST)}


async def _standing(db: Db, txids: Collection[bytes]) -> dict[bytes, dict[bytes, int]]:
    """Return what unmined transactions stand on: the unmined ones, themselves included, and their bytes."""
    ancestors: dict[bytes, dict[bytes, int]] = {txid: {} for txid in txids}
    if txids:
        for row in await bulk.fetch_all(db, _BELOW, {"txids": list(txids)}):
            ancestors[bytes(row["txid"])][bytes(row["below"])] = row["bytes"]
    return ancestors


async def smallest(db: Db, limit: int) -> SpendableCoins:
    """Return the smallest free coins that are deep enough, of whatever account: they are worth merging."""
    free = sa.select(*_COLUMNS, _tier(Tier.POOL)).select_from(_PLACED).where(_SETTLED)
    return _spendable(await bulk.fetch_all(db, free.order_by(coins.c.amount).limit(limit)))


async def largest(db: Db, limit: int) -> SpendableCoins:
    """Return the largest free coins that are deep enough, of whatever account."""
    free = sa.select(*_COLUMNS, _tier(Tier.POOL)).select_from(_PLACED).where(_SETTLED)
    return _spendable(await bulk.fetch_all(db, free.order_by(coins.c.amount.desc()).limit(limit)))


async def of_transaction(db: Db, number: int) -> SpendableCoins:
    """Return the coins that a transaction of ours spends; none where a block has spent one of them already."""
    same = sa.and_(coins.c.txid == transaction_inputs.c.txid, coins.c.vout == transaction_inputs.c.vout)
    spent = (
        sa.select(*_COLUMNS, _tier(Tier.OWN), coins.c.spent_height)
        .select_from(_PLACED.join(transaction_inputs, same))
        .where(transaction_inputs.c.transaction_id == number)
    )
    rows = await bulk.fetch_all(db, spent)
    return _spendable(rows if all(row["spent_height"] is None for row in rows) else ())


async def of_all_versions(db: Db, first: int) -> SpendableCoins:
    """Return the coins that each spends of those that may still pay or cancel what this transaction was the first to pay.

    Whatever spends one of these keeps all of them out of the chain. None where a block has spent one already.
    """
    inputs = transaction_inputs
    alive = sa.and_(
        sa.or_(transactions.c.id == first, transactions.c.replaces == first), transactions.c.state != "dead"
    )
    count = sa.select(sa.func.count()).select_from(transactions).where(alive).scalar_subquery()
    common = (
        sa.select(inputs.c.txid, inputs.c.vout)
        .join(transactions, transactions.c.id == inputs.c.transaction_id)
        .where(alive)
        .group_by(inputs.c.txid, inputs.c.vout)
        .having(sa.func.count() == count)
        .subquery()
    )
    same = sa.and_(coins.c.txid == common.c.txid, coins.c.vout == common.c.vout)
    spent = sa.select(*_COLUMNS, _tier(Tier.OWN), coins.c.spent_height).select_from(
        _PLACED.join(common, same)
    )
    rows = await bulk.fetch_all(db, spent)
    return _spendable(rows if all(row["spent_height"] is None for row in rows) else ())


def _spendable(
    rows: Sequence[Row], standing: Mapping[bytes, Mapping[bytes, int]] | None = None
) -> SpendableCoins:
    outpoints = [Outpoint(bytes(row["txid"]), row["vout"]) for row in rows]
    return SpendableCoins(
        tuple(
            Spendable(outpoint, Koinu(row["amount"]), Tier(row["tier"]))
            for outpoint, row in zip(outpoints, rows, strict=True)
        ),
        {
            outpoint: Path(row["account_id"], row["branch"], row["index"], bytes(row["script"]))
            for outpoint, row in zip(outpoints, rows, strict=True)
        },
        standing or {},
    )


def _tier(tier: Tier) -> sa.Label[int]:
    return sa.literal(int(tier)).label("tier")


async def take(
    db: Db, spent: Mapping[int, Sequence[Spendable]], first: Mapping[int, int] | None = None
) -> None:
    """Lock the coins of these transactions in order, then mark them: the count must match, or somebody else was first.

    `first` names the first transaction of the same payments, where one is not that itself: its number is the mark.
    """
    taken = [coin for spent_coins in spent.values() for coin in spent_coins]
    await _hold_parents(db, {coin.outpoint.txid for coin in taken if coin.tier is Tier.UNCONFIRMED})
    inputs = [row for number, spent_coins in spent.items() for row in _inputs(number, spent_coins)]
    locked = (
        await db.execute(
            _LOCK_FREE, bulk.arrays([{"txid": row["txid"], "vout": row["vout"]} for row in inputs])
        )
    ).all()
    if len(locked) != len(taken):
        raise CoinTaken
    marks = [
        {name: row[name] for name in ("txid", "vout")}
        | {"transaction_id": (first or {}).get(row["transaction_id"], row["transaction_id"])}
        for row in inputs
    ]
    await bulk.update(db, coins, ("txid", "vout"), marks)
    await bulk.insert(db, transaction_inputs, inputs)


async def share(db: Db, number: int, shared: Sequence[Spendable]) -> None:
    """Note the inputs of a transaction that replaces or cancels another; the coins stay with that one until a block decides."""
    if shared:
        await bulk.insert(db, transaction_inputs, _inputs(number, shared))


def _inputs(number: int, spent: Sequence[Spendable]) -> list[Row]:
    return [
        {
            "txid": coin.outpoint.txid,
            "vout": coin.outpoint.vout,
            "transaction_id": number,
            "amount": coin.amount,
        }
        for coin in spent
    ]


async def _hold_parents(db: Db, txids: Collection[bytes]) -> None:
    """Keep the transactions whose fresh change is spent from being voided meanwhile; that may have happened just before."""
    if not txids:
        return
    parents = sa.and_(
        transactions.c.txid == sa.any_(sa.literal(list(txids), bulk.BYTES)), transactions.c.sends
    )
    held = sa.select(transactions.c.id).where(parents).order_by(transactions.c.id).with_for_update(read=True)
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


_KEY: Final = bulk.unnested(coins, ("txid", "vout"))
_LOCK_FREE: Final = (
    sa.select(coins.c.txid, coins.c.vout)
    .join(_KEY, sa.and_(coins.c.txid == _KEY.c.txid, coins.c.vout == _KEY.c.vout))
    .where(_FREE)
    .order_by(coins.c.txid, coins.c.vout)
    .with_for_update(key_share=True, of=coins)
)


def _confirmed_deposit() -> sa.ColumnElement[bool]:
    """Look each coin's deposit up by its key: as an EXISTS beside an OR all deposits were read, 275 ms for 100,000."""
    same = (deposits.c[name] == coins.c[name] for name in ("account_id", "txid", "vout"))
    return sa.select(deposits.c.state).where(*same).scalar_subquery() == "confirmed"


_SETTLED: Final = sa.and_(
    _FREE, sa.or_(sa.and_(coins.c.change, coins.c.height.is_not(None)), _confirmed_deposit())
)
_NEEDS: Final = bulk.unnested(coins, ("account_id", "amount"))
_ACCOUNTS: Final = sa.select(_NEEDS.c.account_id).distinct().subquery("paying")
_AMOUNTS: Final = sa.select(_NEEDS.c.amount).distinct().subquery("amounts_paid")
_LARGEST_FIRST: Final = coins.c.amount.desc()


def _candidates(tier: Tier, accounts: sa.FromClause | None, near: sa.FromClause) -> sa.CompoundSelect[Any]:
    """The largest, the smallest and the nearest to each amount on either side: enough for a good choice.

    `accounts` has those whose own coins these are (None: anybody's). `near` has the amounts, and the account of each where `accounts` is given.
    """
    every = sa.select(*_COLUMNS, _tier(tier)).select_from(_PLACED).where(_SETTLED)
    of_one = every if accounts is None else every.where(coins.c.account_id == accounts.c.account_id)
    about = every if accounts is None else every.where(coins.c.account_id == near.c.account_id)
    nearest = sa.bindparam("nearest", type_=sa.BigInteger)
    return sa.union(
        _of_each(accounts, of_one.order_by(_LARGEST_FIRST).limit(coin_selection.LARGEST)),
        _of_each(accounts, of_one.order_by(coins.c.amount).limit(coin_selection.SMALLEST)),
        _of_each(near, about.where(coins.c.amount >= near.c.amount).order_by(coins.c.amount).limit(nearest)),
        _of_each(near, about.where(coins.c.amount < near.c.amount).order_by(_LARGEST_FIRST).limit(nearest)),
    )


def _of_each(rows: sa.FromClause | None, candidates: sa.Select[Any]) -> sa.Select[Any]:
    """What a select finds for each of the rows."""
    if rows is None:
        return candidates
    each = candidates.lateral()
    return sa.select(*each.c).select_from(rows.join(each, sa.true()))


_OWN: Final = _candidates(Tier.OWN, _ACCOUNTS, _NEEDS)
_POOL: Final = _candidates(Tier.POOL, None, _AMOUNTS)
_WAITS: Final = transactions.c.state.in_(("signed", "sent"))
_FRESH: Final = (
    sa.select(*_COLUMNS, _tier(Tier.UNCONFIRMED))
    .select_from(_PLACED.join(transactions, transactions.c.txid == coins.c.txid))
    .where(_FREE, coins.c.change, coins.c.height.is_(None))
    .where(
        _WAITS, transactions.c.sends, transactions.c.replaces.is_(None), transactions.c.ancestors < ANCESTORS
    )
    .where(transactions.c.conflict_height.is_(None), ~transactions.c.outbid, ~versions.SIGNED_AGAIN)
    .order_by(_LARGEST_FIRST)
    .limit(UNCONFIRMED)
)
"""Change of our own that waits for a block, that none has overtaken, and that is of the only version of its transaction.

`ancestors` is what it was when it was signed: at least what it is, but after a reorg.
"""


def _below() -> sa.Select[Any]:
    """Of each of some transactions, the unmined ones that it stands on, and itself."""
    root = sa.select(transactions.c.txid.label("txid"), transactions.c.id, transactions.c.txid.label("below"))
    roots = transactions.c.txid == sa.any_(sa.bindparam("txids", type_=bulk.BYTES))
    chain = root.where(roots, _WAITS).cte("chain", recursive=True)
    parents = (
        sa.select(chain.c.txid, transactions.c.id, transactions.c.txid)
        .join(transaction_inputs, transaction_inputs.c.transaction_id == chain.c.id)
        .join(transactions, sa.and_(transactions.c.txid == transaction_inputs.c.txid, _WAITS))
    )
    whole = chain.union(parents)
    size = sa.func.octet_length(transactions.c.raw).label("bytes")
    return sa.select(whole.c.txid, whole.c.below, size).join(transactions, transactions.c.id == whole.c.id)


_BELOW: Final = _below()
