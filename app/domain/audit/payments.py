"""What must be true of payments, keys and coins: a check names the first wrong row of a slice."""

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import (
    CLAWBACK,
    accounts,
    addresses,
    balances,
    coins,
    deposits,
    entries,
    payments,
    postings,
    ready_keys,
)
from app.domain import dogecoin
from app.domain.audit import slices
from app.domain.audit.slices import Position, Slice, sum_of
from app.domain.blocks import UNSPENT
from app.domain.dogecoin import Outpoint
from app.domain.payments import COLD, LIVE
from app.money import DOGE

SLICE: Final = 5_000
COINS: Final = 2_000
ACCOUNT_KEY: Final = 2
"""The branch of an account's own address, which belongs to the account's key itself."""


async def payments_equal_entries(db: Db, after: Position) -> Slice:
    """A payment's `reserved` was posted to outgoing, and is what it pays with its fee.

    It was posted with the request, less what came back with the signature, and with each other fee.
    """
    portion = slices.portion(sa.select(payments), (payments.c.id,), after, SLICE)
    payment = portion.rows.c
    outgoing = sa.and_(postings.c.entry_id == entries.c.id, postings.c.bucket == "outgoing")

    def key(step: str | sa.ColumnElement[str], number: int | sa.ColumnElement[int]) -> sa.ColumnElement[str]:
        return sa.func.concat("payment:", payment.id, ":", step, ":", number)

    unsigned = payment.transaction_id.is_(None)
    keys = [key(step, 1) for step in ("requested", "signed", sa.case((unsigned, "failed"), else_="signed"))]
    # A voided payment that was signed has an entry of this name too: that of its cancellation.
    keys.append(sa.case((unsigned, key("voided", 1))))
    posted = sa.select(sum_of(postings.c.amount)).join(entries, outgoing).where(entries.c.key.in_(keys))
    times = sa.func.generate_series(1, payment.repriced).table_valued("n").render_derived()
    repriced = (
        sa.select(sum_of(postings.c.amount))
        .select_from(times)
        .join(entries, entries.c.key == key("repriced", times.c.n))
        .join(postings, outgoing)
    )
    differs = sa.or_(
        posted.scalar_subquery() + repriced.scalar_subquery() != payment.reserved,
        payment.paid + payment.fee != payment.reserved,
    )
    return await slices.check(db, portion, differs, "payment {id} differs from what was posted for it")


async def outgoing_equals_payments(db: Db, after: Position) -> Slice:
    """An account's outgoing is what its payments that are on their way have reserved.

    Of those to cold storage it is the fee.
    """
    customers = sa.select(balances).where(balances.c.asset == DOGE, balances.c.account_id >= 0)
    portion = slices.portion(customers, (balances.c.account_id,), after, SLICE)
    own = payments.c.reserved - sa.case((payments.c.kind == COLD, payments.c.amount), else_=0)
    reserved = sa.select(sum_of(own)).where(
        payments.c.account_id == portion.rows.c.account_id, payments.c.state.in_(LIVE)
    )
    differs = reserved.scalar_subquery() != portion.rows.c.outgoing
    return await slices.check(
        db, portion, differs, "outgoing of account {account_id} differs from its payments"
    )


_CHARGED: Final = (
    sa.select(-sum_of(postings.c.amount))
    .join(entries, entries.c.id == postings.c.entry_id)
    .where(postings.c.account_id == CLAWBACK, entries.c.cause_type.in_(("deposit", "payment")))
)


async def clawback_equals_debts(db: Db, _: Position) -> Slice:
    """Deposits and payments owe what clawback was charged for them and not repaid.

    The rest of clawback are unknown spends.
    """
    owing = [
        sa.select(table.c.clawback_debt).where(table.c.clawback_debt > 0) for table in (deposits, payments)
    ]
    debts = sa.union_all(*owing).subquery()
    sums = sa.select(sa.func.count(), sum_of(debts.c.clawback_debt), _CHARGED.scalar_subquery())
    count, owed, charge = (await db.execute(sums)).one()
    fault = f"{owed} koinu are owed and clawback was charged {charge}" if owed != charge else ""
    return Slice(count, fault)


async def address_slice(db: Db, after: Position) -> Sequence[Row]:
    """Return a slice of addresses with their accounts' xpubs: account, branch, index, script, xpub."""
    keys = (addresses.c.account_id, addresses.c.branch, addresses.c.index)
    query = sa.select(*keys, addresses.c.script, accounts.c.xpub).join(accounts, accounts.c.id == keys[0])
    return await bulk.fetch_all(db, query.where(slices.beyond(keys, after)).order_by(*keys).limit(SLICE))


def check_addresses(rows: Sequence[Row]) -> Slice:
    """Derive the addresses again, 0.1 ms each: call it in a thread."""
    for row in rows:
        account, branch, index = _path(row)
        if _script(row["xpub"], branch, index) != bytes(row["script"]):
            fault = f"address {branch}/{index} of account {account} is not of the account's key"
            return Slice(len(rows), fault)
    return Slice(len(rows), next=_path(rows[-1]) if len(rows) == SLICE else None)


async def account_slice(db: Db, after: Position) -> Sequence[Row]:
    """Return a slice of account numbers with their xpubs: of accounts, and of ready keys for new ones."""
    numbers = ((accounts.c.id, accounts.c.xpub), (ready_keys.c.number, ready_keys.c.xpub))
    queries = [
        sa.select(number.label("number"), xpub)
        .where(slices.beyond([number], after))
        .order_by(number)
        .limit(SLICE)
        for number, xpub in numbers
    ]
    union = sa.union(*(query.subquery().select() for query in queries))
    return await bulk.fetch_all(db, union.order_by(sa.text("1")).limit(SLICE))


def check_accounts(rows: Sequence[Row], xpubs: Mapping[int, str]) -> Slice:
    """Compare each account's xpub with the one that the seed has for its number."""
    for row in rows:
        if xpubs.get(row["number"]) != row["xpub"]:
            return Slice(len(rows), f"the key of account {row['number']} is not of the seed")
    return Slice(len(rows), next=(rows[-1]["number"],) if len(rows) == SLICE else None)


def _path(row: Row) -> tuple[int, int, int]:
    return row["account_id"], row["branch"], row["index"]


def _script(xpub: str, branch: int, index: int) -> bytes:
    if branch == ACCOUNT_KEY:
        return dogecoin.p2pkh(dogecoin.hash160(dogecoin.parse_xpub(xpub).public_key))
    return dogecoin.script_at(xpub, branch, index)


async def coin_slice(db: Db, after: Position) -> list[tuple[Outpoint, int]]:
    """Return a slice of the coins that a block holds and none has spent, each with its amount."""
    keys = (coins.c.txid, coins.c.vout)
    query = sa.select(*keys, coins.c.amount).where(UNSPENT, slices.beyond(keys, after))
    rows = await db.execute(query.order_by(*keys).limit(COINS))
    return [(Outpoint(bytes(row.txid), row.vout), row.amount) for row in rows]


def check_coins(coins: Sequence[tuple[Outpoint, int]], at_node: Sequence[int | None]) -> Slice:
    """Compare coins with the amounts that the node has for them, None where it has no such coin."""
    wrong = [coin for (coin, amount), other in zip(coins, at_node, strict=True) if amount != other]
    return Slice(len(coins), f"coin {wrong[0]} is not at the node" if wrong else "")
