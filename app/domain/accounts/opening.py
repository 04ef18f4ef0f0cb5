"""Opening and changing accounts: a ready key becomes an account with its own address, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, bulk
from app.db.tables import NEVER, STATEMENT_NOW, accounts, addresses, ready_keys
from app.domain import batch, dogecoin, installation, outbox
from app.domain.accounts import names as account_names
from app.domain.accounts.account import ACCOUNT_KEY, Account, account_created, account_updated, lock
from app.domain.batch import Step
from app.domain.dogecoin import Network
from app.domain.installation import NotCurrent
from app.domain.ledger import RawAmount
from app.domain.outbox import OutboxEvent
from app.domain.owner import AccountClosed
from app.domain.refusals import Conflict, Invalid, Refusal

FREQUENCY_DIGITS: Final = 9


class OpenAlready(Conflict):
    """There is an account {foreign_id} already: only a new one takes an opening."""

    field = "opening"


class PayoutComesBack(Invalid):
    """That is the account's own address, or change of this installation: payouts would come back, less their fees."""


class NoReadyKeys(Conflict):
    """No account can be opened just now: the keys are still being prepared; try again in a few seconds."""

    code: ClassVar[str | None] = "not-available"


@dataclass(frozen=True, slots=True)
class AccountOrder:
    """The account that a caller wants: `changes` by column; other columns stay, or take their defaults.

    `opening` is what a new account gets from the treasury, by asset. `asked_by` is the caller.
    """

    foreign_id: str
    changes: Mapping[str, Any]
    opening: Mapping[str, RawAmount] = field(default_factory=dict)
    asked_by: str = ""

    def checked(self, network: Network) -> "AccountOrder":
        """Return the order, or refuse with Invalid what it can never have."""
        if payout := self.changes.get("payout_address"):
            _check_address(network, payout)
        if frequency := self.changes.get("payout_frequency"):
            _check_frequency(frequency)
        for name in ("payout_threshold", "accept_unconfirmed_below"):
            if (self.changes.get(name) or 0) < 0:
                raise Invalid(reason=f"{name} must not be below zero.", field=name)
        return self


_GIVEN: Final = ("id", "foreign_id", "xpub", "address", "created", "payout_by")
CHANGEABLE: Final = tuple(name for name in Account.__slots__ if name not in _GIVEN)


def _check_address(network: Network, address: str) -> None:
    try:
        dogecoin.to_script(network, address)
    except dogecoin.BadAddress as error:
        raise Invalid(reason=str(error), field="payout_address") from None


def _check_frequency(frequency: str) -> None:
    if not (frequency.isascii() and frequency.isdigit() and len(frequency) <= FREQUENCY_DIGITS):
        raise Invalid(reason="payout_frequency is a whole number of seconds.", field="payout_frequency")


async def put(db: Db, orders: Sequence[AccountOrder], network: Network) -> list[Account | Refusal]:
    """Open or change accounts, one order after the other; an order that changes nothing tells nothing."""
    decided = [
        PayoutComesBack(field="payout_address") if returns else order
        for order, returns in zip(orders, await _returning(db, orders, network), strict=True)
    ]
    return batch.outcomes(decided, await _put(db, batch.accepted(decided), network))


async def _returning(db: Db, orders: Sequence[AccountOrder], network: Network) -> list[bool]:
    """Say of each order whether its payouts would come back, less fees: to its account, or as change."""
    scripts = [
        dogecoin.to_script_or_none(network, order.changes.get("payout_address") or "") for order in orders
    ]
    if not any(scripts):
        return [False] * len(orders)
    wanted = addresses.c.script == sa.any_(sa.literal([script for script in scripts if script], bulk.BYTES))
    ours = sa.select(addresses.c.script, addresses.c.purpose, accounts.c.foreign_id).where(wanted)
    rows = await db.execute(ours.join(accounts, accounts.c.id == addresses.c.account_id))
    owner_of = {bytes(row.script): None if row.purpose == "change" else row.foreign_id for row in rows}
    return [
        script in owner_of and owner_of[script] in (None, order.foreign_id)
        for script, order in zip(scripts, orders, strict=True)
    ]


