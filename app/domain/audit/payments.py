"""What must be true of payments and addresses: each check reads a slice and names the first row that is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
from app.domain.audit.slices import Slice
from app.domain.blocks import UNSPENT
from app.domain.dogecoin import Outpoint
from app.domain.payments import LIVE
from app.money import DOGE

SLICE: Final = 5_000
COINS: Final = 2_000
ACCOUNT_KEY: Final = 2
"""The branch of an account's own address, which is of the account's key itself."""


async def payments_equal_entries(db: Db, after: tuple[Any, ...]) -> Slice:
    """What is reserved was posted: asked for, less what came back with the signature, and what another fee moved; that it pays."""
    [last] = after or (0,)
    some = sa.select(payments).where(payments.c.id > last).order_by(payments.c.id).limit(SLICE).subquery()
    unsigned = sa.case((some.c.transaction_id.is_(None), "failed"), else_="signed")
    keys = [_key(some.c.id, step) for step in ("requested", "signed", unsigned)]
    # A voided payment that was signed has an entry of this name too, but that is its cancellation's settling.
    keys.append(sa.case((some.c.transaction_id.is_(None), _key(some.c.id, "voided"))))
    posted = (
        sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount), 0))
        .join(entries, entries.c.id == postings.c.entry_id)
        .where(sa.or_(*(entries.c.key == key for key in keys)), postings.c.bucket == "outgoing")
        .scalar_subquery()
    )
    times = sa.func.generate_series(1, some.c.repriced).table_valued("n").render_derived()
    repriced = (
        sa.select(sa.func.coalesce(sa.func.sum(postings.c.amount), 0))
        .select_from(times)
        .join(entries, entries.c.key == sa.func.concat("payment:", some.c.id, ":repriced:", times.c.n))
        .join(postings, sa.and_(postings.c.entry_id == entries.c.id, postings.c.bucket == "outgoing"))
        .scalar_subquery()
    )
    differs = sa.or_(posted + repriced != some.c.reserved, some.c.paid + some.c.fee != some.c.reserved)
    fault = await db.scalar(sa.select(some.c.id).where(differs).order_by(some.c.id).limit(1))
    count, end = (await db.execute(sa.select(sa.func.count(), sa.func.max(some.c.id)))).one()
    sentence = f"payment {fault} differs from what was posted for it" if fault is not None else ""
    return Slice(count, sentence, (end,) if count == SLICE else None)


async def outgoing_is_payments(db: Db, after: tuple[Any, ...]) -> Slice:
    """What lies in an account's outgoing is what its payments that are on their way have reserved."""
    [last] = after or (-1,)
    here = sa.and_(balances.c.asset == DOGE, balances.c.account_id > last)
    some = sa.select(balances).where(here).order_by(balances.c.account_id).limit(SLICE).subquery()
    reserved = (
        sa.select(sa.func.coalesce(sa.func.sum(payments.c.reserved), 0))
        .where(payments.c.account_id == some.c.account_id, payments.c.state.in_(LIVE))
        .scalar_subquery()
    )
    fault = await db.scalar(sa.select(some.c.account_id).where(reserved != some.c.outgoing).limit(1))
    count, end = (await db.execute(sa.select(sa.func.count(), sa.func.max(some.c.account_id)))).one()
    sentence = f"outgoing of account {fault} differs from its payments" if fault is not None else ""
    return Slice(count, sentence, (end,) if count == SLICE else None)


async def clawback_is_owed(db: Db, _: tuple[Any, ...]) -> Slice:
    """What clawback was charged and not repaid is what deposits and payments owe; the rest of it are unknown spends."""
    owing = [sa.select(table.c.owed).where(table.c.owed > 0) for table in (deposits, payments)]
    whole = sa.union_all(*owing).subquery()
    charged = (
        sa.select(sa.func.coalesce(-sa.func.sum(postings.c.amount), 0))
        .join(entries, entries.c.id == postings.c.entry_id)
        .where(postings.c.account_id == CLAWBACK, entries.c.cause_type.in_(("deposit", "payment")))
        .scalar_subquery()
    )
    owed = sa.func.coalesce(sa.func.sum(whole.c.owed), 0)
    row = (await db.execute(sa.select(sa.func.count(), owed.label("owed"), charged.label("charged")))).one()
    differs = row.owed != row.charged
    return Slice(
        row[0], f"{row.owed} koinu are owed and clawback was charged {row.charged}" if differs else ""
    )


