"""Transfer orders: what callers want moved, judged and posted together, each with its own outcome."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from app.db import Db, bulk
from app.db.tables import TREASURY
from app.domain import accounts, batch, ledger, outbox
from app.domain.accounts import AccountOrder
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
from app.domain.transfers.transfer import TREASURY_NAME, Transfer
from app.domain.transfers.transfer import by_keys as transfers_by_keys
from app.domain.transfers.transfer import made as transfer_made

PAYEES: Final = 100
"""The most that one transfer may have."""
SLICE: Final = 50
"""Transfers that are told of while PostgreSQL is not listened to: a millisecond."""
ISSUER: Final = None
"""Stands for the treasury where an order names who gives or takes."""
ISSUING: Final = Owner(TREASURY, TREASURY_NAME, "")
"""The treasury as an account."""


class SameAccount(Invalid):
    """The account {account} is on both sides."""


class PayeeTwice(Invalid):
    """The account {account} is named twice."""


class TooMuchAtOnce(Invalid):
    """That is more than can be counted."""

    field = "amount"


class Lacking(Conflict):
    """{account} has {available} {asset}, {needed} needed."""

    code = "insufficient-funds"
    field = "amount"


class TwoAssets(Invalid):
    """One transfer is of one asset, and this one of {asset}: make two, with `atomic` to have both or none."""


class OtherTotal(Invalid):
    """The payees get {total} together, and amount is {amount}."""

    field = "amount"


class Payee(NamedTuple):
    """Who is to get how much; `asset` may be said again. `fields` are the names under which the request has the three."""

    account: str | None
    amount: RawAmount
    fields: tuple[str, str, str] = ("to", "amount", "asset")
    asset: str | None = None


class TransferOrder(NamedTuple):
    """A transfer that a caller wants. `key` is the caller's own name for it; accounts are foreign_ids, or ISSUER.

    `field` is the name under which the request has the payer; `opening` is an account that is opened where it is missing;
    `total` is what the payees are to get together, where the request says that too.
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


class KeyMade(KeyReused):
    """This Idempotency-Key has made a transfer already, longer ago than requests are remembered, or as a part of another."""


class TransferPlan(NamedTuple):
    """An order that can be carried out as far as the money goes."""

    entry: Entry
    asset: Asset


class Made(NamedTuple):
    """A plan that was carried out."""

    plan: TransferPlan
    posted: Posted


class Parties(NamedTuple):
    """Whom and what the orders of a batch name."""

    owners: Mapping[str | None, Owner]
    assets: Mapping[str, Asset]


async def open_and_make(
    db: Db, orders: Sequence[TransferOrder], installation: Installation
) -> list[Transfer | Refusal]:
    """Carry the orders out after opening what they name that is to be opened; where all those are refused, nothing is."""
    names = {order.opening for order in orders if order.opening}
    missing = names - (await accounts.owners(db, sorted(names))).keys() if names else set()
    if not missing:
        return await make(db, orders)
    async with db.begin_nested() as trial:
        outcomes = await _opening(db, orders, sorted(missing), installation)
        pairs = list(zip(orders, outcomes, strict=True))
        if any(order.opening in missing and isinstance(outcome, Transfer) for order, outcome in pairs):
            return outcomes
        await trial.rollback()
    decided = [
        outcome if order.opening in missing and isinstance(outcome, Refusal) else order
        for order, outcome in pairs
    ]
    return batch.outcomes(decided, await make(db, batch.accepted(decided)))


async def _opening(
    db: Db, orders: Sequence[TransferOrder], missing: Sequence[str], installation: Installation
) -> list[Transfer | Refusal]:
    """Carry out what names no account that cannot be opened."""
    opened = await accounts.put(db, [AccountOrder(name, {}) for name in missing], installation.network)
    refused = {
        name: outcome for name, outcome in zip(missing, opened, strict=True) if isinstance(outcome, Refusal)
    }
    decided = [refused.get(order.opening, order) for order in orders]
    return batch.outcomes(decided, await make(db, batch.accepted(decided)))


async def make(db: Db, orders: Sequence[TransferOrder]) -> list[Transfer | Refusal]:
    """Carry the orders out in their order, as far as each payer's money goes."""
    parties = await named(db, orders)
    plans = [plan(order, parties) for order in orders]
    accepted = batch.accepted(plans)
    decided, pending = await ledger.decide(db, [item.entry for item in accepted])
    verdicts = [verdict(item, outcome, parties) for item, outcome in zip(accepted, decided, strict=True)]
    transfers = await post_orders(db, parties, batch.accepted(verdicts), pending)
    return batch.outcomes(plans, batch.outcomes(verdicts, transfers))


