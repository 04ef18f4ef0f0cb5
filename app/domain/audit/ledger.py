"""What must be true of the books: each check reads a slice and names the first row that is wrong."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import (
    CLAWBACK,
    NETWORK_FEES,
    TREASURY,
    WORLD,
    assets,
    balances,
    chain_state,
    deposits,
    entries,
    invoices,
    postings,
)
from app.domain import blocks, ledger
from app.domain.audit.slices import SLICE, Slice
from app.money import DOGE, show

LEAST, MOST = -(2**63), 2**63 - 1
"""Before the first number that there can be, and the last."""
BUCKETS: Final = ("available", "incoming", "held", "outgoing")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of an asset, in its smallest unit; for all but Dogecoin only `customers` and `treasury` are not zero."""

    asset: str
    decimals: int
    customers: int
    clawback: int
    coins: int
    in_transit: int
    world: int
    network_fees: int
    treasury: int = 0

    @property
    def difference(self) -> int:
        """What customers and clawback hold above what there is, or was issued: always zero."""
        return self.customers + self.clawback - self.coins - self.in_transit + self.treasury

    def shown(self, name: str) -> str:
        """Return one of the sums as decimal text."""
        return show(getattr(self, name), self.decimals)

    @property
    def fault(self) -> str:
        """Say what does not fit, or nothing."""
        if self.difference:
            other = "custody" if self.asset == DOGE else "what the treasury issued"
            return f"{self.asset}: ownership differs from {other} by {self.difference}"
        if self.asset == DOGE and self.customers + self.clawback + self.world + self.network_fees:
            return f"{self.asset}: ownership differs from what came in and went out"
        return ""


async def height(db: Db) -> int | None:
    """Return the tip's height, or None before the first start."""
    return (await db.execute(sa.select(chain_state.c.height))).scalar()


async def entries_balance(db: Db, after: tuple[Any, ...]) -> Slice:
    """Every entry sums to zero in every asset, and has postings; and no posting is without its entry."""
    [last] = after or (LEAST,)
    some = sa.select(entries.c.id).where(entries.c.id > last).order_by(entries.c.id).limit(SLICE).subquery()
    sums = (
        sa.select(some.c.id, postings.c.asset, sa.func.sum(postings.c.amount).label("sum"))
        .select_from(some.outerjoin(postings, postings.c.entry_id == some.c.id))
        .group_by(some.c.id, postings.c.asset)
        .subquery()
    )
    wrong = sa.select(sums).where(sa.or_(sums.c.sum != 0, sums.c.sum.is_(None))).order_by(sums.c.id).limit(1)
    fault = (await db.execute(wrong)).first()
    count, end = (await db.execute(sa.select(sa.func.count(), sa.func.max(some.c.id)))).one()
    summed = "nothing" if fault is None or fault.sum is None else f"{int(fault.sum)} in {fault.asset}"
    sentence = f"entry {fault.id} sums to {summed}" if fault else ""
    if not sentence and (lost := await db.scalar(_lost(after, end if count == SLICE else None))) is not None:
        sentence = f"entry {lost} is not there, and postings of it are"
    return Slice(count, sentence, (end,) if count == SLICE else None)


def _lost(after: tuple[Any, ...], until: int | None) -> sa.Select[int]:
    """Find the first number above `after` and up to `until` that postings name and no entry has."""
    lost = sa.select(postings.c.entry_id).where(~sa.exists().where(entries.c.id == postings.c.entry_id))
    lost = lost.where(postings.c.entry_id > after[0]) if after else lost
    lost = lost if until is None else lost.where(postings.c.entry_id <= until)
    return lost.order_by(postings.c.entry_id).limit(1)


