"""What must be true of holds and escrows: each check reads a slice and names the first row that is wrong."""

from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import OPEN_ESCROWS, balances, entries, escrows, holds, postings
from app.domain.audit.slices import Slice

SLICE: Final = 5_000


async def held_is_kept(db: Db, after: tuple[Any, ...]) -> Slice:
    """What lies in an account's held, of each asset, is what is left of its holds and what its escrows lock."""
    account, asset = after or (-1, "")
    keys = (balances.c.account_id, balances.c.asset)
    start = sa.tuple_(*keys) > sa.tuple_(sa.literal(account, sa.BigInteger), sa.literal(asset))
    some = (
        sa.select(*keys, balances.c.held)
        .where(start, balances.c.account_id >= 0)
        .order_by(*keys)
        .limit(SLICE)
        .subquery()
    )
    kept = sa.select(_sum(holds.c.remaining)).where(
        holds.c.account_id == some.c.account_id, holds.c.state == "HELD", holds.c.asset == some.c.asset
    )
    locked = sa.select(_sum(escrows.c.amount)).where(
        escrows.c.account_id == some.c.account_id,
        escrows.c.state.in_(OPEN_ESCROWS),
        escrows.c.asset == some.c.asset,
    )
    differs = kept.scalar_subquery() + locked.scalar_subquery() != some.c.held
    fault = (await db.execute(sa.select(some).where(differs).limit(1))).first()
    rows = (await db.execute(sa.select(some.c.account_id, some.c.asset))).all()
    sentence = (
        f"held of account {fault.account_id} in {fault.asset} differs from its holds and escrows"
        if fault
        else ""
    )
    return Slice(len(rows), sentence, tuple(rows[-1]) if len(rows) == SLICE else None)


async def holds_equal_entries(db: Db, after: tuple[Any, ...]) -> Slice:
    """Of every hold each movement is an entry: they held what it says was set aside, leave what is left, gave what was captured."""
    [last] = after or (0,)
    some = sa.select(holds).where(holds.c.id > last).order_by(holds.c.id).limit(SLICE).subquery()
    number = sa.func.generate_series(0, some.c.moves).table_valued("number").render_derived()
    entry = entries.c.key == sa.func.concat("hold:", some.c.id, ":", number.c.number)
    own = sa.and_(postings.c.account_id == some.c.account_id, postings.c.bucket == "held")
    captured = sa.and_(entries.c.kind == "HOLD_CAPTURE", postings.c.bucket == "available")
    sums = (
        sa.select(
            sa.func.count(sa.distinct(entries.c.id)).label("moves"),
            _sum(postings.c.amount, sa.and_(own, number.c.number == 0)).label("amount"),
            _sum(postings.c.amount, own).label("remaining"),
            _sum(postings.c.amount, captured).label("captured"),
        )
        .select_from(number.join(entries, entry).join(postings, postings.c.entry_id == entries.c.id))
        .where(postings.c.asset == some.c.asset)
        .lateral()
    )
    same = [sums.c[name] == some.c[name] for name in ("amount", "remaining", "captured")]
    differs = ~sa.and_(sums.c.moves == some.c.moves + 1, *same)
    fault = await db.scalar(
        sa.select(some.c.id).join(sums, sa.true()).where(differs).order_by(some.c.id).limit(1)
    )
    return await _slice(
        db, some, f"hold {fault} differs from what was posted for it" if fault is not None else ""
    )


async def escrows_equal_entries(db: Db, after: tuple[Any, ...]) -> Slice:
    """Of every escrow the amount was locked, and once it was over, each side was posted what the escrow says."""
    [last] = after or (0,)
    some = sa.select(escrows).where(escrows.c.id > last).order_by(escrows.c.id).limit(SLICE).subquery()
    is_over, to_platform = (
        some.c.state.not_in(OPEN_ESCROWS),
        some.c.amount - some.c.to_seller - some.c.to_buyer,
    )
    sold = some.c.amount - some.c.to_buyer
    differs = sa.or_(
        ~_posted(some, "LOCKED", (some.c.account_id, "held", some.c.amount)),
        sa.and_(is_over, ~_posted(some, some.c.state, (some.c.account_id, "held", -some.c.amount))),
        _unpaid(some, (some.c.account_id, some.c.to_buyer)),
        sa.and_(is_over, _unpaid(some, (some.c.seller_id, sold))),
        sa.and_(
            is_over,
            to_platform > 0,
            ~_posted(some, some.c.state, (some.c.seller_id, "available", -to_platform)),
        ),
        sa.and_(~is_over, some.c.to_seller + some.c.to_buyer != 0),
    )
    fault = await db.scalar(sa.select(some.c.id).where(differs).order_by(some.c.id).limit(1))
    return await _slice(
        db, some, f"escrow {fault} differs from what was posted for it" if fault is not None else ""
    )


def _unpaid(
    some: sa.Subquery, part: tuple[sa.ColumnElement[int], sa.ColumnElement[int]]
) -> sa.ColumnElement[bool]:
    account, amount = part
    return sa.and_(amount > 0, ~_posted(some, some.c.state, (account, "available", amount)))


def _posted(
    some: sa.Subquery,
    state: str | sa.ColumnElement[str],
    what: tuple[sa.ColumnElement[int], str, sa.ColumnElement[int]],
) -> sa.ColumnElement[bool]:
    """The entry that brought the escrow into `state` has this posting: account, bucket, amount."""
    account, bucket, amount = what
    entry = entries.c.key == sa.func.concat("escrow:", some.c.id, ":", state)
    posting = sa.and_(
        postings.c.account_id == account,
        postings.c.bucket == bucket,
        postings.c.amount == amount,
        postings.c.asset == some.c.asset,
    )
    return sa.exists().where(entry, postings.c.entry_id == entries.c.id, posting)


async def _slice(db: Db, some: sa.Subquery, sentence: str) -> Slice:
    count, end = (await db.execute(sa.select(sa.func.count(), sa.func.max(some.c.id)))).one()
    return Slice(count, sentence, (end,) if count == SLICE else None)


def _sum(amount: sa.ColumnElement[int], where: sa.ColumnElement[bool] | None = None) -> sa.ColumnElement[int]:
    total: Any = sa.func.sum(amount)
    return sa.func.coalesce(total if where is None else total.filter(where), 0)
