"""Accounts: what a foreign_id names, how it is found, locked, renamed and told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from app.db import Db, Prepared, ReadDb, Row, bulk
from app.db.tables import accounts
from app.domain import outbox, pages
from app.domain.access import EVERYTHING, LimitedBy, Reach, within
from app.domain.accounts import names as account_names
from app.domain.commands import plain
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import json_text
from app.domain.owner import Owner, no_such
from app.domain.pages import Page, PageRequest
from app.domain.queries import Query
from app.domain.refusals import Conflict, Refusal
from app.money import Koinu, show

ACCOUNT_KEY: Final = 2
"""The branch of the account key's own address in `addresses`; 0 receives, 1 is change."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `address` is its id in the API; `batch`: its payments can share transactions. Koinu.

    `payout_by` is the caller who has set the payout address; empty where that is not known.
    """

    id: int
    foreign_id: str
    xpub: str
    address: str
    payout_address: str
    payout_threshold: Koinu
    payout_frequency: str
    name: str
    vendor_name: str
    vendor_icon: str
    vendor_address: str
    vendor_url: str
    accept_unconfirmed_below: Koinu
    batch: bool
    state: str
    created: datetime
    payout_by: str = ""

    @property
    def payout_terms(self) -> tuple[str, Koinu, str]:
        """The terms on which payouts are made."""
        return self.payout_address, self.payout_threshold, self.payout_frequency

    @classmethod
    def of(cls, row: Row) -> "Account":
        """Read a row of `accounts`."""
        return cls(**{name: row[name] for name in cls.__slots__})


class NameTaken(Conflict):
    """There is an account {foreign_id} already."""


_NAMED: Final = sa.select(accounts).where(
    accounts.c.foreign_id == sa.any_(sa.bindparam("names", type_=bulk.TEXTS))
)
_BY_NAME: Final = Prepared(_NAMED)
_OWNERS: Final = Prepared(
    _NAMED.with_only_columns(
        *(bulk.gathered(accounts.c[name]) for name in ("id", "foreign_id", "address", "state"))
    )
)
_LOCK: Final = Prepared(_NAMED.order_by(accounts.c.id).with_for_update(key_share=True))


async def fetch(db: ReadDb, foreign_id: str) -> Account:
    """Return the account, or refuse with NoSuchAccount."""
    [account] = await fetch_many(db, [foreign_id])
    if isinstance(account, Refusal):
        raise account
    return account


async def fetch_many(db: ReadDb, foreign_ids: Sequence[str]) -> list[Account | Refusal]:
    """Return the accounts with these names, in order; NoSuchAccount where there is none."""
    accounts_by_name = await by_names(db, foreign_ids)
    return [accounts_by_name.get(name) or no_such(name) for name in foreign_ids]


async def first_opened(db: Db) -> datetime | None:
    """Return when the first account was opened; None while there is none."""
    opened: datetime | None = await db.scalar(sa.select(sa.func.min(accounts.c.created)))
    return opened


FETCH: Final = Query("account", plain(fetch_many))
"""An account, by its foreign_id."""


async def owners(db: Db, foreign_ids: Sequence[str]) -> dict[str, Owner]:
    """Return the accounts with these names as owners, by name; a name of no account is left out."""
    [found] = await bulk.fetch_values(db, _OWNERS, {"names": list(foreign_ids)})
    ids, names, addresses, states = found
    if ids is None:
        return {}
    are_open = [state == "open" for state in states]
    return dict(zip(names, map(Owner, ids, names, addresses, are_open), strict=True))


async def batching(db: Db, foreign_ids: Sequence[str]) -> set[str]:
    """Return those of the names whose accounts let payments share transactions, if an order does not say."""
    if not foreign_ids:
        return set()
    wanted = accounts.c.foreign_id == sa.any_(sa.literal(list(foreign_ids), bulk.TEXTS))
    return set(await db.scalars(sa.select(accounts.c.foreign_id).where(wanted, accounts.c.batch)))


async def page(db: ReadDb, request: PageRequest[int], reach: Reach = EVERYTHING) -> Page[Account, int]:
    """Return a page of the accounts, the oldest first; of some accounts those within reach, by name."""
    statement = _page_within(reach.limited_by, request.after is None) if reach.limited_by else _PAGE
    after = request.after_or(pages.BEFORE_IDS)
    rows = await bulk.fetch_all(db, statement, {"after": after, "limit": request.rows, **reach.parameters})
    return request.page([Account.of(row) for row in rows], lambda account: account.id)


_AFTER: Final = sa.bindparam("after", type_=sa.BigInteger)
_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger)
_PAGE: Final = Prepared(
    sa.select(accounts).where(accounts.c.id > _AFTER).order_by(accounts.c.id).limit(_LIMIT)
)


@cache
def _page_within(limited_by: LimitedBy, is_first: bool) -> Prepared:  # noqa: FBT001  a part of the key
    """Select accounts within reach, by the bytes of their names: one part of an index, where they have a prefix."""
    listed = sa.select(accounts).where(within(accounts.c.foreign_id, limited_by)).limit(_LIMIT)
    listed = listed.order_by(sa.text("accounts.foreign_id USING ~<~"))
    if is_first:
        return Prepared(listed)
    other = accounts.alias("other")
    last = sa.select(other.c.foreign_id).where(other.c.id == _AFTER).scalar_subquery()
    return Prepared(listed.where(accounts.c.foreign_id.op("~>~", is_comparison=True)(last)))


async def lock(db: Db, foreign_ids: Sequence[str]) -> dict[str, Row]:
    """Lock the accounts, in the order of their ids, to change them; return their rows, by foreign_id."""
    return {row["foreign_id"]: row for row in await bulk.fetch_all(db, _LOCK, {"names": list(foreign_ids)})}


async def lock_shown(db: Db, foreign_ids: Sequence[str]) -> list[dict[str, Any] | None]:
    """Lock the accounts, and return them as they are shown; None where there is none."""
    known = await lock(db, foreign_ids)
    return [account_shown(Account.of(known[name])) if name in known else None for name in foreign_ids]


async def keep_open(db: Db, foreign_ids: Sequence[str]) -> None:
    """Lock the accounts, in the order of `lock`, so that nobody closes or changes them meanwhile."""
    statement = _NAMED.with_only_columns(accounts.c.id).order_by(accounts.c.id).with_for_update(read=True)
    await db.execute(statement, {"names": list(foreign_ids)})


def _renaming(old: str, new: str) -> sa.Executable:
    """Change the name, unless another account has the new one."""
    taken = sa.exists().where(accounts.alias("other").c.foreign_id == new)
    changed = sa.update(accounts).where(accounts.c.foreign_id == old, ~taken).values(foreign_id=new)
    return changed.returning(accounts)


async def rename(db: Db, old: str, new: str) -> Account:
    """Rename the account, and tell it; refuses with NoSuchAccount, NameTaken and NotForAccounts.

    Earlier events keep the old name. Of two that take one name at once, the second fails on its constraint.
    """
    if refusal := account_names.reserved(new):
        raise refusal
    rows = await bulk.fetch_all(db, _renaming(old, new))
    if not rows:
        await fetch(db, old)
        raise NameTaken(foreign_id=new)
    account = Account.of(rows[0])
    await outbox.emit(db, [account_updated(account)])
    return account


async def by_names(db: ReadDb, foreign_ids: Sequence[str]) -> dict[str, Account]:
    """Return the accounts with these names, by foreign_id; a name of no account is left out."""
    rows = await bulk.fetch_all(db, _BY_NAME, {"names": list(foreign_ids)})
    return {row["foreign_id"]: Account.of(row) for row in rows}


def account_shown(account: Account) -> dict[str, Any]:
    """GigaWallet's five fields, then ours."""
    return {
        "id": account.address,
        "foreign_id": account.foreign_id,
        "payout_address": account.payout_address,
        "payout_threshold": show(account.payout_threshold),
        "payout_frequency": account.payout_frequency,
        "name": account.name,
        "state": account.state,
        "created": account.created.isoformat(),
        "vendor_name": account.vendor_name,
        "vendor_icon": account.vendor_icon,
        "vendor_address": account.vendor_address,
        "vendor_url": account.vendor_url,
        "accept_unconfirmed_below": show(account.accept_unconfirmed_below),
        "batch": account.batch,
    }


