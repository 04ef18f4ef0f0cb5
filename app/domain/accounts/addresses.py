"""Deposit addresses: they can be paid any number of times, and are credited for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import addresses, deposits
from app.domain import batch, dogecoin
from app.domain.accounts.account import ACCOUNT_KEY
from app.domain.accounts.account import fetch as fetch_account
from app.domain.accounts.receiving import ReceivingBranch, lock_branches, write_addresses
from app.domain.batch import Step
from app.domain.commands import Command, plain
from app.domain.dogecoin import Network
from app.domain.installation import Installation, NotCurrent, why_not_current
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.pages import Page, PageRequest
from app.domain.queries import Query
from app.domain.refusals import NotFound, Refusal

GIVEN_BRANCHES: Final = (dogecoin.RECEIVE, ACCOUNT_KEY)
"""The branches of the addresses that are given out; change addresses are not shown."""


class NoSuchAddress(NotFound):
    """There is no deposit address {address}."""


@dataclass(frozen=True, slots=True)
class AddressOrder:
    """A deposit address that a caller wants: a `fresh` one, or the last one if nothing has come to it."""

    foreign_id: str
    fresh: bool = False


class AddressCursor(NamedTuple):
    """The place of an address in its account's list, which is in this order."""

    branch: int
    key_index: int


BEFORE_ALL: Final = AddressCursor(0, -1)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was given out; `path` as in BIP44, `used` once a block has paid it."""

    address: str
    cursor: AddressCursor
    path: str
    purpose: str
    used: bool
    created: datetime


async def give(db: Db, orders: Sequence[AddressOrder], installation: Installation) -> list[str | Refusal]:
    """Return an address for each order; NotCurrent while the next one may be in use already."""
    if (reason := await why_not_current(db)) is not None:
        return [NotCurrent(reason=reason) for _ in orders]
    branches = await lock_branches(db, [order.foreign_id for order in orders])
    unused = await _unused(db, [branch.owner.id for branch in branches.values()])
    decided = batch.decide(
        orders,
        {name: (branch, unused.get(branch.owner.id)) for name, branch in branches.items()},
        lambda order: order.foreign_id,
        _give,
    )
    steps = batch.accepted(decided)
    rows = [row for _, (_, row) in steps if row is not None]
    await write_addresses(db, [branch for (branch, _), _ in steps], rows)
    network = installation.network
    return batch.outcomes(decided, [dogecoin.to_address(network, script) or "" for _, (script, _) in steps])


def _give(
    order: AddressOrder, state: tuple[ReceivingBranch, bytes | None] | None
) -> Step[tuple[ReceivingBranch, bytes | None], tuple[bytes, Row | None]] | Refusal:
    """Give the account's last script, if it is unused, or else the next one, with its row."""
    if state is None:
        return NoSuchAccount(foreign_id=order.foreign_id)
    branch, unused = state
    if not branch.owner.open:
        return AccountClosed(foreign_id=order.foreign_id, field="foreign_id")
    if unused and not order.fresh:
        return Step(state, (unused, None))
    after, row = branch.next_address("deposit")
    return Step((after, row["script"]), (row["script"], row))


async def check(db: Db, network: Network, address: str) -> None:
    """Refuse with NoSuchAddress what is no deposit address of ours."""
    script = dogecoin.to_script_or_none(network, address)
    ours = sa.select(addresses.c.purpose).where(
        addresses.c.script == script, addresses.c.purpose == "deposit"
    )
    if script is None or (await db.execute(ours)).first() is None:
        raise NoSuchAddress(address=address, field="address")


async def _are_ours(db: ReadDb, scripts: Sequence[bytes]) -> list[bool]:
    rows = await bulk.fetch_all(db, _OURS, {"scripts": scripts})
    ours = {bytes(row["script"]) for row in rows}
    return [script in ours for script in scripts]


IS_OURS: Final = Query("address", plain(_are_ours))
"""Whether an output script pays an address of this database's, of whatever purpose."""


async def page(
    db: Db, network: Network, foreign_id: str, request: PageRequest[AddressCursor]
) -> Page[Address, AddressCursor]:
    """Return a page of the addresses that the account has given out, by their indices; then its own."""
    account = await fetch_account(db, foreign_id)
    after = request.after_or(BEFORE_ALL)
    listed: list[Address] = []
    # One branch after the other: between them lies change, of which there may be a million.
    for branch in GIVEN_BRANCHES:
        if branch >= after.branch and len(listed) < request.rows:
            low = after.key_index if branch == after.branch else -1
            rows = await bulk.fetch_all(db, _of_branch(account.id, branch, low, request.rows - len(listed)))
            listed += [_of(network, row) for row in rows]
    return request.page(listed, lambda address: address.cursor)


def _of_branch(account: int, branch: int, after: int, limit: int) -> sa.Select[Any]:
    behind = (addresses.c.account_id == account, addresses.c.branch == branch, addresses.c.index > after)
    page = sa.select(addresses.c.index).where(*behind).order_by(addresses.c.index).limit(limit)
    shown = sa.select(addresses, _used().label("used")).where(*behind, bulk.among(addresses.c.index, page))
    return shown.order_by(addresses.c.index)


async def _themselves(_: Db, ids: Sequence[str]) -> dict[str, str]:
    """An address is its own id."""
    return {address: address for address in ids}


GIVE_ADDRESS: Final = Command("address", give, plain(_themselves), str)


async def _unused(db: Db, accounts: Sequence[int]) -> Mapping[int, bytes]:
    """Return each account's last deposit address, by account, where nothing has come to it."""
    return {row.id: bytes(row.script) for row in await db.execute(_UNUSED, {"accounts": list(accounts)})}


_OURS: Final = Prepared(
    sa.select(addresses.c.script).where(
        addresses.c.script == sa.any_(sa.bindparam("scripts", type_=bulk.BYTES))
    )
)
_UNUSED: Final = sa.text("""
    SELECT account.id, last.script FROM unnest(:accounts) AS account (id)
    CROSS JOIN LATERAL (
        SELECT * FROM addresses WHERE account_id = account.id AND purpose = 'deposit'
        ORDER BY index DESC LIMIT 1
    ) AS last
    WHERE NOT EXISTS (
        SELECT FROM deposits
        WHERE account_id = account.id AND branch = last.branch AND index = last.index AND invoice IS NULL
    )
""").bindparams(sa.bindparam("accounts", type_=bulk.BIGINTS))


def _used() -> sa.ColumnElement[bool]:
    """Whether anything has come to an address; each of the two questions has an index of its own."""
    same_account = deposits.c.account_id == addresses.c.account_id
    same_key = sa.and_(deposits.c.branch == addresses.c.branch, deposits.c.index == addresses.c.index)
    return sa.case(
        (
            addresses.c.purpose == "invoice",
            sa.exists().where(same_account, deposits.c.invoice == addresses.c.index),
        ),
        else_=sa.exists().where(same_account, same_key, deposits.c.invoice.is_(None)),
    )


def _of(network: Network, row: Row) -> Address:
    cursor = AddressCursor(row["branch"], row["index"])
    account_path = f"m/44'/{network.coin_type}'/{row['account_id']}'"
    own = cursor.branch == ACCOUNT_KEY
    return Address(
        dogecoin.to_address(network, bytes(row["script"])) or "",
        cursor,
        account_path if own else f"{account_path}/{cursor.branch}/{cursor.key_index}",
        row["purpose"],
        row["used"],
        row["created"],
    )
