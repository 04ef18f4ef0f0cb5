"""Transfers: money between two accounts in the ledger, at once and without a fee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app import db as bulk
from app.db import Db, Row
from app.domain import facts, ledger, outbox
from app.domain.facts import Owner
from app.domain.ledger import Bucket, Entry, InsufficientFunds, Posted, Posting, Slot
from app.domain.outbox import Fact
from app.domain.refusals import Refusal
from app.money import DOGE, Koinu, show
from app.tables import accounts, entries, postings

Available = dict[int, int]
"""What each account could spend after what was decided so far, in koinu."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that was made; `payer` and `payee` are foreign_ids."""

    id: int
    kind: str
    payer: str
    payee: str
    asset: str
    amount: Koinu
    reference: str
    metadata: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A transfer that was decided on; `key` names the fact, `invoice` is what it is about, `told` comes before the rest."""

    kind: str
    key: str
    payer: Owner
    payee: Owner
    amount: Koinu
    invoice: str
    told: tuple[Fact, ...] = ()

    @property
    def entry(self) -> Entry:
        """The entry that carries it out."""
        postings = (
            Posting(self.payer.id, Bucket.AVAILABLE, -self.amount),
            Posting(self.payee.id, Bucket.AVAILABLE, self.amount),
        )
        return Entry(self.kind, ("invoice", self.invoice), self.key, postings, ("invoice", self.invoice))

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is told, before the balances."""
        kind = self.kind.lower()
        return (
            *self.told,
            facts.inside_payment(self.payee, "in", kind, self.invoice, self.amount),
            facts.inside_payment(self.payer, "out", kind, self.invoice, self.amount),
        )


async def available(db: Db, owners: Sequence[Owner]) -> Available:
    """Lock the balances of those whose money may move, and return what each can spend."""
    slots = sorted({Slot(owner.id, DOGE) for owner in owners})
    return {slot.account: balance.available for slot, balance in (await ledger.lock(db, slots)).items()}


def decide(left: Available, move: Move) -> Refusal | None:
    """Take the move's money from what is left, or refuse."""
    if left[move.payer.id] < move.amount:
        return InsufficientFunds(available=show(max(0, left[move.payer.id])), needed=show(move.amount))
    left[move.payer.id] -= move.amount
    left[move.payee.id] += move.amount
    return None


async def carry_out(db: Db, moves: Sequence[Move]) -> dict[str, Transfer]:
    """Post the moves, which were decided on under their balances' locks, and tell of them; by key."""
    outcomes = await ledger.post(db, [move.entry for move in moves])
    for outcome in outcomes:
        if not isinstance(outcome, Posted):
            raise outcome if isinstance(outcome, Refusal) else AssertionError(outcome)
    await outbox.emit(db, [*(fact for move in moves for fact in move.facts), *_balances(moves, outcomes)])
    keys = sa.literal([move.key for move in moves], bulk.TEXTS)
    rows = await bulk.fetch_all(db, _select().where(entries.c.key == sa.any_(keys))) if moves else []
    return {row["key"]: _of(row) for row in rows}


async def by_ids(db: Db, ids: Sequence[str]) -> Mapping[str, Transfer]:
    """Return the transfers with these ids."""
    wanted = sa.literal([int(text) for text in ids], bulk.BIGINTS)
    rows = await bulk.fetch_all(db, _select().where(entries.c.id == sa.any_(wanted)))
    return {str(row["id"]): _of(row) for row in rows}


def _balances(moves: Sequence[Move], outcomes: Sequence[ledger.Outcome]) -> list[Fact]:
    """Tell each account's balance after all of them: once per account."""
    owners = {owner.id: owner for move in moves for owner in (move.payer, move.payee)}
    lines = [line for outcome in outcomes if isinstance(outcome, Posted) for line in outcome.lines]
    last = {line.posting.account: line.balance for line in lines}
    return [facts.balance_change(owners[account], balance) for account, balance in sorted(last.items())]


def _select() -> sa.Select[tuple[object, ...]]:
    gives, takes = postings.alias("gives"), postings.alias("takes")
    payer, payee = accounts.alias("payer"), accounts.alias("payee")
    names = ("id", "kind", "key", "reference", "metadata", "created")
    return (
        sa.select(
            *(entries.c[name] for name in names),
            takes.c.asset,
            takes.c.amount,
            payer.c.foreign_id.label("payer"),
            payee.c.foreign_id.label("payee"),
        )
        .join(gives, sa.and_(gives.c.entry_id == entries.c.id, gives.c.amount < 0))
        .join(takes, sa.and_(takes.c.entry_id == entries.c.id, takes.c.amount > 0))
        .join(payer, payer.c.id == gives.c.account_id)
        .join(payee, payee.c.id == takes.c.account_id)
    )


def _of(row: Row) -> Transfer:
    return Transfer(**{name: row[name] for name in Transfer.__slots__})
