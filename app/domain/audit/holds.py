"""What must be true of holds and escrows: each check reads a slice and names the first row that is wrong."""

from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import CLEARING, OPEN_ESCROWS, accounts, balances, entries, escrows, holds, postings
from app.domain.audit import slices
from app.domain.audit.slices import Position, Slice, sum_of

SLICE: Final = 5_000
_CLEARING: Final = sa.literal(CLEARING, sa.BigInteger)

Columns = sa.sql.expression.ColumnCollection[str, sa.ColumnElement[Any]]


async def held_equals_holds(db: Db, after: Position) -> Slice:
    """An account's held in each asset is the sum of what its holds still hold and its escrows lock."""
    keys = (balances.c.account_id, balances.c.asset)
    customers = sa.select(*keys, balances.c.held).where(balances.c.account_id >= 0)
    portion = slices.portion(customers, keys, after, SLICE)
    balance = portion.rows.c
    held = sa.select(sum_of(holds.c.remaining)).where(holds.c.state == "HELD", *_of(balance, holds))
    open_escrows = escrows.c.state.in_(OPEN_ESCROWS)
    locked = sa.select(sum_of(escrows.c.amount)).where(open_escrows, *_of(balance, escrows))
    differs = held.scalar_subquery() + locked.scalar_subquery() != balance.held
    sentence = "held of account {account_id} in {asset} differs from its holds and escrows"
    return await slices.check(db, portion, differs, sentence)


def _of(balance: Columns, table: sa.Table) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Match the rows of a table that are of the balance's account and in its asset."""
    return table.c.account_id == balance.account_id, table.c.asset == balance.asset


async def holds_equal_entries(db: Db, after: Position) -> Slice:
    """Each movement of a hold is an entry; their sums are its amount, what remains and what was captured."""
    portion = slices.portion(sa.select(holds), (holds.c.id,), after, SLICE)
    hold = portion.rows.c
    number = sa.func.generate_series(0, hold.movements).table_valued("number").render_derived()
    entry = entries.c.key == sa.func.concat("hold:", hold.id, ":", number.c.number)
    own = sa.and_(postings.c.account_id == hold.account_id, postings.c.bucket == "held")
    captured = sa.and_(entries.c.kind == "HOLD_CAPTURE", postings.c.bucket == "available")
    sums = (
        sa.select(
            sa.func.count(sa.distinct(entries.c.id)).label("movements"),
            sum_of(postings.c.amount, sa.and_(own, number.c.number == 0)).label("amount"),
            sum_of(postings.c.amount, own).label("remaining"),
            sum_of(postings.c.amount, captured).label("captured"),
        )
        .select_from(number.join(entries, entry).join(postings, postings.c.entry_id == entries.c.id))
        .where(postings.c.asset == hold.asset)
        .lateral()
    )
    same = [sums.c[name] == hold[name] for name in ("amount", "remaining", "captured")]
    differs = ~sa.and_(sums.c.movements == hold.movements + 1, *same)
    source = portion.rows.join(sums, sa.true())
    return await slices.check(db, portion, differs, "hold {id} differs from what was posted for it", source)


async def escrows_equal_entries(db: Db, after: Position) -> Slice:
    """An escrow's amount was locked; once it was over, each side was posted what the escrow says.

    A side in another cell has its postings there; here clearing gives or gets what goes from cell to cell.
    """
    portion = slices.portion(sa.select(escrows), (escrows.c.id,), after, SLICE)
    escrow = portion.rows.c
    is_over = escrow.state.not_in(OPEN_ESCROWS)
    to_platform = escrow.amount - escrow.to_seller - escrow.to_buyer
    sold = escrow.amount - escrow.to_buyer

    posted = partial(_posted, escrow)

    def unpaid(account: sa.ColumnElement[int], amount: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return sa.and_(amount > 0, ~posted(escrow.state, account, "available", amount))

    buyer_is_here, seller_is_here = (_is_here(escrow[name]) for name in ("account_id", "seller_id"))
    platform_unpaid = ~posted(escrow.state, escrow.seller_id, "available", -to_platform)
    of_buyer = sa.or_(
        ~posted("LOCKED", escrow.account_id, "held", escrow.amount),
        unpaid(escrow.account_id, escrow.to_buyer),
        sa.and_(is_over, ~posted(escrow.state, escrow.account_id, "held", -escrow.amount)),
        sa.and_(is_over, ~seller_is_here, unpaid(_CLEARING, sold)),
    )
    of_seller = sa.or_(
        unpaid(escrow.seller_id, sold),
        sa.and_(to_platform > 0, platform_unpaid),
        sa.and_(~buyer_is_here, sold > 0, ~posted(escrow.state, _CLEARING, "available", -sold)),
    )
    differs = sa.or_(
        sa.and_(buyer_is_here, of_buyer),
        sa.and_(seller_is_here, is_over, of_seller),
        ~sa.or_(buyer_is_here, seller_is_here),
        sa.and_(~is_over, escrow.to_seller + escrow.to_buyer != 0),
    )
    return await slices.check(db, portion, differs, "escrow {id} differs from what was posted for it")


def _posted(
    escrow: Columns,
    state: str | sa.ColumnElement[str],
    account: sa.ColumnElement[int],
    bucket: str,
    amount: sa.ColumnElement[int],
) -> sa.ColumnElement[bool]:
    """Whether the entry that brought the escrow into `state` has this posting."""
    return sa.exists().where(
        entries.c.key == sa.func.concat("escrow:", escrow.id, ":", state),
        postings.c.entry_id == entries.c.id,
        postings.c.account_id == account,
        postings.c.bucket == bucket,
        postings.c.amount == amount,
        postings.c.asset == escrow.asset,
    )


def _is_here(account: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether the account is one of this cell."""
    return sa.exists().where(accounts.c.id == account)
