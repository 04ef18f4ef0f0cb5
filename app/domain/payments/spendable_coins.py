"""Spendable coins: which coins a payment may spend now, and taking those that were chosen."""

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
"""How much unconfirmed change is looked at."""
ANCESTORS: Final = 24
"""The longest chain of unmined transactions, with the last one; nodes take 25 (Core, -limitancestorcount).

Only we spend our change, and each change only once. So no transaction has more descendants of ours than that.
"""
CHAIN_BYTES: Final = 101_000
"""The largest size of such a chain (Core, -limitancestorsize)."""
LEAST_NEAREST: Final = 10
"""The fewest candidates near each amount, however many payments share `coin_selection.NEAREST`."""


@dataclass(frozen=True, slots=True)
class Path:
    """The key of a coin: branch 0 received it, 1 is change, 2 is the account key itself."""

    account: int
    branch: int
    index: int
    script: bytes


class CoinTaken(Exception):
    """A coin was spent or taken between two statements; nothing was done."""


@dataclass(frozen=True, slots=True)
class SpendableCoins:
    """Coins that may be spent, and the path to each one's key.

    `ancestors`, of the transactions of unconfirmed coins, is as in `CoinPool`.
    """

    coins: tuple[Spendable, ...]
    paths: Mapping[Outpoint, Path]
    ancestors: Mapping[bytes, Mapping[bytes, int]] = field(default_factory=dict)


class PaymentNeed(NamedTuple):
    """What an account needs for a payment: `near` is the amount of a coin that pays it alone."""

    account: int
    near: int


async def of_accounts(db: Db, needs: Collection[PaymentNeed]) -> SpendableCoins:
    """Return the accounts' own candidates: free coins that are confirmed."""
    return _spendable(await bulk.fetch_all(db, _OWN, _parameters(needs))) if needs else _spendable(())


async def of_all_accounts(db: Db, needs: Collection[PaymentNeed]) -> SpendableCoins:
    """Return the candidates of all accounts: free coins that are confirmed, and unconfirmed change."""
    confirmed = await bulk.fetch_all(db, _POOL, _parameters(needs)) if needs else ()
    unconfirmed = await bulk.fetch_all(db, _UNCONFIRMED)
    ancestors = await _ancestors(db, {bytes(row["txid"]) for row in unconfirmed})
    return _spendable([*confirmed, *unconfirmed], ancestors)