_MOVED: Final = " AND ".join(
    f"{name}::numeric - lag({name}, 1, 0::bigint) OVER numbered = CASE bucket WHEN '{name}' THEN amount ELSE 0 END"
    for name in BUCKETS
)
_SUMS: Final = ", ".join(
    f"coalesce(sum(amount) FILTER (WHERE bucket = '{name}'), 0) AS {name}" for name in BUCKETS
)
_DIFFERS: Final = " OR ".join(f"sums.{name} <> part.{name}" for name in BUCKETS)
_UNEQUAL: Final = sa.text(f"""
    WITH part AS (
        SELECT * FROM balances WHERE (account_id, asset) > (:account, :asset) ORDER BY account_id, asset LIMIT :limit
    ), compared AS (
        SELECT part.account_id, part.asset, sums.broken, sums.count <> part.seq OR {_DIFFERS} AS differs
        FROM part CROSS JOIN LATERAL (
            SELECT count(*), min(seq) FILTER (WHERE NOT follows) AS broken, {_SUMS}
            FROM (
                SELECT seq, bucket, amount, seq = lag(seq, 1, 0::bigint) OVER numbered + 1 AND {_MOVED}
                    AND created >= lag(created, 1, created) OVER numbered AS follows
                FROM postings WHERE postings.account_id = part.account_id AND postings.asset = part.asset
                WINDOW numbered AS (ORDER BY seq)
            ) AS chain
        ) AS sums
    )
    SELECT * FROM compared WHERE differs OR broken IS NOT NULL LIMIT 1
""").bindparams(  # noqa: S608  made of this module's constants
    sa.bindparam("account", type_=sa.BigInteger),
    sa.bindparam("asset", type_=sa.Text),
    sa.bindparam("limit", type_=sa.BigInteger),
)


# From one balance's postings to the next, by the primary key: of each only the first is looked at.
_NEXT: Final = """
    SELECT account_id, asset FROM postings
    WHERE (account_id, asset) > ({account}, {asset}) AND (account_id, asset) <= (:last_account, :last_asset)
    ORDER BY account_id, asset LIMIT 1
"""
_LOST: Final = sa.text(f"""
    WITH RECURSIVE slots AS (
        ({_NEXT.format(account=":account", asset=":asset")})
        UNION ALL
        SELECT next.* FROM slots CROSS JOIN LATERAL ({_NEXT.format(account="slots.account_id", asset="slots.asset")}) AS next
    )
    SELECT account_id, asset FROM slots
    WHERE account_id <> {TREASURY} AND NOT EXISTS (
        SELECT FROM balances WHERE balances.account_id = slots.account_id AND balances.asset = slots.asset
    )
    LIMIT 1
""").bindparams(  # noqa: S608  made of this module's constants
    *(sa.bindparam(name, type_=sa.BigInteger) for name in ("account", "last_account")),
    *(sa.bindparam(name, type_=sa.Text) for name in ("asset", "last_asset")),
)


async def balances_equal_postings(db: Db, after: tuple[Any, ...]) -> Slice:
    """Every balance is the sum of its postings, bucket by bucket, and their number its seq; and none of them is lost.

    Each posting follows from the one before: its number, the buckets after it, and a time that is no earlier.
    """
    account, asset = after or (LEAST, "")
    keys = (balances.c.account_id, balances.c.asset)
    start = sa.tuple_(*keys) > sa.tuple_(sa.literal(account, sa.BigInteger), sa.literal(asset))
    fault = (await db.execute(_UNEQUAL, {"account": account, "asset": asset, "limit": SLICE})).first()
    rows = (await db.execute(sa.select(*keys).where(start).order_by(*keys).limit(SLICE))).all()
    end = tuple(rows[-1]) if len(rows) == SLICE else None
    if fault:
        return Slice(len(rows), _unequal(fault), end)
    last_account, last_asset = end or (MOST, "")
    given = {"account": account, "asset": asset, "last_account": last_account, "last_asset": last_asset}
    lost = (await db.execute(_LOST, given)).first()
    sentence = (
        f"balance of account {lost.account_id} in {lost.asset} is not there, and postings of it are"
        if lost
        else ""
    )
    return Slice(len(rows), sentence, end)


def _unequal(fault: Any) -> str:
    whose = f"account {fault.account_id} in {fault.asset}"
    if fault.differs:
        return f"balance of {whose} differs from its postings"
    return f"posting {fault.broken} of {whose} does not follow from the one before"