async def _put(db: Db, orders: Sequence[AccountOrder], network: Network) -> list[Account | Refusal]:
    names = list(dict.fromkeys(order.foreign_id for order in orders))
    existing = {name: Account.of(row) for name, row in (await lock(db, names)).items()}
    new = [name for name in names if name not in existing and not account_names.reserved(name)]
    missing = sorted(new)  # shuffled names in two batches deadlock
    not_current = await installation.why_not_current(db) if missing else None
    opened = await _open(db, network, missing) if missing and not_current is None else {}
    raced = [name for name in missing if name not in opened]
    existing |= {name: Account.of(row) for name, row in (await lock(db, raced)).items()} if raced else {}
    before = existing | opened
    decided = batch.decide(
        orders,
        {name: (account, name in opened) for name, account in before.items()},
        lambda order: order.foreign_id,
        lambda order, state: _apply(order, state, not_current),
    )
    steps = batch.accepted(decided)
    last = {account.foreign_id: account for (account, _), _ in steps}
    if changed := [account for name, account in last.items() if account != before[name]]:
        columns = ("id", "payout_by", *CHANGEABLE)
        rows = [{name: getattr(account, name) for name in columns} for account in changed]
        await bulk.update(db, accounts, ("id",), rows)
        await _restart_schedules(db, existing, changed)
    await outbox.emit(db, [event for _, event in steps if event is not None])
    return batch.outcomes(decided, [account for (account, _), _ in steps])


async def _restart_schedules(db: Db, before: Mapping[str, Account], changed: Sequence[Account]) -> None:
    """Begin new payout terms now, as if no payout had failed. What a restore has stopped stays stopped."""
    terms = {name: account.payout_terms for name, account in before.items()}
    ids = [a.id for a in changed if a.payout_terms != terms.get(a.foreign_id)]
    if ids:
        wanted = accounts.c.id == sa.any_(sa.literal(ids, bulk.BIGINTS))
        after = sa.case((accounts.c.payout_after == NEVER, NEVER))
        new_terms = sa.update(accounts).where(wanted)
        await db.execute(new_terms.values(payout_since=STATEMENT_NOW, payout_after=after))


def _apply(
    order: AccountOrder, state: tuple[Account, bool] | None, not_current: str | None
) -> Step[tuple[Account, bool], OutboxEvent | None] | Refusal:
    """Return the account as the order changes it, and its event, if any.

    `state` is the account, and whether it was just opened for this order; `not_current` is why none can be
    opened.
    """
    if state is None:
        cannot_open = NotCurrent(reason=not_current) if not_current else NoReadyKeys()
        return account_names.reserved(order.foreign_id) or cannot_open
    account, is_new = state
    if order.opening and not is_new:
        return OpenAlready(foreign_id=order.foreign_id)
    after = _changed(account, order)
    if after != account and after.state == "closed":
        return AccountClosed(foreign_id=order.foreign_id, field="foreign_id")
    if is_new:
        return Step((after, False), account_created(after))
    return Step((after, False), None if after == account else account_updated(after))


def _changed(account: Account, order: AccountOrder) -> Account:
    """Return the account as the order leaves it. Who changes where payouts go is known as the one that asks for them."""
    changes = {name: order.changes[name] for name in CHANGEABLE if order.changes.get(name) is not None}
    after = replace(account, **changes)
    is_new_address = after.payout_address != account.payout_address
    return replace(after, payout_by=order.asked_by) if is_new_address else after


async def _open(db: Db, network: Network, foreign_ids: Sequence[str]) -> dict[str, Account]:
    """Open accounts while there are ready keys, without those that another transaction opens just now."""
    taken = sa.exists().where(
        accounts.c.id == ready_keys.c.number
    )  # the pool may hold one, if it filled late
    free = sa.select(ready_keys).where(~taken).order_by(ready_keys.c.number).limit(len(foreign_ids))
    keys = await bulk.fetch_all(db, free.with_for_update(skip_locked=True, of=ready_keys))
    if not keys:
        return {}
    rows = [
        {"id": key["number"], "foreign_id": name, "xpub": key["xpub"], "address": key["address"]}
        for name, key in zip(foreign_ids, keys, strict=False)
    ]
    source = sa.select(bulk.rows(accounts, list(rows[0]), rows))
    made = (
        insert(accounts)
        .from_select(list(rows[0]), source)
        .on_conflict_do_nothing(index_elements=["foreign_id"])
    )
    opened = [Account.of(row) for row in await bulk.fetch_all(db, made.returning(accounts))]
    if opened:
        ids = sa.literal([account.id for account in opened], bulk.BIGINTS)
        await db.execute(sa.delete(ready_keys).where(ready_keys.c.number == sa.any_(ids)))
        await bulk.insert(db, addresses, [_own_address(network, account) for account in opened])
    return {account.foreign_id: account for account in opened}


def _own_address(network: Network, account: Account) -> dict[str, object]:
    """Return the row of the account's own address: its id is an address, so it is watched and credited."""
    script = dogecoin.to_script(network, account.address)
    return {
        "script": script,
        "account_id": account.id,
        "branch": ACCOUNT_KEY,
        "index": 0,
        "purpose": "account",
    }