def _parameters(needs: Collection[PaymentNeed]) -> dict[str, object]:
    """Give many payments fewer candidates each: all of them see the same largest and smallest coins."""
    pairs = sorted((need.account, min(need.near, MAX_MONEY)) for need in set(needs))
    arrays = bulk.columns(("account_id", "amount"), pairs)
    return {**arrays, "nearest": max(coin_selection.NEAREST // len(pairs), LEAST_NEAREST)}


async def _ancestors(db: Db, txids: Collection[bytes]) -> dict[bytes, dict[bytes, int]]:
    """Return the unmined ancestors of unmined transactions, themselves included, with their sizes."""
    ancestors: dict[bytes, dict[bytes, int]] = {txid: {} for txid in txids}
    if txids:
        for row in await bulk.fetch_all(db, _ANCESTORS, {"txids": list(txids)}):
            ancestors[bytes(row["txid"])][bytes(row["ancestor"])] = row["bytes"]
    return ancestors


async def smallest(db: Db, limit: int) -> SpendableCoins:
    """Return the smallest free confirmed coins of all accounts, which are worth merging."""
    return _spendable(await bulk.fetch_all(db, _FREE_COINS.order_by(coins.c.amount).limit(limit)))


async def largest(db: Db, limit: int) -> SpendableCoins:
    """Return the largest free confirmed coins of all accounts."""
    return _spendable(await bulk.fetch_all(db, _FREE_COINS.order_by(_LARGEST_FIRST).limit(limit)))


async def of_transaction(db: Db, number: int) -> SpendableCoins:
    """Return the coins that a transaction of ours spends; none where a block has spent one of them."""
    inputs = sa.select(transaction_inputs.c.txid, transaction_inputs.c.vout)
    return await _unless_spent(db, inputs.where(transaction_inputs.c.transaction_id == number))


async def of_all_versions(db: Db, first: int) -> SpendableCoins:
    """Return the coins that all living versions and cancellations of a first transaction spend.

    What spends one of these coins keeps all those transactions out of the chain. Returns none where a block
    has spent one of them.
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
    )
    return await _unless_spent(db, common)


async def _unless_spent(db: Db, outpoints: sa.Select[tuple[bytes, int]]) -> SpendableCoins:
    outpoint = outpoints.subquery()
    same = sa.and_(coins.c.txid == outpoint.c.txid, coins.c.vout == outpoint.c.vout)
    selected = sa.select(*_COLUMNS, _tier(Tier.OWN), coins.c.spent_height)
    rows = await bulk.fetch_all(db, selected.select_from(WITH_ADDRESS.join(outpoint, same)))
    return _spendable(rows if all(row["spent_height"] is None for row in rows) else ())


def _spendable(
    rows: Sequence[Row], ancestors: Mapping[bytes, Mapping[bytes, int]] | None = None
) -> SpendableCoins:
    keyed = [(Outpoint(bytes(row["txid"]), row["vout"]), row) for row in rows]
    coins_by_outpoint = sorted(
        Spendable(outpoint, Koinu(row["amount"]), _TIERS[row["tier"]]) for outpoint, row in keyed
    )
    return SpendableCoins(
        tuple(coins_by_outpoint),  # in one order, whatever the plan of the statement was
        {
            outpoint: Path(row["account_id"], row["branch"], row["index"], bytes(row["script"]))
            for outpoint, row in keyed
        },
        ancestors or {},
    )


_TIERS: Final = tuple(Tier)


def _tier(tier: Tier) -> sa.Label[int]:
    return sa.literal(int(tier)).label("tier")


async def take(
    db: Db, spent: Mapping[int, Sequence[Spendable]], first: Mapping[int, int] | None = None
) -> None:
    """Lock the coins of these transactions in order, then mark them. Raises CoinTaken where one is not free.

    `first` maps the number of another version to the first transaction of its payments: that one's number is
    the mark.
    """
    inputs = [row for number, spent_coins in spent.items() for row in _inputs(number, spent_coins)]
    unconfirmed = [
        coin.outpoint.txid for taken in spent.values() for coin in taken if coin.tier is Tier.UNCONFIRMED
    ]
    await _lock_parents(db, set(unconfirmed))
    keys = [{"txid": row["txid"], "vout": row["vout"]} for row in inputs]
    locked = (await db.execute(LOCK_FREE, bulk.arrays(keys))).all()
    if len(locked) != len(inputs):
        raise CoinTaken
    firsts = first or {}
    numbers = [firsts.get(row["transaction_id"], row["transaction_id"]) for row in inputs]
    marks = [{**key, "transaction_id": number} for key, number in zip(keys, numbers, strict=True)]
    await bulk.update(db, coins, ("txid", "vout"), marks)
    await bulk.insert(db, transaction_inputs, inputs)


async def share(db: Db, number: int, shared: Sequence[Spendable]) -> None:
    """Note the inputs of another version or a cancellation. The coins stay marked for the first one."""
    if shared:
        await bulk.insert(db, transaction_inputs, _inputs(number, shared))


def _inputs(number: int, spent: Sequence[Spendable]) -> list[Row]:
    return [{**coin.outpoint._asdict(), "transaction_id": number, "amount": coin.amount} for coin in spent]


async def _lock_parents(db: Db, txids: Collection[bytes]) -> None:
    """Keep these transactions, whose change is spent, from being voided. Raises CoinTaken where one was."""
    if not txids:
        return
    txid = transactions.c.txid == sa.any_(sa.literal(list(txids), bulk.BYTES))
    parents = (
        sa.select(transactions.c.id).where(txid, transactions.c.broadcast_by_us).order_by(transactions.c.id)
    )
    if len((await db.execute(parents.with_for_update(read=True))).all()) != len(txids):
        raise CoinTaken


_COINS: Final = [coins.c[name] for name in ("txid", "vout", "account_id", "branch", "index", "amount")]
_COLUMNS: Final = (*_COINS, addresses.c.script)
WITH_ADDRESS: Final = coins.join(
    addresses, sa.and_(*(addresses.c[name] == coins.c[name] for name in ("account_id", "branch", "index")))
)
_FREE: Final = sa.and_(coins.c.transaction_id.is_(None), coins.c.spent_height.is_(None))
_KEY: Final = bulk.unnested(coins, ("txid", "vout"))
LOCK_FREE: Final = (
    sa.select(coins.c.txid, coins.c.vout)
    .join(_KEY, sa.and_(coins.c.txid == _KEY.c.txid, coins.c.vout == _KEY.c.vout))
    .where(_FREE)
    .order_by(coins.c.txid, coins.c.vout)
    .with_for_update(key_share=True, of=coins)
)


def _is_confirmed_deposit() -> sa.ColumnElement[bool]:
    """Find each coin's deposit by its key: an EXISTS beside an OR reads all deposits, 275 ms for 100,000."""
    same = (deposits.c[name] == coins.c[name] for name in ("account_id", "txid", "vout"))
    return sa.select(deposits.c.state).where(*same).scalar_subquery() == "confirmed"


CONFIRMED: Final = sa.and_(
    _FREE, sa.or_(sa.and_(coins.c.change, coins.c.height.is_not(None)), _is_confirmed_deposit())
)
_FREE_COINS: Final = sa.select(*_COLUMNS, _tier(Tier.POOL)).select_from(WITH_ADDRESS).where(CONFIRMED)
_NEEDS: Final = bulk.unnested(coins, ("account_id", "amount"))
_ACCOUNTS: Final = sa.select(_NEEDS.c.account_id).distinct().subquery("paying")
_AMOUNTS: Final = sa.select(_NEEDS.c.amount).distinct().subquery("amounts_paid")
_LARGEST_FIRST: Final = coins.c.amount.desc()


def _candidates(tier: Tier, accounts: sa.FromClause | None, near: sa.FromClause) -> sa.Select[Any]:
    """Select the largest coins, the smallest, and the nearest to each amount on either side.

    `near` has the amounts. Where `accounts` has account ids, only their coins count, and `near` names the
    account of each amount.
    """
    every = sa.select(*_COINS).where(CONFIRMED)
    own = every if accounts is None else every.where(coins.c.account_id == accounts.c.account_id)
    about = every if accounts is None else every.where(coins.c.account_id == near.c.account_id)
    nearest = sa.bindparam("nearest", type_=sa.BigInteger)
    chosen = sa.union(
        _for_each(accounts, own.order_by(_LARGEST_FIRST).limit(coin_selection.LARGEST)),
        _for_each(accounts, own.order_by(coins.c.amount).limit(coin_selection.SMALLEST)),
        _for_each(near, about.where(coins.c.amount >= near.c.amount).order_by(coins.c.amount).limit(nearest)),
        _for_each(near, about.where(coins.c.amount < near.c.amount).order_by(_LARGEST_FIRST).limit(nearest)),
    ).subquery("chosen")
    return _with_script(chosen, tier)


def _with_script(chosen: sa.FromClause, tier: Tier) -> sa.Select[Any]:
    """Read each coin's script by its key: a plain join looks for few coins in all addresses of their account."""
    same = (addresses.c[name] == chosen.c[name] for name in ("account_id", "branch", "index"))
    script = sa.select(addresses.c.script).where(*same).limit(1).lateral()
    return sa.select(*chosen.c, script.c.script, _tier(tier)).select_from(chosen.join(script, sa.true()))


def _for_each(rows: sa.FromClause | None, candidates: sa.Select[Any]) -> sa.Select[Any]:
    """Select the candidates of each of the rows."""
    if rows is None:
        return candidates
    each = candidates.lateral()
    return sa.select(*each.c).select_from(rows.join(each, sa.true()))


_OWN: Final = _candidates(Tier.OWN, _ACCOUNTS, _NEEDS)
_POOL: Final = _candidates(Tier.POOL, None, _AMOUNTS)
_UNCONFIRMED: Final = (
    sa.select(*_COLUMNS, _tier(Tier.UNCONFIRMED))
    .select_from(WITH_ADDRESS.join(transactions, transactions.c.txid == coins.c.txid))
    .where(_FREE, coins.c.change, coins.c.height.is_(None))
    .where(transactions.c.state.in_(versions.UNMINED), transactions.c.broadcast_by_us)
    .where(transactions.c.replaces.is_(None), ~transactions.c.underpriced, ~versions.SIGNED_AGAIN)
    .where(transactions.c.conflict_height.is_(None), transactions.c.ancestors < ANCESTORS)
    .order_by(_LARGEST_FIRST)
    .limit(UNCONFIRMED)
)
"""Change of ours that waits for a block: no block excludes its transaction, and that has no other version.

`ancestors` is their number at the time of signing. Now there are no more, except after a reorg.
"""
_ANCESTORS: Final = sa.text("""
    WITH RECURSIVE chain AS (
        SELECT txid, id, txid AS ancestor FROM transactions
        WHERE txid = ANY (:txids) AND state IN ('signed', 'sent')
      UNION
        SELECT chain.txid, parent.id, parent.txid FROM chain
        JOIN transaction_inputs AS input ON input.transaction_id = chain.id
        JOIN transactions AS parent ON parent.txid = input.txid AND parent.state IN ('signed', 'sent')
    )
    SELECT chain.txid, ancestor, octet_length(raw) AS bytes FROM chain JOIN transactions USING (id)
""").bindparams(sa.bindparam("txids", type_=bulk.BYTES))
