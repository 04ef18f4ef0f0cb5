"""Deposit addresses: given out to be paid any number of times, and credited for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import accounts as account_rows
from app.db.tables import addresses, deposits
from app.domain import dogecoin
from app.domain.accounts.account import ACCOUNT_KEY
from app.domain.accounts.account import fetch as fetch_account
from app.domain.accounts.account import lock as lock_accounts
from app.domain.commands import Command, plain
from app.domain.dogecoin import Network
from app.domain.installation import Installation, NotCurrent, unfit
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.pages import Page, PageRequest
from app.domain.refusals import NotFound, Refusal

GIVEN_BRANCHES: Final = (dogecoin.RECEIVE, ACCOUNT_KEY)
"""What was ever given out lies here; change is nobody's business."""


class NoSuchAddress(NotFound):
    """There is no deposit address {address}."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account's deposit address: a `fresh` one, or the last one while nothing has come to it."""

    foreign_id: str
    fresh: bool = False


class AddressCursor(NamedTuple):
    """Where an address stands in its account's list, which is in this order."""

    branch: int
    key_index: int


BEFORE_ALL: Final = AddressCursor(0, -1)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was given out; `path` as in BIP44, `used` once a block has paid it."""

    address: str
    place: AddressCursor
    path: str
    purpose: str
    used: bool
    created: datetime


async def give(db: Db, orders: Sequence[Wanted], installation: Installation) -> list[str | Refusal]:
    """Return an address for each order, its index counted together with those of invoices; NotCurrent as for those."""
    if (reason := await unfit(db)) is not None:
        return [NotCurrent(reason=reason) for _ in orders]
    locked = await lock_accounts(db, list({order.foreign_id for order in orders}))
    names = {row["id"]: name for name, row in locked.items()}
    current = {names[account]: script for account, script in (await _unused(db, list(names))).items()}
    next_index = {name: row["next_index"] for name, row in locked.items()}
    outcomes: list[str | Refusal] = []
    made: list[dict[str, object]] = []
    for order in orders:
        name, account = order.foreign_id, locked.get(order.foreign_id)
        if account is None or account["state"] == "closed":
            refused = (
                AccountClosed(foreign_id=name, field="foreign_id")
                if account
                else NoSuchAccount(foreign_id=name)
            )
            outcomes.append(refused)
            continue
        if order.fresh or name not in current:
            index, script = dogecoin.next_script(account["xpub"], dogecoin.RECEIVE, next_index[name])
            current[name], next_index[name] = script, index + 1
            place = {"account_id": account["id"], "branch": dogecoin.RECEIVE, "index": index}
            made.append({"script": script, **place, "purpose": "deposit"})
        outcomes.append(dogecoin.to_address(installation.network, current[name]) or "")
    if made:
        moved = [{"id": locked[name]["id"], "next_index": index} for name, index in next_index.items()]
        await bulk.update(db, account_rows, ("id",), sorted(moved, key=lambda row: row["id"]))
        await bulk.insert(db, addresses, made)
    return outcomes


async def check(db: Db, network: Network, address: str) -> None:
    """Refuse what is no deposit address of ours with NoSuchAddress."""
    script = dogecoin.to_script_or_none(network, address)
    ours = sa.select(addresses.c.purpose).where(
        addresses.c.script == script, addresses.c.purpose == "deposit"
    )
    if script is None or (await db.execute(ours)).first() is None:
        raise NoSuchAddress(address=address, field="address")


async def page(
    db: Db, network: Network, foreign_id: str, request: PageRequest[AddressCursor]
) -> Page[Address, AddressCursor]:
    """Return some of what the account has given out: addresses to receive on by their indices, then its own."""
    account = await fetch_account(db, foreign_id)
    after = request.after_or(BEFORE_ALL)
    listed: list[Address] = []
    # One branch after the other: between them lies change, of which there may be a million.
    for branch in GIVEN_BRANCHES:
        if branch >= after.branch and len(listed) < request.rows:
            low = after.key_index if branch == after.branch else -1
            rows = await bulk.fetch_all(db, _of_branch(account.id, branch, low, request.rows - len(listed)))
            listed += [_of(network, row) for row in rows]
    return request.page(listed, lambda address: address.place)


def _of_branch(account: int, branch: int, after: int, limit: int) -> sa.Select[Any]:
    here = (addresses.c.account_id == account, addresses.c.branch == branch, addresses.c.index > after)
    page = sa.select(addresses.c.index).where(*here).order_by(addresses.c.index).limit(limit)
    shown = sa.select(addresses, _used().label("used")).where(*here, bulk.among(addresses.c.index, page))
    return shown.order_by(addresses.c.index)


async def _themselves(_: Db, ids: Sequence[str]) -> dict[str, str]:
    """An address is its own id."""
    return {address: address for address in ids}


GIVE_ADDRESS: Final = Command("address", give, plain(_themselves), str)


async def _unused(db: Db, ids: Sequence[int]) -> Mapping[int, bytes]:
    """Return each account's last deposit address to which nothing has come, by account."""
    wanted = sa.select(sa.func.unnest(sa.literal(list(ids), bulk.BIGINTS)).label("id")).subquery()
    last = (
        sa.select(addresses)
        .where(addresses.c.account_id == wanted.c.id, addresses.c.purpose == "deposit")
        .order_by(addresses.c.index.desc())
        .limit(1)
        .lateral()
    )
    found = sa.select(last.c.account_id, last.c.script).select_from(wanted.join(last, sa.true()))
    unused = found.where(~sa.exists().where(*_paid_directly(last)))
    return {row.account_id: bytes(row.script) for row in await db.execute(unused)}


def _used() -> sa.ColumnElement[bool]:
    """Say whether anything has come to an address; each side has its own index."""
    of_invoice = sa.and_(
        deposits.c.account_id == addresses.c.account_id, deposits.c.invoice == addresses.c.index
    )
    return sa.case(
        (addresses.c.purpose == "invoice", sa.exists().where(of_invoice)),
        else_=sa.exists().where(*_paid_directly(addresses)),
    )


def _paid_directly(given: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
    same = (deposits.c[name] == given.c[name] for name in ("account_id", "branch", "index"))
    return (*same, deposits.c.invoice.is_(None))


def _of(network: Network, row: Row) -> Address:
    place = AddressCursor(row["branch"], row["index"])
    above = f"m/44'/{network.coin_type}'/{row['account_id']}'"
    plain: dict[str, Any] = {name: row[name] for name in ("purpose", "used", "created")}
    path = above if place.branch == ACCOUNT_KEY else f"{above}/{place.branch}/{place.key_index}"
    return Address(dogecoin.to_address(network, bytes(row["script"])) or "", place, path, **plain)
