"""Moves: what goes from one account to another because of an invoice, decided on under the balances' locks."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Db
from app.domain import facts, ledger, outbox, transfers
from app.domain.facts import Flow, Owner
from app.domain.ledger import Bucket, Entry, InsufficientFunds, Posted, Posting
from app.domain.outbox import Fact
from app.domain.refusals import Refusal
from app.domain.transfers import Transfer
from app.money import DOGE, DOGE_DECIMALS, Koinu, show

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
            facts.account_payment(self.payee, Flow("in", kind, self.invoice, self.amount)),
            facts.account_payment(self.payer, Flow("out", kind, self.invoice, self.amount)),
        )


async def available(db: Db, owners: Sequence[Owner]) -> Available:
    """Lock the balances of those whose money may move, and return what each can spend."""
    slots = sorted({(owner.id, DOGE) for owner in owners})
    return {account: balance.available for (account, _), balance in (await ledger.lock(db, slots)).items()}


def decide(left: Available, move: Move) -> Refusal | None:
    """Take the move's money from what is left, or refuse."""
    if left[move.payer.id] < move.amount:
        return InsufficientFunds(available=show(max(0, left[move.payer.id])), needed=show(move.amount))
    left[move.payer.id] -= move.amount
    left[move.payee.id] += move.amount
    return None


async def carry_out(db: Db, moves: Sequence[Move]) -> dict[str, Transfer]:
    """Post the moves, which were decided on under their balances' locks, and tell of them; by key."""
    made: list[Posted] = []
    for outcome in await ledger.post(db, [move.entry for move in moves]):
        if not isinstance(outcome, Posted):
            raise outcome if isinstance(outcome, Refusal) else AssertionError(outcome)
        made.append(outcome)
    await outbox.emit(db, [*(fact for move in moves for fact in move.facts), *_balances(moves, made)])
    names = {owner.id: owner.foreign_id for move in moves for owner in (move.payer, move.payee)}
    return {one.entry.key: transfers.made(one, names, DOGE_DECIMALS) for one in made}


def _balances(moves: Sequence[Move], made: Sequence[Posted]) -> list[Fact]:
    """Tell each account's balance after all of them: once per account."""
    owners = {owner.id: owner for move in moves for owner in (move.payer, move.payee)}
    last = {line.posting.account: line.balance for one in made for line in one.lines}
    return [facts.balance_change(owners[account], balance) for account, balance in sorted(last.items())]
