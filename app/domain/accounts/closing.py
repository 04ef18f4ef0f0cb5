"""Closing: an account that has nothing and waits for nothing can be closed. The chain still credits it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from app import money
from app.db import Db, bulk, tables
from app.db.tables import accounts as account_rows
from app.db.tables import assets, escrows, invoices, sightings
from app.domain import ledger, outbox
from app.domain.accounts.account import Account, account_closed, account_shown, key_of, lock_shown
from app.domain.accounts.account import load as load_accounts
from app.domain.accounts.account import lock as lock_accounts
from app.domain.audit_log import Audited
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.ledger import Balance, Bucket, balance_locks
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal

NAMED: Final = 3
"""The most balances that a refusal names."""
_FEES: Final = "the installation's fees to take, as KENNEL_PLATFORM_ACCOUNT says"
"""The platform's account stays open: fees of escrows and SPEND of Dogecoin go there."""


class StillInUse(Conflict):
    """The account {foreign_id} cannot be closed: it has {what}."""

    field = "foreign_id"


async def close(db: Db, foreign_ids: Sequence[str], installation: Installation) -> list[Account | Refusal]:
    """Close the accounts that can be closed; a closed one stays closed.

    Whoever issues an invoice waits for the account's lock, and whoever moves its money for the locks of its
    balances. After that they find it closed.
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


async def _before(db: Db, foreign_ids: Sequence[str], _: Installation) -> list[dict[str, Any] | None]:
    return await lock_shown(db, foreign_ids)


CLOSE: Final = Command(
    "close", close, plain(load_accounts), key_of,
    audited=Audited(account_shown, lambda account: account.foreign_id, _before),
)  # fmt: skip


def _outcome(
    name: str, accounts_by_name: Mapping[str, Account], obstacles: Mapping[int, str]
) -> Account | Refusal:
    account = accounts_by_name.get(name)
    if account is None:
        return NoSuchAccount(foreign_id=name, field="foreign_id")
    what = obstacles.get(account.id)
    return StillInUse(foreign_id=name, what=what) if what else account


async def _obstacles(db: Db, ids: Sequence[int]) -> dict[int, str]:
    """Return what keeps each account open, if anything: money first, then what comes, invoices, and escrows."""
    balances = await _balances(db, ids)
    return await _escrows(db, ids) | await _invoices(db, ids) | await _coming(db, ids) | balances


# A balance in an asset that is created meanwhile would not be locked here.
_NO_NEW_ASSETS: Final = sa.text("LOCK TABLE assets IN SHARE MODE")


async def _balances(db: Db, ids: Sequence[int]) -> dict[int, str]:
    """Lock the balances in all assets; rows that are missing are made for that, and deleted again."""
    await db.execute(_NO_NEW_ASSETS)
    decimals = {
        row.code: row.decimals for row in await db.execute(sa.select(assets.c.code, assets.c.decimals))
    }
    locked = await balance_locks.lock(db, sorted((account, code) for account in ids for code in decimals))
    await ledger.delete_unused(db, locked)
    amounts_of: dict[int, list[str]] = {}
    for (account, asset), balance in locked.balances.items():
        amounts_of.setdefault(account, []).extend(_amounts(asset, balance, decimals[asset]))
    return {account: " and ".join(amounts[:NAMED]) for account, amounts in amounts_of.items() if amounts}


def _amounts(asset: str, balance: Balance, decimals: int) -> list[str]:
    amounts = {bucket: balance.of(bucket) for bucket in Bucket}
    return [
        f"{money.show(amount, decimals)} {asset} {bucket}" for bucket, amount in amounts.items() if amount
    ]


async def _invoices(db: Db, ids: Sequence[int]) -> dict[int, str]:
    """Find invoices that somebody may still pay. One that was paid in part shows as a balance."""
    is_over = invoices.c.expired | invoices.c.cancelled | invoices.c.settled
    unpaid = sa.and_(~is_over, invoices.c.received == 0)
    rows = await _one_each(db, invoices.c.address, invoices.c.account_id, unpaid, ids)
    return {
        account: f"the invoice {address}, which is not paid: cancel it" for account, address in rows.items()
    }


async def _coming(db: Db, ids: Sequence[int]) -> dict[int, str]:
    """Find money that waits for a block, also of an invoice that is accepted before that.

    What comes to a closed account is credited all the same, but its owner may have gone.
    """
    rows = await _one_each(db, sightings.c.txid, sightings.c.account_id, sightings.c.state == "seen", ids)
    return {
        account: f"money on its way in the transaction {bytes(txid)[::-1].hex()}"
        for account, txid in rows.items()
    }


async def _escrows(db: Db, ids: Sequence[int]) -> dict[int, str]:
    """Find escrows of which the account is the seller."""
    is_open = escrows.c.state.in_(tables.OPEN_ESCROWS)
    rows = await _one_each(db, escrows.c.id, escrows.c.seller_id, is_open, ids)
    return {account: f"the escrow {escrow} to be paid from" for account, escrow in rows.items()}


async def _one_each(
    db: Db, shown: sa.Column[Any], owner: sa.Column[int], rule: sa.ColumnElement[bool], ids: Sequence[int]
) -> dict[int, Any]:
    """Return the column `shown` of one row that matches the rule, by account."""
    account = sa.func.unnest(sa.literal(list(ids), bulk.BIGINTS)).table_valued("id").render_derived()
    first = sa.select(shown.label("shown")).where(owner == account.c.id, rule).limit(1).lateral()
    rows = await db.execute(
        sa.select(account.c.id, first.c.shown).select_from(account.join(first, sa.true()))
    )
    return {row.id: row.shown for row in rows}