async def invoices_equal_deposits(db: Db, after: tuple[Any, ...]) -> Slice:
    """Every invoice's sums are those of its deposits in blocks and of what was settled inside."""
    account, index = after or (-1, -1)
    keys = (invoices.c.account_id, invoices.c.index)
    start = sa.tuple_(*keys) > sa.tuple_(sa.literal(account, sa.BigInteger), sa.literal(index, sa.BigInteger))
    some = sa.select(invoices).where(start).order_by(*keys).limit(SLICE).subquery()
    sums = (
        sa.select(
            _sum(deposits.c.amount, deposits.c.state != "undone").label("received"),
            _sum(deposits.c.amount, deposits.c.state == "confirmed").label("confirmed"),
        )
        .where(deposits.c.account_id == some.c.account_id, deposits.c.invoice == some.c.index)
        .lateral()
    )
    inside = some.c.settled_inside
    differs = sa.or_(
        sums.c.received + inside != some.c.received, sums.c.confirmed + inside != some.c.confirmed
    )
    fault = (
        await db.execute(sa.select(some.c.address).join(sums, sa.true()).where(differs).limit(1))
    ).first()
    rows = (await db.execute(sa.select(some.c.account_id, some.c.index))).all()
    sentence = f"invoice {fault.address} differs from its deposits" if fault else ""
    return Slice(len(rows), sentence, tuple(rows[-1]) if len(rows) == SLICE else None)


async def invoices_equal_entries(db: Db, after: tuple[Any, ...]) -> Slice:
    """What was settled and refunded inside was posted: the last entry of each names the sum up to it."""
    account, index = after or (-1, -1)
    keys = (invoices.c.account_id, invoices.c.index)
    start = sa.tuple_(*keys) > sa.tuple_(sa.literal(account, sa.BigInteger), sa.literal(index, sa.BigInteger))
    some = sa.select(invoices).where(start).order_by(*keys).limit(SLICE).subquery()
    wrong = sa.or_(
        _unposted("payfrom", some.c.address, some.c.settled_inside),
        _unposted("refund", some.c.address, some.c.refunded_inside),
    )
    fault = (await db.execute(sa.select(some.c.address).where(wrong).limit(1))).first()
    rows = (await db.execute(sa.select(some.c.account_id, some.c.index))).all()
    sentence = f"invoice {fault.address} differs from what was posted for it" if fault else ""
    return Slice(len(rows), sentence, tuple(rows[-1]) if len(rows) == SLICE else None)


def _unposted(
    kind: str, address: sa.ColumnElement[str], total: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    key = sa.func.concat(f"{kind}:", address, ":", total)
    return sa.and_(total > 0, ~sa.exists().where(entries.c.key == key))


async def blocks_agree(db: Db, _: tuple[Any, ...]) -> Slice:
    """What blocks posted is what they moved, summed since payments were let go on the last time."""
    moved = await blocks.moved(db)
    return Slice(0) if moved is None else Slice(1, moved.fault)


async def totals(db: Db) -> list[Totals]:
    """Sum liabilities and reserves, per asset; the transaction sees one moment."""
    whole = balances.c.available + balances.c.incoming + balances.c.held + balances.c.outgoing
    issued = await ledger.treasury(db)
    found = (
        sa.select(
            balances.c.asset,
            assets.c.decimals,
            _sum(whole, balances.c.account_id >= 0).label("customers"),
            *(
                _sum(whole, balances.c.account_id == number).label(name)
                for name, number in (("clawback", CLAWBACK), ("world", WORLD), ("network_fees", NETWORK_FEES))
            ),
            sa.case((balances.c.asset == DOGE, blocks.unspent(sa.true())), else_=0).label("coins"),
            sa.case((balances.c.asset == DOGE, blocks.in_transit(sa.true())), else_=0).label("in_transit"),
        )
        .join_from(balances, assets, assets.c.code == balances.c.asset)
        .group_by(balances.c.asset, assets.c.decimals)
    )
    return [
        Totals(
            row.asset,
            row.decimals,
            int(row.customers),
            int(row.clawback),
            int(row.coins),
            int(row.in_transit),
            int(row.world),
            int(row.network_fees),
            issued.get(row.asset, 0),
        )
        for row in await db.execute(found.order_by(balances.c.asset))
    ]


def _sum(amount: sa.ColumnElement[int], where: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(amount).filter(where), 0)
