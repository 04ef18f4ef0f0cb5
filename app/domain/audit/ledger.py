"""What must be true of the ledger: each check reads a slice and names the first row that is wrong."""

from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db
from app.db.tables import (
    CLAWBACK,
    COLD_STORAGE,
    NETWORK_FEES,
    WITHOUT_BALANCE,
    WORLD,
    assets,
    balances,
    chain_state,
    deposits,
    entries,
    invoices,
    postings,
    sightings,
)
from app.domain import blocks, ledger
from app.domain.audit import slices
from app.domain.audit.slices import SLICE, Portion, Position, Slice, sum_of
from app.money import DOGE, show

LEAST, MOST = -(2**63), 2**63 - 1
"""The least and the greatest account id that there can be."""
BUCKETS: Final = ("available", "incoming", "held", "outgoing")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of an asset, in its smallest unit; only Dogecoin has others than `customers`, `treasury` and `clearing`.

    Over all cells `clearing` is zero: what one owes, others are owed.
    """

    asset: str
    decimals: int
    customers: int
    clawback: int
    coins: int
    in_transit: int
    world: int
    network_fees: int
    treasury: int = 0
    cold: int = 0
    clearing: int = 0

    @property
    def difference(self) -> int:
        """By how much customers, clawback and other cells have more than there is, or was issued: always zero."""
        reserves = self.coins + self.in_transit + self.cold
        return self.customers + self.clawback + self.clearing - reserves + self.treasury

    def shown(self, name: str) -> str:
        """Return one of the sums as decimal text."""
        return show(getattr(self, name), self.decimals)

    @property
    def fault(self) -> str:
        """Say what differs; "" for nothing."""
        if self.difference:
            other = "custody" if self.asset == DOGE else "what the treasury issued"
            return f"{self.asset}: ownership differs from {other} by {self.difference}"
        outside = self.world + self.network_fees - self.cold + self.clearing
        if self.asset == DOGE and self.customers + self.clawback + outside:
            return f"{self.asset}: ownership differs from what came in and went out"
        return ""


async def height(db: Db) -> int | None:
    """Return the tip's height, or None before the first start."""
    return (await db.execute(sa.select(chain_state.c.height))).scalar()


def _sums(entry: sa.FromClause) -> sa.Subquery:
    """Select what the postings of each entry sum to in each asset: nothing where it has none."""
    return (
        sa.select(entry.c.id, postings.c.asset, sa.func.sum(postings.c.amount).label("sum"))
        .select_from(entry.outerjoin(postings, postings.c.entry_id == entry.c.id))
        .group_by(entry.c.id, postings.c.asset)
        .subquery()
    )


async def entries_balance(db: Db, after: Position) -> Slice:
    """Every entry sums to zero in every asset, and has postings; and no posting is without its entry."""
    portion = slices.portion(sa.select(entries.c.id), (entries.c.id,), after, SLICE)
    sums = _sums(portion.rows)
    wrong = sa.select(sums).where(sa.or_(sums.c.sum != 0, sums.c.sum.is_(None))).order_by(sums.c.id).limit(1)
    if (fault := (await db.execute(wrong)).first()) is not None:
        total = "nothing" if fault.sum is None else f"{int(fault.sum)} in {fault.asset}"
        return await slices.ended(db, portion, f"entry {fault.id} sums to {total}")
    checked = await slices.ended(db, portion, "")
    lost = await db.scalar(_lost(after, checked.next))
    return replace(
        checked, fault="" if lost is None else f"entry {lost} is not there, and postings of it are"
    )


def _lost(after: Position, until: Position | None) -> sa.Select[int]:
    """Find the first id after a position and up to another that postings have and no entry has."""
    lost = sa.select(postings.c.entry_id).where(~sa.exists().where(entries.c.id == postings.c.entry_id))
    lost = lost.where(postings.c.entry_id > after[0]) if after else lost
    lost = lost.where(postings.c.entry_id <= until[0]) if until else lost
    return lost.order_by(postings.c.entry_id).limit(1)


