"""Coins that one cell hands over to another, whose accounts have more than its coins: what crossed has to be paid out.

Only coins are handed over that no reorg can undo: each cell follows the chain for itself. The giver keeps the row, as
spent, so that a block that is read again brings the coin to no cell but the taker. The key stays that of its account.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import CLEARING, ELSEWHERE, WORLD, addresses, chain_state, coins, payments
from app.domain import ledger
from app.domain.crossings.crossing import Crossing, enter
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Bucket, Entry, Posted, Posting
from app.domain.payments.spendable_coins import CONFIRMED, LOCK_FREE, WITH_ADDRESS
from app.money import DOGE, NOTHING, Koinu

KIND: Final = "HAND_OVER"
HANDED_OVER: Final = bytes(31) + b"\1"
"""In `spent_by` of a coin that another cell has: no transaction has this id."""
LOOKED_AT: Final = 1_000
"""The most coins of a cell that are looked at in one step."""


class HandOver(NamedTuple):
    """Coins of about this amount are to go from one cell to another, each in a block up to the height `final`."""

    giver: int
    taker: int
    amount: Koinu
    final: int


class Means(NamedTuple):
    """What a cell needs for payments beyond its free coins, what the others owe it, or it owes them (-), and its tip."""

    short: int
    owed: int
    height: int


_TIP: Final = sa.select(chain_state.c.height, chain_state.c.payments_paused).with_for_update(read=True)
_FREE_SUM: Final = (
    sa.select(coins.c.amount)
    .where(coins.c.spent_height.is_(None), coins.c.transaction_id.is_(None), coins.c.height.is_not(None))
    .order_by(coins.c.amount.desc())
    .limit(LOOKED_AT)
    .subquery()
)
_SHORT: Final = sa.select(
    sa.select(sa.func.coalesce(sa.func.sum(payments.c.reserved), 0))
    .where(payments.c.state == "PENDING")
    .scalar_subquery()
    - sa.select(sa.func.coalesce(sa.func.sum(_FREE_SUM.c.amount), 0)).scalar_subquery()
)
_COIN: Final = ("txid", "vout", "account_id", "branch", "index", "amount", "coinbase", "height")
_DEEP: Final = (
    sa.select(*(coins.c[name] for name in (*_COIN, "spend_count")), addresses.c.script)
    .select_from(WITH_ADDRESS)
    .where(CONFIRMED, coins.c.height <= sa.bindparam("final", type_=sa.Integer))
    .order_by(coins.c.amount.desc())
    .limit(LOOKED_AT)
)
_KEY: Final = ("txid", "vout")
_KEYS: Final = bulk.unnested(coins, _KEY)
_GIVE: Final = (
    sa.update(coins)
    .where(*(coins.c[name] == _KEYS.c[name] for name in _KEY))
    .values(spent_height=coins.c.height, spent_by=HANDED_OVER, spend_count=coins.c.spend_count + 1)
)
_TAKEN: Final = (*_COIN, "change")
_TAKE: Final = insert(coins).from_select(_TAKEN, sa.select(*bulk.unnested(coins, _TAKEN).c))
_TAKE_BACK: Final = _TAKE.on_conflict_do_update(
    index_elements=_KEY,
    set_={"spent_height": sa.null(), "spent_by": sa.null()},
    where=coins.c.spent_by == bulk.constant(HANDED_OVER),
)
_ADDRESS: Final = ("script", "account_id", "branch", "index", "purpose")
_KNOW: Final = (
    insert(addresses)
    .from_select(_ADDRESS, sa.select(*bulk.unnested(addresses, _ADDRESS).c))
    .on_conflict_do_nothing(index_elements=["script"])
)


async def even_out(crossing: Crossing, depth: int) -> list[tuple[HandOver, Koinu]]:
    """Hand over what cells are short of, from those that owe it; return what was handed over.

    A transaction of its own. Coins are as deep as `depth`, the deepest reorg that a cell follows.
    """
    means = [await _means(crossing, cell) for cell in range(crossing.map.cells)]
    final = min(each.height for each in means) - depth
    done: list[tuple[HandOver, Koinu]] = []
    for order in _orders(means, final):
        handed = await hand_over(crossing, order)
        done += [(order, handed)] if handed else []
    return done


def _orders(means: Sequence[Means], final: int) -> list[HandOver]:
    """Let the cell that owes most give to the one that lacks most: one pair at a time, the rest comes next time."""
    takers = [
        (min(each.short, each.owed), cell)
        for cell, each in enumerate(means)
        if min(each.short, each.owed) > 0
    ]
    givers = [(-each.owed, cell) for cell, each in enumerate(means) if each.owed < 0]
    if not takers or not givers:
        return []
    (needed, taker), (surplus, giver) = max(takers), max(givers)
    return [HandOver(giver, taker, Koinu(min(needed, surplus)), final)]


async def _means(crossing: Crossing, cell: int) -> Means:
    """Share the chain's lock, so that no block comes meanwhile, and read what the cell has.

    A cell that has no chain yet, or whose payments are paused, neither gives nor takes.
    """
    db = await enter(crossing, cell)
    tip = (await db.execute(_TIP)).first()
    if tip is None or tip.payments_paused is not None:
        return Means(0, 0, 0 if tip is None else tip.height)
    clearing = (await ledger.clearing_balances(db)).get(DOGE, 0)
    return Means(int(await db.scalar(_SHORT) or 0), -clearing, tip.height)


async def hand_over(crossing: Crossing, order: HandOver) -> Koinu:
    """Hand over coins of the amount at least, as far as the giver has some that are deep enough; return their sum.

    Both cells share the lock of the chain already. A coin that another transaction takes at the same time stays.
    """
    db = await enter(crossing, order.giver)
    deep = await bulk.fetch_all(db, _DEEP, {"final": order.final})
    chosen = await _lock(db, choose(deep, order.amount))
    if not chosen:
        return NOTHING
    entries = {cell: [_entry(order, row, cell) for row in chosen] for cell in (order.giver, order.taker)}
    for cell in sorted(entries):
        for outcome in await ledger.post(await enter(crossing, cell), entries[cell]):
            if not isinstance(outcome, Posted):
                raise AssertionError(outcome)  # noqa: TRY004  the coins are locked: the ledger is wrong
    await _take(await enter(crossing, order.taker), chosen)
    await (await enter(crossing, order.giver)).execute(_GIVE, bulk.arrays([_key(row) for row in chosen]))
    return Koinu(sum(row["amount"] for row in chosen))


def choose(deep: Sequence[Row], amount: int) -> list[Row]:
    """Choose the largest coins that do not exceed the amount, and for the rest the smallest that covers it.

    So a cell gives away as little as it can of what its own accounts need; `deep` are the largest first.
    """
    chosen: list[Row] = []
    rest = amount
    for row in deep:
        if row["amount"] <= rest:
            chosen.append(row)
            rest -= row["amount"]
    larger = [row for row in deep if row["amount"] > rest and row not in chosen]
    return [*chosen, larger[-1]] if rest and larger else chosen


async def _lock(db: Db, chosen: Sequence[Row]) -> list[Row]:
    """Lock those of the coins that are free still, in order."""
    if not chosen:
        return []
    rows = await db.execute(LOCK_FREE, bulk.arrays([_key(row) for row in chosen]))
    free = {Outpoint(bytes(row.txid), row.vout) for row in rows}
    return [row for row in chosen if Outpoint(bytes(row["txid"]), row["vout"]) in free]


async def _take(db: Db, taken: Sequence[Row]) -> None:
    """Write the coins and their addresses where they are from now on; there they count as change, for they are no deposit."""
    known = [{**{name: row[name] for name in _ADDRESS[:-1]}, "purpose": ELSEWHERE} for row in taken]
    await db.execute(_KNOW, bulk.arrays(known))
    await db.execute(
        _TAKE_BACK, bulk.arrays([{**{name: row[name] for name in _COIN}, "change": True} for row in taken])
    )


def _key(row: Row) -> Row:
    return {name: row[name] for name in _KEY}


def _entry(order: HandOver, row: Row, cell: int) -> Entry:
    """Return the half in a cell: for each, the other cell is where coins come from, or where they go."""
    amount = row["amount"] if cell == order.taker else -row["amount"]
    outpoint = Outpoint(bytes(row["txid"]), row["vout"])
    key = f"handover:{outpoint}:{order.giver}:{row['spend_count'] + 1}"
    lines = (
        Posting(WORLD, Bucket.AVAILABLE, -amount),
        Posting(CLEARING, Bucket.AVAILABLE, amount),
    )
    return Entry(KIND, ("coin", str(outpoint)), key, lines)
