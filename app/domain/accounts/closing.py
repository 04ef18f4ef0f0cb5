"""Closing: an account that has nothing and waits for nothing can be closed; what comes over the chain is credited still."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from app import money
from app.db import Db, bulk, tables
from app.db.tables import accounts as account_rows
from app.db.tables import assets, escrows, invoices
from app.domain import ledger, outbox
from app.domain.accounts.account import Account, account_closed
from app.domain.accounts.account import load as load_accounts
from app.domain.accounts.account import lock as lock_accounts
from app.domain.accounts.account import name as account_name
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.ledger import Balance, Bucket, balance_locks
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal

NAMED: Final = 3
"""Balances that a refusal names; there may be more."""


_FEES: Final = "the installation's fees to take, as KENNEL_PLATFORM_ACCOUNT says"
"""What keeps the platform's account open: escrows end into it, and SPEND of Dogecoin goes there."""


class StillInUse(Conflict):
    """The account {foreign_id} cannot be closed: it has {what}."""

    field = "foreign_id"


async def close(db: Db, foreign_ids: Sequence[str], installation: Installation) -> list[Account | Refusal]:
    """Close what is open and in nobody's way; one that is closed stays so, and the platform's stays open.

    Under the account's lock nobody issues an invoice, and under its balances' locks nobody moves its money: whoever
    waits for them meanwhile finds it closed.
    """
    locked = await lock_accounts(db, list(foreign_ids))
    accounts_by_name = {name: Account.of(row) for name, row in locked.items()}
    open_accounts = {account.id: account for account in accounts_by_name.values() if account.state == "open"}
    obstacles = await _obstacles(db, list(open_accounts)) if open_accounts else {}
    platform = installation.platform
    obstacles |= {account.id: _FEES for account in open_accounts.values() if account.foreign_id == platform}
    closed = {
        a.foreign_id: replace(a, state="closed") for a in open_accounts.values() if a.id not in obstacles
    }
    if closed:
        await bulk.update(
            db, account_rows, ("id",), [{"id": a.id, "state": a.state} for a in closed.values()]
        )
        await outbox.emit(db, [account_closed(account) for account in closed.values()])
    return [_outcome(name, accounts_by_name | closed, obstacles) for name in foreign_ids]


CLOSE: Final = Command("close", close, plain(load_accounts), account_name)


def _outcome(
    name: str, accounts_by_name: Mapping[str, Account], obstacles: Mapping[int, str]
) -> Account | Refusal:
    account = accounts_by_name.get(name)
    if account is None:
        return NoSuchAccount(foreign_id=name, field="foreign_id")
    what = obstacles.get(account.id)
    return StillInUse(foreign_id=name, what=what) if what else account


async def _obstacles(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    """Say of each account what keeps it open, where anything does: its money first."""
    held = await _balances(db, numbers)
    return await _trades(db, numbers) | await _invoices(db, numbers) | held


# No asset is made meanwhile: a balance in it would be one that is not locked here.
_NO_NEW_ASSETS: Final = sa.text("LOCK TABLE assets IN SHARE MODE")


async def _balances(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    """Lock the balances in every asset there is, also where there is none yet: that one is made, and left no longer than this."""
    await db.execute(_NO_NEW_ASSETS)
    decimals = {
        row.code: row.decimals for row in await db.execute(sa.select(assets.c.code, assets.c.decimals))
    }
    slots = sorted((number, code) for number in numbers for code in decimals)
    found: dict[int, list[str]] = {}
    locked = await balance_locks.lock(db, slots)
    await ledger.delete_unused(db, locked)
    for (account, asset), balance in locked.balances.items():
        found.setdefault(account, []).extend(_amounts(asset, balance, decimals[asset]))
    return {number: " and ".join(amounts[:NAMED]) for number, amounts in found.items() if amounts}


def _amounts(asset: str, balance: Balance, decimals: int) -> list[str]:
    lying = {bucket: balance.of(bucket) for bucket in Bucket}
    return [f"{money.show(amount, decimals)} {asset} {bucket}" for bucket, amount in lying.items() if amount]


async def _invoices(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    """Find an invoice that somebody may still pay; of one that was paid in part the money tells."""
    waits = sa.and_(
        ~(invoices.c.expired | invoices.c.cancelled | invoices.c.settled), invoices.c.received == 0
    )
    rows = await _one_each(db, invoices.c.address, invoices.c.account_id, waits, numbers)
    return {
        number: f"the invoice {address}, which is not paid: cancel it" for number, address in rows.items()
    }


async def _trades(db: Db, numbers: Sequence[int]) -> dict[int, str]:
    """Find an escrow of which the account is to be paid."""
    rows = await _one_each(
        db, escrows.c.id, escrows.c.seller_id, escrows.c.state.in_(tables.OPEN_ESCROWS), numbers
    )
    return {number: f"the escrow {escrow} to be paid from" for number, escrow in rows.items()}


async def _one_each(
    db: Db, shown: sa.Column[Any], owner: sa.Column[int], rule: sa.ColumnElement[bool], numbers: Sequence[int]
) -> dict[int, Any]:
    """Find one row of each account for which the rule is true, however many there are."""
    account = sa.func.unnest(sa.literal(list(numbers), bulk.BIGINTS)).table_valued("id").render_derived()
    one = sa.select(shown.label("shown")).where(owner == account.c.id, rule).limit(1).lateral()
    found = await db.execute(sa.select(account.c.id, one.c.shown).select_from(account.join(one, sa.true())))
    return {row.id: row.shown for row in found}
