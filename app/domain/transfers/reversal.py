"""Reversals: a transfer goes back once, in full or in part, from the accounts that got it."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import CLEARING, TREASURY, accounts, postings
from app.domain import batch, ledger
from app.domain.audit_log import Audited
from app.domain.commands import Command, plain
from app.domain.ledger import AlreadyPosted, Asset, Bucket, Entry, Outcome, Posting, RawAmount
from app.domain.owner import AccountClosed, Owner
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import json, making
from app.domain.transfers.making import ISSUER, TREASURY_OWNER, Parties, PostedPlan, TransferPlan
from app.domain.transfers.transfer import NoSuchTransfer, Transfer, reversal_key
from app.domain.transfers.transfer import by_ids as transfers_by_ids
from app.domain.transfers.transfer import load as load_transfers

KIND: Final = "REVERSAL"
_WHY_NOT: Final[Mapping[str, str]] = {
    KIND: "a reversal",
    "PAYFROM": "the payment of an invoice: give it back by refundtoacc or refundtoaddr",
    "REFUND": "the refund of an invoice",
}


class NotReversible(Conflict):
    """The transfer {id} cannot be reversed: it is {reason}."""

    field = "id"


class AlreadyReversed(Conflict):
    """The transfer {id} was reversed already."""

    field = "id"


class AboveTransfer(Invalid):
    """The transfer was of {amount} {asset}."""

    field = "amount"


class PartOfSeveral(Invalid):
    """A transfer to several payees is reversed as a whole."""

    field = "amount"


class ReversalOrder(NamedTuple):
    """The transfer that is to be reversed, and how much of it; None is all."""

    id: int
    amount: RawAmount | None = None


async def reverse(db: Db, orders: Sequence[ReversalOrder]) -> list[Transfer | Refusal]:
    """Reverse the transfers in order. The key of the entry makes sure that each goes back once."""
    transfers = {
        transfer.id: transfer for transfer in await load_transfers(db, [order.id for order in orders])
    }
    parts = await _parts(db, list(transfers))
    assets = await ledger.assets_by_code(db, {transfer.asset for transfer in transfers.values()})
    parties = parties_of([part for of_transfer in parts.values() for part in of_transfer], assets)
    plans = [plan_order(order, transfers.get(order.id), parts.get(order.id, ()), parties) for order in orders]
    accepted = batch.accepted(plans)
    outcomes, pending = await ledger.decide(db, [plan.entry for plan in accepted])
    posted = [posted_plan(plan, outcome, parties) for plan, outcome in zip(accepted, outcomes, strict=True)]
    reversals = await making.write_transfers(db, parties, batch.accepted(posted), pending)
    return batch.outcomes(plans, batch.outcomes(posted, reversals))


_AUDITED: Final[Audited[ReversalOrder, Transfer]] = Audited(
    json.transfer_shown, lambda transfer: str(transfer.id)
)
REVERSE: Final = Command(
    "reversal", plain(reverse), plain(transfers_by_ids), lambda transfer: str(transfer.id), audited=_AUDITED
)


def parties_of(parts: Sequence["Part"], assets: Mapping[str, Asset]) -> Parties:
    """Return whose parts these are."""
    owners = [part.owner for part in parts]
    return Parties(
        {ISSUER if owner is TREASURY_OWNER else owner.foreign_id: owner for owner in owners}, assets
    )


class Part(NamedTuple):
    """What an account gave (-) or got (+) by a transfer."""

    owner: Owner
    amount: int


_PARTS: Final = (
    sa.select(
        *(postings.c[name] for name in ("entry_id", "account_id", "amount")),
        *(accounts.c[name] for name in ("foreign_id", "address")),
        (accounts.c.state == "open").label("open"),
    )
    .outerjoin(accounts, accounts.c.id == postings.c.account_id)
    .where(postings.c.entry_id == sa.any_(sa.bindparam("ids", type_=bulk.BIGINTS)))
)


async def _parts(db: Db, ids: Sequence[int]) -> dict[int, list[Part]]:
    """Return the parts of each transfer. Accounts are found by number: another may have the name by now."""
    parts_of: dict[int, list[Part]] = {}
    for row in await db.execute(_PARTS, {"ids": list(ids)}) if ids else ():
        if row.account_id == CLEARING:
            raise RuntimeError("a transfer between cells is taken back in all of them at once")
        columns = (row.account_id, row.foreign_id, row.address, row.open)
        owner = TREASURY_OWNER if row.account_id == TREASURY else Owner(*columns)
        parts_of.setdefault(row.entry_id, []).append(Part(owner, row.amount))
    return parts_of


def posted_plan(plan: TransferPlan, outcome: Outcome, parties: Parties) -> PostedPlan | Refusal:
    """Return the plan with its entry, or its refusal."""
    if isinstance(outcome, AlreadyPosted):
        return AlreadyReversed(id=plan.entry.cause[1])
    return making.posted_plan(plan, outcome, parties)


def plan_order(
    order: ReversalOrder, transfer: Transfer | None, parts: Sequence[Part], parties: Parties
) -> TransferPlan | Refusal:
    """Return the entry that takes the transfer back, or why it cannot be."""
    if transfer is None:
        return NoSuchTransfer(id=order.id)
    if transfer.kind in _WHY_NOT:
        return NotReversible(id=order.id, reason=_WHY_NOT[transfer.kind])
    asset = parties.assets[transfer.asset]
    try:
        return TransferPlan(_entry(order, transfer, parts, asset), asset)
    except Refusal as refusal:
        return refusal


def _only(payees: Sequence[Part]) -> Part:
    """Return the payee that gives a part back; of several, nobody knows who gives how much."""
    if len(payees) > 1:
        raise PartOfSeveral
    return payees[0]


def _entry(order: ReversalOrder, transfer: Transfer, parts: Sequence[Part], asset: Asset) -> Entry:
    """The payees give back, and the payer gets."""
    amount = transfer.amount if order.amount is None else asset.parse(order.amount)
    if amount > transfer.amount:
        raise AboveTransfer(amount=asset.show(transfer.amount), asset=asset.code)
    [payer] = [part.owner for part in parts if part.amount < 0]
    payees = [part for part in parts if part.amount > 0]
    if amount < transfer.amount:
        payees = [Part(_only(payees).owner, amount)]
    if not payer.open:
        raise AccountClosed(foreign_id=payer.foreign_id, field="id")
    lines = [Posting(owner.id, Bucket.AVAILABLE, -part, asset.code) for owner, part in payees]
    lines.append(Posting(payer.id, Bucket.AVAILABLE, amount, asset.code))
    reference = (transfer.reference_type, transfer.reference)
    return Entry(KIND, ("transfer", str(transfer.id)), reversal_key(transfer.id), tuple(lines), reference)
