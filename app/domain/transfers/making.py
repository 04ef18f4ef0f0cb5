"""Making transfers: orders are decided and posted together, each with its own outcome."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from app.db import Db, bulk
from app.db.tables import TREASURY
from app.domain import accounts, batch, ledger, outbox
from app.domain.accounts import AccountOrder
from app.domain.audit_log import Audited
from app.domain.commands import Command, plain
from app.domain.idempotency import KeyReused
from app.domain.installation import Installation
from app.domain.ledger import (
    MAX_BALANCE,
    AlreadyPosted,
    Asset,
    Bucket,
    Entry,
    InsufficientFunds,
    NoSuchAsset,
    Outcome,
    Pending,
    Posted,
    Posting,
    RawAmount,
)
from app.domain.owner import AccountClosed, NoSuchAccount, Owner
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import json
from app.domain.transfers.transfer import TREASURY_NAME, Transfer, of_posted
from app.domain.transfers.transfer import by_keys as transfers_by_keys

MAX_PAYEES: Final = 100
"""The most payees of one transfer."""
SLICE: Final = 50
"""Transfers whose events are rendered before PostgreSQL is listened to again: that takes a millisecond."""
ISSUER: Final = None
"""Stands for the treasury where an order names payer or payee."""
TREASURY_OWNER: Final = Owner(TREASURY, TREASURY_NAME, "")


class SameAccount(Invalid):
    """The account {account} is on both sides."""


class PayeeTwice(Invalid):
    """The account {account} is named twice."""


class TotalTooLarge(Invalid):
    """That is more than can be counted."""

    field = "amount"


class LacksFunds(Conflict):
    """{account} has {available} {asset}, {needed} needed."""  # `wanted`, if known: what the request takes at most

    code = "insufficient-funds"
    field = "amount"


class TwoAssets(Invalid):
    """One transfer is of one asset, and this one of {asset}: make two, with `atomic` to have both or none."""


class OtherTotal(Invalid):
    """The payees get {total} together, and amount is {amount}."""

    field = "amount"


class Payee(NamedTuple):
    """An account that gets an amount. `fields` are the request's names of account, amount and asset."""

    account: str | None
    amount: RawAmount
    fields: tuple[str, str, str] = ("to", "amount", "asset")
    asset: str | None = None


class TransferOrder(NamedTuple):
    """A transfer that a caller wants. `key` is the caller's name for it; accounts are foreign_ids, or ISSUER.

    `field` is the request's name of the payer; `opening` is an account that is opened if it is missing;
    `total` is the sum of the payees' amounts, if the request has it too.
    """

    key: str
    payer: str | None
    payees: tuple[Payee, ...]
    asset: str
    kind: str = "TRANSFER"
    reference: tuple[str, str] = ("", "")
    metadata: str = "{}"
    field: str = "from"
    opening: str = ""
    total: RawAmount | None = None


class KeyAlreadyUsed(KeyReused):
    """This Idempotency-Key has made a transfer already, longer ago than requests are remembered, or as a part of another."""


class TransferPlan(NamedTuple):
    """An order that can be posted if the payer has the money."""

    entry: Entry
    asset: Asset


class PostedPlan(NamedTuple):
    """A plan and its entry, which has its number."""

    plan: TransferPlan
    posted: Posted


class Parties(NamedTuple):
    """The accounts and assets that the orders of a batch name."""

    owners: Mapping[str | None, Owner]
    assets: Mapping[str, Asset]


async def open_and_make(
    db: Db, orders: Sequence[TransferOrder], installation: Installation
) -> list[Transfer | Refusal]:
    """Make the transfers and open missing accounts; open none if all orders that need one are refused."""
    names = {order.opening for order in orders if order.opening}
    missing = names - (await accounts.owners(db, sorted(names))).keys() if names else set()
    if not missing:
        return await make(db, orders)
    async with db.begin_nested() as trial:
        outcomes = await _open_and_make(db, orders, sorted(missing), installation)
        pairs = list(zip(orders, outcomes, strict=True))
        if any(order.opening in missing and isinstance(outcome, Transfer) for order, outcome in pairs):
            return outcomes
        await trial.rollback()
    decided = [
        outcome if order.opening in missing and isinstance(outcome, Refusal) else order
        for order, outcome in pairs
    ]
    return batch.outcomes(decided, await make(db, batch.accepted(decided)))


async def _open_and_make(
    db: Db, orders: Sequence[TransferOrder], missing: Sequence[str], installation: Installation
) -> list[Transfer | Refusal]:
    """Open the missing accounts, and make the transfers whose account could be opened."""
    opened = await accounts.put(db, [AccountOrder(name, {}) for name in missing], installation.network)
    refused = {
        name: outcome for name, outcome in zip(missing, opened, strict=True) if isinstance(outcome, Refusal)
    }
    decided = [refused.get(order.opening, order) for order in orders]
    return batch.outcomes(decided, await make(db, batch.accepted(decided)))


async def make(db: Db, orders: Sequence[TransferOrder]) -> list[Transfer | Refusal]:
    """Make the transfers in order, each if its payer has the money."""
    parties = await load_parties(db, orders)
    plans = [plan_order(order, parties) for order in orders]
    accepted = batch.accepted(plans)
    outcomes, pending = await ledger.decide(db, [plan.entry for plan in accepted])
    posted = [posted_plan(plan, outcome, parties) for plan, outcome in zip(accepted, outcomes, strict=True)]
    transfers = await write_transfers(db, parties, batch.accepted(posted), pending)
    return batch.outcomes(plans, batch.outcomes(posted, transfers))


