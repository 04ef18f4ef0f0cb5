"""Movements: entries that stand or fall together, and what they tell of the balances after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.db import Db
from app.domain import books, facts, ledger, outbox, transfer_orders
from app.domain.assets import Asset
from app.domain.books import Balance, Bucket, Entry, Failed, InsufficientFunds, Known, Line
from app.domain.facts import Owner
from app.domain.outbox import Fact
from app.domain.refusals import Refusal
from app.money import DOGE


class Telling(NamedTuple):
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
    told: tuple[Telling, ...]
    alone: bool = False

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose balance it may move."""
        return tuple(telling.owner for telling in self.told)


async def carry_out(db: Db, given: Sequence[Movement]) -> list[Refusal | None]:
    """Post the movements in order and tell of them; returns which were refused.

    A refusal of one that is not `alone` is raised: all is undone, and whoever batches runs the requests one by one.
    """
    outcomes = await ledger.post_together(db, [movement.entries for movement in given])
    pairs = list(zip(given, outcomes, strict=True))
    refused = [_refusal(movement, one) if isinstance(one, Failed) else None for movement, one in pairs]
    made = [
        (movement, [line for posted in one for line in posted.lines])
        for movement, one in pairs
        if not isinstance(one, Failed)
    ]
    told = [fact for movement, lines in made for fact in _told(movement, lines)]
    await outbox.emit(db, [*told, *_balances(made)])
    return refused


def _refusal(movement: Movement, failed: Failed) -> Refusal:
    """Put it in the caller's words: the ledger counts in the smallest unit, people do not."""
    outcome = failed.outcome
    if isinstance(outcome, Known):
        raise AssertionError(f"posted before: {outcome.entry.key}")  # noqa: TRY004  the books are wrong, not a type
    if isinstance(outcome, InsufficientFunds):
        outcome = transfer_orders.lacking(movement.told[0].owner.foreign_id, movement.asset, outcome)
    if not movement.alone:
        raise outcome
    return outcome


def _told(movement: Movement, lines: Sequence[Line]) -> list[Fact]:
    """Each account's own balance stands in what it is told."""
    after, asset = books.after(lines), movement.asset
    return [fact(one, asset, after.get((one.owner.id, asset.code))) for one in movement.told]


def fact(telling: Telling, asset: Asset, balance: Balance | None) -> Fact:
    """Return what an account is told, with what it has of the asset by then (None: that did not move)."""
    owner, event, message = telling
    return facts.of_account(owner, event, message | _balance(asset, balance))


def _balance(asset: Asset, balance: Balance | None) -> dict[str, dict[str, str]]:
    return {} if balance is None else {"balance": {bucket.value: asset.show(balance.of(bucket)) for bucket in Bucket}}


def _balances(made: Sequence[tuple[Movement, Sequence[Line]]]) -> list[Fact]:
    """Tell each account's Dogecoin after all of them, once."""
    owners = {owner.id: owner for movement, _ in made for owner in movement.owners}
    lines = [line for _, lines in made for line in lines if line.posting.asset == DOGE]
    last = {line.posting.account: line.balance for line in lines}
    return [facts.balance_change(owners[account], balance) for account, balance in sorted(last.items())]