_CHANGED: Final = " AND ".join(
    f"{name}::numeric - lag({name}, 1, 0::bigint) OVER numbered"
    f" = CASE bucket WHEN '{name}' THEN amount ELSE 0 END"
    for name in BUCKETS
)
_SUMS: Final = ", ".join(
    f"coalesce(sum(amount) FILTER (WHERE bucket = '{name}'), 0) AS {name}" for name in BUCKETS
)
_DIFFERS: Final = " OR ".join(f"sums.{name} <> part.{name}" for name in BUCKETS)
_UNEQUAL: Final = sa.text(f"""
    WITH part AS (
        SELECT * FROM balances WHERE (account_id, asset) > (:account, :asset)
        ORDER BY account_id, asset LIMIT :limit
    ), compared AS (
        SELECT part.account_id, part.asset, sums.broken, sums.count <> part.seq OR {_DIFFERS} AS differs
        FROM part CROSS JOIN LATERAL (
            SELECT count(*), min(seq) FILTER (WHERE NOT follows) AS broken, {_SUMS}
            FROM (
                SELECT seq, bucket, amount, seq = lag(seq, 1, 0::bigint) OVER numbered + 1 AND {_CHANGED}
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


# Steps from one balance's postings to the next by the primary key: it reads one posting of each balance.
_NEXT: Final = """
    SELECT account_id, asset FROM postings
    WHERE (account_id, asset) > ({account}, {asset}) AND (account_id, asset) <= (:last_account, :last_asset)
    ORDER BY account_id, asset LIMIT 1
"""
_LOST: Final = sa.text(f"""
    WITH RECURSIVE posted AS (
        ({_NEXT.format(account=":account", asset=":asset")})
        UNION ALL
        SELECT next.* FROM posted
        CROSS JOIN LATERAL ({_NEXT.format(account="posted.account_id", asset="posted.asset")}) AS next
    )
    SELECT account_id, asset FROM posted
    WHERE account_id NOT IN ({", ".join(map(str, sorted(WITHOUT_BALANCE)))}) AND NOT EXISTS (
        SELECT FROM balances WHERE balances.account_id = posted.account_id AND balances.asset = posted.asset
    )
    LIMIT 1
""").bindparams(  # noqa: S608  made of this module's constants
    *(sa.bindparam(name, type_=sa.BigInteger) for name in ("account", "last_account")),
    *(sa.bindparam(name, type_=sa.Text) for name in ("asset", "last_asset")),
)


async def balances_equal_postings(db: Db, after: Position) -> Slice:
    """Every balance is the sum of its postings, bucket by bucket, and its seq is their number; none is lost.

    Each posting follows from the one before: its number, the buckets after it, and a time that is no earlier.
    """
    account, asset = after or (LEAST, "")
    first = {"account": account, "asset": asset}
    keys = (balances.c.account_id, balances.c.asset)
    checked = await slices.ended(db, slices.portion(sa.select(*keys), keys, after, SLICE), "")
    if (fault := (await db.execute(_UNEQUAL, {**first, "limit": SLICE})).first()) is not None:
        return replace(checked, fault=_unequal(fault))
    last_account, last_asset = checked.next or (MOST, "")
    span = {**first, "last_account": last_account, "last_asset": last_asset}
    if (lost := (await db.execute(_LOST, span)).first()) is None:
        return checked
    balance = f"balance of account {lost.account_id} in {lost.asset}"
    return replace(checked, fault=f"{balance} is not there, and postings of it are")


def _unequal(fault: Any) -> str:
    balance = f"account {fault.account_id} in {fault.asset}"
    if fault.differs:
        return f"balance of {balance} differs from its postings"
    return f"posting {fault.broken} of {balance} does not follow from the one before"


async def invoices_equal_deposits(db: Db, after: Position) -> Slice:
    """Every invoice's sums are those of its deposits in blocks and of what was settled inside."""
    portion = _invoices(after)
    invoice = portion.rows.c
    sums = _deposited(invoice)
    differs = sa.or_(
        *(sums.c[name] + invoice.confirmed_in_ledger != invoice[name] for name in ("received", "confirmed"))
    )
    source = portion.rows.join(sums, sa.true())
    return await slices.check(db, portion, differs, "invoice {address} differs from its deposits", source)


async def invoices_equal_sightings(db: Db, after: Position) -> Slice:
    """What of every invoice waits for a block, and what of that is acceptable, is the sum of its live sightings."""
    portion = _invoices(after)
    invoice = portion.rows.c
    sums = (
        sa.select(
            sum_of(sightings.c.amount).label("seen"),
            sum_of(sightings.c.amount, sightings.c.acceptable).label("acceptable"),
        )
        .where(sightings.c.account_id == invoice.account_id, sightings.c.invoice == invoice.index)
        .where(sightings.c.state == "seen")
        .lateral()
    )
    differs = sa.or_(*(sums.c[name] != invoice[name] for name in ("seen", "acceptable")))
    source = portion.rows.join(sums, sa.true())
    return await slices.check(db, portion, differs, "invoice {address} differs from its sightings", source)


def _deposited(invoice: sa.ColumnCollection[str, Any]) -> sa.FromClause:
    """Select what the deposits of an invoice sum to: those in blocks, and the confirmed ones."""
    of_invoice = sa.select(
        sum_of(deposits.c.amount, deposits.c.state != "undone").label("received"),
        sum_of(deposits.c.amount, deposits.c.state == "confirmed").label("confirmed"),
    ).where(deposits.c.account_id == invoice.account_id, deposits.c.invoice == invoice.index)
    return of_invoice.lateral()


async def invoices_equal_entries(db: Db, after: Position) -> Slice:
    """What was settled and refunded inside was posted: the last entry of each names the sum up to it."""
    portion = _invoices(after)
    invoice = portion.rows.c
    wrong = sa.or_(
        _unposted("payfrom", invoice.address, invoice.confirmed_in_ledger),
        _unposted("refund", invoice.address, invoice.refunded_in_ledger),
    )
    return await slices.check(db, portion, wrong, "invoice {address} differs from what was posted for it")


def _invoices(after: Position) -> Portion:
    return slices.portion(sa.select(invoices), (invoices.c.account_id, invoices.c.index), after, SLICE)


def _unposted(
    kind: str, address: sa.ColumnElement[str], total: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    key = sa.func.concat(f"{kind}:", address, ":", total)
    return sa.and_(total > 0, ~sa.exists().where(entries.c.key == key))


async def blocks_equal_entries(db: Db, _: Position) -> Slice:
    """By what blocks posted, reserves have changed, summed since payments last were resumed."""
    change = await blocks.total_change(db)
    return Slice(0) if change is None else Slice(1, change.fault)


async def totals(db: Db) -> list[Totals]:
    """Sum liabilities and reserves by asset; the transaction sees one moment."""
    balance = balances.c.available + balances.c.incoming + balances.c.held + balances.c.outgoing
    is_doge = balances.c.asset == DOGE
    issued, owed = await ledger.treasury_balances(db), await ledger.clearing_balances(db)
    system = {"clawback": CLAWBACK, "world": WORLD, "network_fees": NETWORK_FEES}
    sums = {
        "customers": sum_of(balance, balances.c.account_id >= 0),
        **{name: sum_of(balance, balances.c.account_id == account) for name, account in system.items()},
        "cold": -sum_of(balance, balances.c.account_id == COLD_STORAGE),
        "coins": sa.case((is_doge, blocks.unspent(sa.true())), else_=0),
        "in_transit": sa.case((is_doge, blocks.in_transit(sa.true())), else_=0),
    }
    query = (
        sa.select(balances.c.asset, assets.c.decimals, *(total.label(name) for name, total in sums.items()))
        .join_from(balances, assets, assets.c.code == balances.c.asset)
        .group_by(balances.c.asset, assets.c.decimals)
        .order_by(balances.c.asset)
    )
    return [
        Totals(
            row["asset"],
            row["decimals"],
            **{name: int(row[name]) for name in sums},
            treasury=issued.get(row["asset"], 0),
            clearing=owed.get(row["asset"], 0),
        )
        for row in (await db.execute(query)).mappings()
    ]