async def load_parties(db: Db, orders: Sequence[TransferOrder]) -> Parties:
    """Look up the accounts and assets that the orders name."""
    names = {order.payer for order in orders} | {payee.account for order in orders for payee in order.payees}
    owners: dict[str | None, Owner] = {ISSUER: TREASURY_OWNER}
    owners.update(await accounts.owners(db, [name for name in names if name is not None]))
    return Parties(owners, await ledger.assets_by_code(db, {order.asset for order in orders}))


def plan_order(order: TransferOrder, parties: Parties) -> TransferPlan | Refusal:
    """Return the entry to be posted, or what is wrong with the order."""
    try:
        return _plan(order, parties)
    except Refusal as refusal:
        return refusal


def posted_plan(plan: TransferPlan, outcome: Outcome, parties: Parties) -> PostedPlan | Refusal:
    """Return the plan with its entry, or its refusal."""
    return PostedPlan(plan, outcome) if isinstance(outcome, Posted) else refusal_of(plan, outcome, parties)


def refusal_of(plan: TransferPlan, outcome: AlreadyPosted | Refusal, parties: Parties) -> Refusal:
    """Return the ledger's refusal in the words of the request."""
    if isinstance(outcome, AlreadyPosted):
        return KeyAlreadyUsed(field="Idempotency-Key")
    if isinstance(outcome, InsufficientFunds):
        [name] = [
            owner.foreign_id for owner in parties.owners.values() if owner.id == outcome.facts["account"]
        ]
        return lacks_funds(name, plan.asset, outcome)
    return outcome if isinstance(outcome, AccountClosed) else outcome.about("amount")


def lacks_funds(name: str, asset: Asset, refusal: InsufficientFunds) -> LacksFunds:
    """Return the ledger's refusal with the account's name, and amounts in the asset's decimals."""
    has, needed = (asset.show(int(str(refusal.facts[fact]))) for fact in ("available", "needed"))
    return LacksFunds(account=name, asset=asset.code, available=has, needed=needed)


async def write_transfers(
    db: Db, parties: Parties, posted: Sequence[PostedPlan], pending: Pending
) -> list[Transfer]:
    """Write the entries; render the events meanwhile, and emit them. Return the transfers."""
    _, parts = await bulk.meanwhile(ledger.write(db, pending), _rendered(parties, posted))
    await outbox.emit_encoded(db, [events for _, events in parts])
    return [transfer for transfers, _ in parts for transfer in transfers]


def _rendered(parties: Parties, posted: Sequence[PostedPlan]) -> Iterator[tuple[list[Transfer], bytes]]:
    """Yield the transfers and their events, SLICE transfers at a time."""
    owners = {owner.id: owner for owner in parties.owners.values()}
    names = {account: owner.foreign_id for account, owner in owners.items()}
    for first in range(0, len(posted), SLICE):
        part = posted[first : first + SLICE]
        transfers = [of_posted(entry, names, plan.asset.decimals) for plan, entry in part]
        events = [
            json.transfer_events(entry, transfer, owners)
            for (_, entry), transfer in zip(part, transfers, strict=True)
        ]
        yield transfers, outbox.encode(list(chain.from_iterable(events)))


def _plan(order: TransferOrder, parties: Parties) -> TransferPlan:
    payer = parties.owners.get(order.payer)
    if payer is None:
        raise NoSuchAccount(foreign_id=order.payer, field=order.field)
    asset = parties.assets.get(order.asset)
    if asset is None:
        raise NoSuchAsset(code=order.asset)
    credited = [_credit(payee, payer, asset, parties) for payee in order.payees]
    if len(credited) > 1:
        _check_once_each(order.payees)
    total = sum([posting.amount for posting in credited])
    if total > MAX_BALANCE:
        raise TotalTooLarge
    requested = total if order.total is None else asset.parse(order.total)
    if requested != total:
        raise OtherTotal(total=asset.show(total), amount=asset.show(requested))
    postings = (Posting(payer.id, Bucket.AVAILABLE, -total, asset.code), *credited)
    cause, key = ("request", order.key), _entry_key(order)
    return TransferPlan(Entry(order.kind, cause, key, postings, order.reference, order.metadata), asset)


def _entry_key(order: TransferOrder) -> str:
    return f"transfer:{order.key}"


_AUDITED: Final[Audited[TransferOrder, Transfer]] = Audited(
    json.transfer_shown, lambda transfer: str(transfer.id)
)
MAKE: Final = Command(
    "transfer", open_and_make, plain(transfers_by_keys), lambda transfer: transfer.key, _entry_key,
    audited=_AUDITED,
)  # fmt: skip


def _check_once_each(payees: Sequence[Payee]) -> None:
    seen: set[str | None] = set()
    for payee in payees:
        if payee.account in seen:
            raise PayeeTwice(account=payee.account, field=payee.fields[0])
        seen.add(payee.account)


def _credit(payee: Payee, payer: Owner, asset: Asset, parties: Parties) -> Posting:
    account_field, amount_field, asset_field = payee.fields
    if payee.asset not in (None, asset.code):
        raise TwoAssets(asset=asset.code, field=asset_field)
    owner = parties.owners.get(payee.account)
    if owner is None:
        raise NoSuchAccount(foreign_id=payee.account, field=account_field)
    if owner.id == payer.id:
        raise SameAccount(account=payee.account, field=account_field)
    if not owner.open:
        raise AccountClosed(foreign_id=payee.account, field=account_field)
    return Posting(owner.id, Bucket.AVAILABLE, asset.parse(payee.amount, amount_field), asset.code)
