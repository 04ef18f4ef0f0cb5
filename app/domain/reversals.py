"""Reversals: a transfer goes back, once, in full or in part; whoever got it gives it."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.db import Db
from app.domain import accounts, assets, ledger, transfer_orders, transfers
from app.domain.accounts import AccountClosed
from app.domain.assets import Given
from app.domain.crediting import SPEND
from app.domain.facts import Owner
from app.domain.ledger import Bucket, Entry, Known, Outcome, Posting
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfer_orders import ISSUER, Made, Parties, Plan
from app.domain.transfers import NoSuchTransfer, Transfer
from app.domain.verbs import Verb
from app.money import DOGE

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


class Wish(NamedTuple):
    """The transfer that is to go back, and how much of it; None: all."""

    id: int
    amount: Given | None = None


def reversing() -> Verb[Wish, Transfer]:
    """Reverse transfers."""
    return Verb("reversal", reverse, transfers.by_ids, lambda transfer: str(transfer.id))


async def reverse(db: Db, wishes: Sequence[Wish]) -> list[Transfer | Refusal]:
    """Reverse in the order of the wishes; the entry's key sees to it that each transfer goes back once."""
    found = {transfer.id: transfer for transfer in await transfers.load(db, [wish.id for wish in wishes])}
    parties = await _parties(db, list(found.values()))
    plans = [_plan(wish, found.get(wish.id), parties) for wish in wishes]
    decided, pending = await ledger.decide(db, [plan.entry for plan in plans if isinstance(plan, Plan)])
    outcomes = iter(decided)
    judged = [
        plan if isinstance(plan, Refusal) else _verdict(plan, next(outcomes), wish, parties)
        for wish, plan in zip(wishes, plans, strict=True)
    ]
    made = [one for one in judged if isinstance(one, Made)]
    told = iter(await transfer_orders.carry_out(db, parties, made, pending))
    return [one if isinstance(one, Refusal) else next(told) for one in judged]


async def _parties(db: Db, found: Sequence[Transfer]) -> Parties:
    names = {share.account for transfer in found for share in (*transfer.givers, *transfer.takers)}
    owners: dict[str | None, Owner] = {ISSUER: transfer_orders.ISSUING}
    owners.update(await accounts.owners(db, sorted(names)))
    return Parties(owners, await assets.known(db, {transfer.asset for transfer in found}))


def _verdict(plan: Plan, outcome: Outcome, wish: Wish, parties: Parties) -> Made | Refusal:
    if isinstance(outcome, Known):
        return AlreadyReversed(id=wish.id)
    return transfer_orders.verdict(plan, outcome, parties)


def _plan(wish: Wish, transfer: Transfer | None, parties: Parties) -> Plan | Refusal:
    if transfer is None:
        return NoSuchTransfer(id=wish.id)
    if transfer.kind in _WHY_NOT:
        return NotReversible(id=wish.id, reason=_WHY_NOT[transfer.kind])
    try:
        return Plan(_entry(wish, transfer, parties), parties.assets[transfer.asset])
    except Refusal as refusal:
        return refusal


def _entry(wish: Wish, transfer: Transfer, parties: Parties) -> Entry:
    """Those who took give, and those who gave take."""
    asset = parties.assets[transfer.asset]
    amount = transfer.amount if wish.amount is None else asset.parse(wish.amount)
    if amount > transfer.amount:
        raise AboveTransfer(amount=asset.show(transfer.amount), asset=asset.code)
    if amount < transfer.amount and len(transfer.takers) > 1:
        raise PartOfSeveral
    [giver], takers = transfer.givers, transfer.takers
    back = parties.owners[ISSUER if transfer.kind in ("TOPUP", "BONUS") else giver.account]
    if not back.open:
        raise AccountClosed(foreign_id=back.foreign_id, field="id")
    spent = transfer.kind == SPEND and transfer.asset != DOGE
    given = [(parties.owners[ISSUER if spent else taker.account], taker.amount) for taker in takers]
    if amount < transfer.amount:
        given = [(given[0][0], amount)]
    postings = [Posting(owner.id, Bucket.AVAILABLE, -part, asset.code) for owner, part in given]
    postings.append(Posting(back.id, Bucket.AVAILABLE, amount, asset.code))
    reference = (transfer.reference_type, transfer.reference)
    return Entry(KIND, ("transfer", str(transfer.id)), transfers.reversal_key(transfer.id), tuple(postings), reference)