def _key(payment: sa.ColumnElement[int], step: str | sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.func.concat("payment:", payment, ":", step, ":1")


async def some_addresses(db: Db, after: tuple[Any, ...]) -> Sequence[Row]:
    """Return a slice of addresses with their accounts' xpubs: account, branch, index, script, xpub."""
    keys = (addresses.c.account_id, addresses.c.branch, addresses.c.index)
    found = sa.select(*keys, addresses.c.script, accounts.c.xpub).join(accounts, accounts.c.id == keys[0])
    if after:
        given = (sa.literal(value, key.type) for value, key in zip(after, keys, strict=True))
        found = found.where(sa.tuple_(*keys) > sa.tuple_(*given))
    return await bulk.fetch_all(db, found.order_by(*keys).limit(SLICE))


def derived(rows: Sequence[Row]) -> Slice:
    """Derive the addresses again, 0.1 ms each: give this to a thread."""
    for row in rows:
        account, branch, index = _place(row)
        if _script(row["xpub"], branch, index) != bytes(row["script"]):
            return Slice(
                len(rows), f"address {branch}/{index} of account {account} is not of the account's key"
            )
    return Slice(len(rows), next=_place(rows[-1]) if len(rows) == SLICE else None)


async def some_accounts(db: Db, after: tuple[Any, ...]) -> Sequence[Row]:
    """Return a slice of account numbers with their xpubs, of accounts and of keys that are ready for new ones."""
    [last] = after or (-1,)
    opened = sa.select(accounts.c.id.label("number"), accounts.c.xpub).where(accounts.c.id > last)
    ready = sa.select(ready_keys.c.number, ready_keys.c.xpub).where(ready_keys.c.number > last)
    some = [one.order_by(sa.text("1")).limit(SLICE).subquery().select() for one in (opened, ready)]
    return await bulk.fetch_all(db, sa.union(*some).order_by(sa.text("1")).limit(SLICE))


def of_seed(rows: Sequence[Row], xpubs: Mapping[int, str]) -> Slice:
    """Compare each account's xpub with what the seed makes of its number."""
    for row in rows:
        if xpubs.get(row["number"]) != row["xpub"]:
            return Slice(len(rows), f"the key of account {row['number']} is not of the seed")
    return Slice(len(rows), next=(rows[-1]["number"],) if len(rows) == SLICE else None)


def _place(row: Row) -> tuple[int, int, int]:
    return row["account_id"], row["branch"], row["index"]


def _script(xpub: str, branch: int, index: int) -> bytes:
    if branch == ACCOUNT_KEY:
        return dogecoin.p2pkh(dogecoin.hash160(dogecoin.parse_xpub(xpub).public_key))
    return dogecoin.script_at(xpub, branch, index)


async def some_coins(db: Db, after: tuple[Any, ...]) -> list[tuple[Outpoint, int]]:
    """Return a slice of the coins that a block holds and none has spent, each with its amount."""
    keys = (coins.c.txid, coins.c.vout)
    found = sa.select(*keys, coins.c.amount).where(UNSPENT)
    if after:
        given = (sa.literal(value, key.type) for value, key in zip(after, keys, strict=True))
        found = found.where(sa.tuple_(*keys) > sa.tuple_(*given))
    rows = await db.execute(found.order_by(*keys).limit(COINS))
    return [(Outpoint(bytes(row.txid), row.vout), row.amount) for row in rows]


def at_node(given: Sequence[tuple[Outpoint, int]], there: Sequence[int | None]) -> Slice:
    """Hold coins against the amounts that the node has for them, None where it has no such coin."""
    wrong = [outpoint for (outpoint, amount), held in zip(given, there, strict=True) if held != amount]
    return Slice(len(given), f"coin {wrong[0]} is not at the node" if wrong else "")