def account_created(account: Account) -> OutboxEvent:
    """ACC_CREATED."""
    return OutboxEvent(account.id, account.foreign_id, "ACC_CREATED", json_text(account_shown(account)))


def account_updated(account: Account) -> OutboxEvent:
    """ACC_UPDATED."""
    return OutboxEvent(account.id, account.foreign_id, "ACC_UPDATED", json_text(account_shown(account)))


def account_closed(account: Account) -> OutboxEvent:
    """ACC_CLOSED."""
    return OutboxEvent(account.id, account.foreign_id, "ACC_CLOSED", json_text(account_shown(account)))


_BY_ID: Final = "\N{INFORMATION SEPARATOR ONE}"
"""No foreign_id begins with it: a foreign_id has only printable characters."""


def key_of(account: Account) -> str:
    """Return what an idempotency key stores of the account."""
    return f"{_BY_ID}{account.id}"


async def load(db: Db, keys: Sequence[str]) -> dict[str, Account]:
    """Return the accounts, by `key_of`. An older version stored their foreign_ids, so these are found too."""
    ids = [int(key.removeprefix(_BY_ID)) for key in keys if key.startswith(_BY_ID)]
    wanted = sa.select(accounts).where(accounts.c.id == sa.any_(sa.literal(ids, bulk.BIGINTS)))
    by_id = [Account.of(row) for row in await bulk.fetch_all(db, wanted)] if ids else []
    foreign_ids = [key for key in keys if not key.startswith(_BY_ID)]
    return {key_of(account): account for account in by_id} | (await by_names(db, foreign_ids))
