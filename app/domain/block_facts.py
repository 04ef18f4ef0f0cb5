"""What is told of blocks: account by account what each brought and took, then what the installation itself must know."""

from collections.abc import Iterable, Iterator, Mapping

from app.domain import books, debts, deposit_facts, facts, payment_facts
from app.domain.chain_changes import Changes, Step
from app.domain.debts import Debts
from app.domain.deposits import Coin
from app.domain.facts import Owner
from app.domain.ledger import Line, Posted
from app.domain.outbox import Fact
from app.domain.sending_changes import TURNED
from app.money import DOGE


def told(changes: Changes, posted: Mapping[str, Posted], owed: Mapping[int, int]) -> list[Fact]:
    """Return what is told, block by block; `posted` by the entries' keys, `owed` what accounts owe after all of them."""
    running = Debts(owed)
    made = [[posted[entry.key] for entry in step.entries] for step in changes.steps]
    for one in reversed(made):
        running.take_back(one)
    return [
        fact
        for step, entries in zip(changes.steps, made, strict=True)
        for fact in _of_step(step, changes.owners, entries, running)
    ]


def _of_step(step: Step, owners: Mapping[int, Owner], posted: list[Posted], running: Debts) -> Iterator[Fact]:
    lines = [line for one in posted for line in one.lines]
    moved = {line.posting.account for line in lines if line.posting.account >= 0}
    changed = running.take(posted)
    for account in sorted(moved | set(step.txids) | {payment.owner.id for _, payment in step.sent}):
        yield from _of_account(step, owners[account])
        yield from debts.told(owners[account], changed.get(account, 0), running.of(account))
        yield from _balance(owners[account], lines)
    yield from (_unknown_spend(coin) for coin in step.lost)
    yield from (_unknown_spend(coin, back=True) for coin in step.found)


def _of_account(step: Step, owner: Owner) -> Iterator[Fact]:
    """The chain's activity, then its invoices, deposits and payments."""
    if txids := step.txids.get(owner.id):
        shown = [_display(txid) for txid in txids]
        yield facts.chain_activity(owner, step.height, _display(step.hash), shown, connected=step.connected)
    for key in sorted(key for key in step.told if key[0] == owner.id):
        yield from (facts.invoice_payment(owner, event, now.sums) for event, now in step.told[key])
    for deposit in step.confirmed:
        if deposit.place.account == owner.id:
            yield from deposit_facts.confirmed(owner, deposit, step.tip - (deposit.height or 0) + 1)
    for deposit in step.unconfirmed:
        if deposit.place.account == owner.id:
            yield from deposit_facts.unconfirmed(owner, deposit)
    for event, payment in step.sent:
        if payment.owner.id == owner.id:
            yield from payment_facts.turned(payment) if event == TURNED else [facts.payment_event(payment, event)]


def _balance(owner: Owner, lines: Iterable[Line]) -> Iterator[Fact]:
    if (balance := books.after(lines).get((owner.id, DOGE))) is not None:
        yield facts.balance_change(owner, balance)


def _unknown_spend(coin: Coin, *, back: bool = False) -> Fact:
    spent = coin.place.address, coin.amount, str(coin.outpoint), _display(coin.spent_by or b"")
    return facts.unknown_spend(*spent, back=back)


def _display(hash_or_txid: bytes) -> str:
    return hash_or_txid[::-1].hex()
