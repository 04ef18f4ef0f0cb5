"""Grouped entries: groups that are posted as a whole, and events with the balances after them."""

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
    Outcome,
    Posted,
    Posting,
)
from app.domain.outbox import Flow, OutboxEvent
from app.domain.owner import Owner
from app.domain.refusals import Refusal
from app.domain.transfers import making
from app.domain.transfers.transfer import Transfer, of_posted
from app.money import DOGE_DECIMALS, Koinu, show


class AccountEvent(NamedTuple):
    """An event that is told to one account; its message still lacks that account and its balance."""

    owner: Owner
    event: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EntryGroup:
    """Entries of one asset that are posted together, with an event for each account that they move.

    A group that is `alone` can be refused for lack of money. No other decision may rest on it.
    """

    asset: Asset
    entries: tuple[Entry, ...]
    events: tuple[AccountEvent, ...]
    alone: bool = False


async def post_groups(db: Db, groups: Sequence[EntryGroup]) -> list[Refusal | None]:
    """Post the groups in order and emit their events; return the refusal of each that was refused.

    The refusal of a group that is not `alone` is raised: the transaction is undone, and its requests run one
    by one.
    """
    refusals, events = reported(groups, await ledger.post_together(db, [group.entries for group in groups]))
    await outbox.emit(db, events)
    return refusals


def reported(
    groups: Sequence[EntryGroup], outcomes: Sequence[list[Posted] | Failed]
) -> tuple[list[Refusal | None], list[OutboxEvent]]:
    """Return the refusal of each group that was refused, and the events of the others; raises as `post_groups`."""
    pairs = list(zip(groups, outcomes, strict=True))
    refusals = [_refusal(group, outcome) if isinstance(outcome, Failed) else None for group, outcome in pairs]
    posted = [
        (group, [line for entry in outcome for line in entry.lines])
        for group, outcome in pairs
        if not isinstance(outcome, Failed)
    ]
    events = [event for group, lines in posted for event in _events(group, lines)]
    owners = [event.owner for group, _ in posted for event in group.events]
    balances = outbox.balance_changes(owners, [line for _, lines in posted for line in lines])
    return refusals, [*events, *balances]


def _refusal(group: EntryGroup, failed: Failed) -> Refusal:
    """Return the refusal with the account's name, and amounts in the asset's decimals."""
    outcome = failed.outcome
    if isinstance(outcome, AlreadyPosted):
        key = outcome.entry.key
        raise AssertionError(f"posted before: {key}")  # noqa: TRY004  the ledger is wrong, not a type
    if isinstance(outcome, InsufficientFunds):
        outcome = making.lacks_funds(group.events[0].owner.foreign_id, group.asset, outcome)
    if not group.alone:
        raise outcome
    return outcome


def _events(group: EntryGroup, lines: Sequence[AppliedPosting]) -> list[OutboxEvent]:
    after, asset = ledger.balances_after(lines), group.asset
    return [with_balance(event, asset, after.get((event.owner.id, asset.code))) for event in group.events]


def with_balance(event: AccountEvent, asset: Asset, balance: Balance | None) -> OutboxEvent:
    """Return the event with the account and its balance of the asset; None: that did not move."""
    owner, name, message = event
    if balance is not None:
        message = message | {"balance": {bucket.value: asset.show(balance.of(bucket)) for bucket in Bucket}}
    return outbox.of_account(owner, name, message)


Available = dict[int, int]
"""What each account can spend after all that was decided so far, in koinu."""


@dataclass(frozen=True, slots=True)
class InvoiceTransfer:
    """A transfer of Dogecoin for an invoice. `key` names the fact; `first_events` come before its others."""

    kind: str
    key: str
    payer: Owner
    payee: Owner
    amount: Koinu
    invoice: str
    first_events: tuple[OutboxEvent, ...] = ()

    @property
    def entry(self) -> Entry:
        """Its entry."""
        postings = (
            Posting(self.payer.id, Bucket.AVAILABLE, -self.amount),
            Posting(self.payee.id, Bucket.AVAILABLE, self.amount),
        )
        return Entry(self.kind, ("invoice", self.invoice), self.key, postings, ("invoice", self.invoice))

    @property
    def events(self) -> tuple[OutboxEvent, ...]:
        """Its events, without the balances."""
        kind = self.kind.lower()
        return (
            *self.first_events,
            outbox.account_payment(self.payee, Flow("in", kind, self.invoice, self.amount)),
            outbox.account_payment(self.payer, Flow("out", kind, self.invoice, self.amount)),
        )


def apply(available: Available, transfer: InvoiceTransfer) -> Refusal | None:
    """Move the amount from what the payer can spend to what the payee can spend, or refuse."""
    payer, payee, amount = transfer.payer.id, transfer.payee.id, transfer.amount
    if available[payer] < amount:
        has, needed = show(max(0, available[payer])), show(amount)
        return InsufficientFunds(available=has, needed=needed, account=transfer.payer.foreign_id)
    available[payer] -= amount
    available[payee] += amount
    return None


async def post_invoice_transfers(db: Db, transfers: Sequence[InvoiceTransfer]) -> list[Transfer]:
    """Post the transfers and emit their events. They were decided under the locks of their balances."""
    entries = [transfer.entry for transfer in transfers]
    events = [event for transfer in transfers for event in transfer.events]
    owners = sides(transfers)
    return invoice_transfers(owners, await outbox.post_and_emit(db, entries, events, owners))


def sides(transfers: Sequence[InvoiceTransfer]) -> list[Owner]:
    """Return who pays and who is paid."""
    return [owner for transfer in transfers for owner in (transfer.payer, transfer.payee)]


def invoice_transfers(owners: Sequence[Owner], outcomes: Sequence[Outcome]) -> list[Transfer]:
    """Return the posted entries as transfers between the owners; raises where one was not posted."""
    posted: list[Posted] = []
    for outcome in outcomes:
        if not isinstance(outcome, Posted):
            raise outcome if isinstance(outcome, Refusal) else AssertionError(outcome)
        posted.append(outcome)
    names = {owner.id: owner.foreign_id for owner in owners}
    return [of_posted(entry, names, DOGE_DECIMALS) for entry in posted]