async def named(db: Db, orders: Sequence[TransferOrder]) -> Parties:
    """Look up the accounts and assets that the orders name."""
    names = {order.payer for order in orders} | {payee.account for order in orders for payee in order.payees}
    owners: dict[str | None, Owner] = {ISSUER: ISSUING}
    owners.update(await accounts.owners(db, [name for name in names if name is not None]))
    return Parties(owners, await ledger.assets_by_code(db, {order.asset for order in orders}))


def plan(order: TransferOrder, parties: Parties) -> TransferPlan | Refusal:
    """Say what is to be posted, or what is wrong with the order."""
    try:
        return _plan(order, parties)
    except Refusal as refusal:
        return refusal


def verdict(transfer_plan: TransferPlan, outcome: Outcome, parties: Parties) -> Made | Refusal:
    """Put what the ledger said in the caller's words."""
    if isinstance(outcome, Posted):
        return Made(transfer_plan, outcome)
    if isinstance(outcome, AlreadyPosted):
        return KeyMade(field="Idempotency-Key")
    if isinstance(outcome, InsufficientFunds):
        [name] = [
            owner.foreign_id for owner in parties.owners.values() if owner.id == outcome.facts["account"]
        ]
        return lacking(name, transfer_plan.asset, outcome)
    return outcome if isinstance(outcome, AccountClosed) else outcome.about("amount")


def lacking(name: str, asset: Asset, refusal: InsufficientFunds) -> Lacking:
    """Say whose money does not reach, in the asset's decimals."""
    has, needed = (asset.show(int(str(refusal.facts[fact]))) for fact in ("available", "needed"))
    return Lacking(account=name, asset=asset.code, available=has, needed=needed)


async def post_orders(db: Db, parties: Parties, made: Sequence[Made], pending: Pending) -> list[Transfer]:
    """Write what was decided, tell of the transfers that were made, and return them."""
    parts = await bulk.meanwhile(ledger.write(db, pending), _told(parties, made))
    await outbox.emit_encoded(db, [events for _, events in parts])
    return [transfer for transfers, _ in parts for transfer in transfers]


def _told(parties: Parties, made: Sequence[Made]) -> Iterator[tuple[list[Transfer], bytes]]:
    """Show the transfers and write what is told of them, so many at a time."""
    owners = {owner.id: owner for owner in parties.owners.values()}
    names = {number: owner.foreign_id for number, owner in owners.items()}
    for first in range(0, len(made), SLICE):
        part = made[first : first + SLICE]
        transfers = [transfer_made(posted, names, plan.asset.decimals) for plan, posted in part]
        events = [
            json.told(accepted.posted, shown, owners) for accepted, shown in zip(part, transfers, strict=True)
        ]
        yield transfers, outbox.encode(list(chain.from_iterable(events)))


def _plan(order: TransferOrder, parties: Parties) -> TransferPlan:
    payer = parties.owners.get(order.payer)
    if payer is None:
        raise NoSuchAccount(foreign_id=order.payer, field=order.field)
    asset = parties.assets.get(order.asset)
    if asset is None:
        raise NoSuchAsset(code=order.asset)
    taking = [_taking(payee, payer, asset, parties) for payee in order.payees]
    if len(taking) > 1:
        _once_each(order.payees)
    total = sum([posting.amount for posting in taking])
    if total > MAX_BALANCE:
        raise TooMuchAtOnce
    said = total if order.total is None else asset.parse(order.total)
    if said != total:
        raise OtherTotal(total=asset.show(total), amount=asset.show(said))
    postings = (Posting(payer.id, Bucket.AVAILABLE, -total, asset.code), *taking)
    cause, key = ("request", order.key), _entry_key(order)
    return TransferPlan(Entry(order.kind, cause, key, postings, order.reference, order.metadata), asset)


def _entry_key(order: TransferOrder) -> str:
    return f"transfer:{order.key}"


MAKE: Final = Command(
    "transfer", open_and_make, plain(transfers_by_keys), lambda transfer: transfer.key, _entry_key
)


def _once_each(payees: Sequence[Payee]) -> None:
    seen: set[str | None] = set()
    for payee in payees:
        if payee.account in seen:
            raise PayeeTwice(account=payee.account, field=payee.fields[0])
        seen.add(payee.account)


def _taking(payee: Payee, payer: Owner, asset: Asset, parties: Parties) -> Posting:
    name, amount, other = payee.fields
    if payee.asset not in (None, asset.code):
        raise TwoAssets(asset=asset.code, field=other)
    owner = parties.owners.get(payee.account)
    if owner is None:
        raise NoSuchAccount(foreign_id=payee.account, field=name)
    if owner.id == payer.id:
        raise SameAccount(account=payee.account, field=name)
    if not owner.open:
        raise AccountClosed(foreign_id=payee.account, field=name)
    return Posting(owner.id, Bucket.AVAILABLE, asset.parse(payee.amount, amount), asset.code)
