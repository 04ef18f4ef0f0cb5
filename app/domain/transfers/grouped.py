"""Grouped entries: movements that stand or fall together, and what they tell of the balances after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.db import Db
from app.domain import ledger, outbox
from app.domain.ledger import (
    AlreadyPosted,
    AppliedPosting,
    Asset,
    Balance,
    Bucket,
    Entry,
    Failed,
    InsufficientFunds,
    Posted,
    Posting,
)
from app.domain.outbox import Flow, OutboxEvent
from app.domain.owner import Owner
from app.domain.refusals import Refusal
from app.domain.transfers import making, transfer
from app.domain.transfers.transfer import Transfer
from app.money import DOGE_DECIMALS, Koinu, show


class TransferSides(NamedTuple):
    """What one account is told: the event, and its message without whom it is about and what that account has by then."""

    owner: Owner
    event: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Movement:
    """What is posted together, and told of it to every account that it moves.

    Nothing else may have been decided on the strength of one that is `alone`: it may be refused for want of money, and
    its neighbours go on.
    """

    asset: Asset
    entries: tuple[Entry, ...]
    told: tuple[TransferSides, ...]
    alone: bool = False


async def post_movements(db: Db, movements: Sequence[Movement]) -> list[Refusal | None]:
    """Post the movements in order and tell of them; returns which were refused.

    A refusal of one that is not `alone` is raised: all is undone, and whoever batches runs the requests one by one.
    """
    outcomes = await ledger.post_together(db, [movement.entries for movement in movements])
    pairs = list(zip(movements, outcomes, strict=True))
    refused = [
        _refusal(movement, outcome) if isinstance(outcome, Failed) else None for movement, outcome in pairs
    ]
    made = [
        (movement, [line for posted in outcome for line in posted.lines])
        for movement, outcome in pairs
        if not isinstance(outcome, Failed)
    ]
    events = [event for movement, lines in made for event in _told(movement, lines)]
    owners = [telling.owner for movement, _ in made for telling in movement.told]
    balances = outbox.balance_changes(owners, [line for _, lines in made for line in lines])
    await outbox.emit(db, [*events, *balances])
    return refused


def _refusal(movement: Movement, failed: Failed) -> Refusal:
    """Put it in the caller's words: the ledger counts in the smallest unit, people do not."""
    outcome = failed.outcome
    if isinstance(outcome, AlreadyPosted):
        raise AssertionError(f"posted before: {outcome.entry.key}")  # noqa: TRY004  the books are wrong, not a type
    if isinstance(outcome, InsufficientFunds):
        outcome = making.lacking(movement.told[0].owner.foreign_id, movement.asset, outcome)
    if not movement.alone:
        raise outcome
    return outcome


def _told(movement: Movement, lines: Sequence[AppliedPosting]) -> list[OutboxEvent]:
    """Each account's own balance stands in what it is told."""
    after, asset = ledger.balances_after(lines), movement.asset
    return [fact(sides, asset, after.get((sides.owner.id, asset.code))) for sides in movement.told]


def fact(telling: TransferSides, asset: Asset, balance: Balance | None) -> OutboxEvent:
    """Return what an account is told, with what it has of the asset by then (None: that did not move)."""
    owner, event, message = telling
    return outbox.of_account(owner, event, message | _balance(asset, balance))


def _balance(asset: Asset, balance: Balance | None) -> dict[str, dict[str, str]]:
    return (
        {}
        if balance is None
        else {"balance": {bucket.value: asset.show(balance.of(bucket)) for bucket in Bucket}}
    )


Available = dict[int, int]
"""What each account could spend after what was decided so far, in koinu."""


@dataclass(frozen=True, slots=True)
class Move:
    """A transfer that was decided on; `key` names the fact, `invoice` is what it is about, `told` comes before the rest."""

    kind: str
    key: str
    payer: Owner
    payee: Owner
    amount: Koinu
    invoice: str
    told: tuple[OutboxEvent, ...] = ()

    @property
    def entry(self) -> Entry:
        """The entry that carries it out."""
        postings = (
            Posting(self.payer.id, Bucket.AVAILABLE, -self.amount),
            Posting(self.payee.id, Bucket.AVAILABLE, self.amount),
        )
        return Entry(self.kind, ("invoice", self.invoice), self.key, postings, ("invoice", self.invoice))

    @property
    def facts(self) -> tuple[OutboxEvent, ...]:
        """What is told, before the balances."""
        kind = self.kind.lower()
        return (
            *self.told,
            outbox.account_payment(self.payee, Flow("in", kind, self.invoice, self.amount)),
            outbox.account_payment(self.payer, Flow("out", kind, self.invoice, self.amount)),
        )


def decide(left: Available, move: Move) -> Refusal | None:
    """Take the move's money from what is left, or refuse."""
    if left[move.payer.id] < move.amount:
        return InsufficientFunds(available=show(max(0, left[move.payer.id])), needed=show(move.amount))
    left[move.payer.id] -= move.amount
    left[move.payee.id] += move.amount
    return None


async def post_moves(db: Db, moves: Sequence[Move]) -> list[Transfer]:
    """Post the moves, which were decided on under their balances' locks, and tell of them."""
    entries = [move.entry for move in moves]
    events = [event for move in moves for event in move.facts]
    owners = [owner for move in moves for owner in (move.payer, move.payee)]
    made: list[Posted] = []
    for outcome in await outbox.post_and_emit(db, entries, events, owners):
        if not isinstance(outcome, Posted):
            raise outcome if isinstance(outcome, Refusal) else AssertionError(outcome)
        made.append(outcome)
    names = {owner.id: owner.foreign_id for owner in owners}
    return [transfer.made(posted, names, DOGE_DECIMALS) for posted in made]
