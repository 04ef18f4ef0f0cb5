"""What is told of blocks: account by account what each brought and took, then what the installation itself must know."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from app.domain import ledger, outbox
from app.domain.blocks import block_effects, debts, deposit_events, solvency
from app.domain.blocks.block_effects import BlockEffects, InvoiceKey, Step
from app.domain.blocks.debts import Debts
from app.domain.blocks.deposits import Coin, Deposit
from app.domain.blocks.own_transaction_effects import TURNED
from app.domain.invoices import receipts
from app.domain.ledger import Posted
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.domain.payments import Payment, payment_event, turn_events
from app.money import DOGE

Thing = TypeVar("Thing")


class _Grouped(NamedTuple):
    """What one block has to say, by account: it may concern thousands, and none looks through what is of others."""

    invoices: Mapping[int, list[InvoiceKey]]
    confirmed: Mapping[int, list[Deposit]]
    unconfirmed: Mapping[int, list[Deposit]]
    payments: Mapping[int, list[tuple[str, Payment]]]


def told(
    changes: BlockEffects, posted: Mapping[str, Posted], owed: Mapping[int, int]
) -> Iterator[list[OutboxEvent]]:
    """Yield what is told of each block; `posted` by the entries' keys, `owed` what accounts owe after all of them."""
    running = Debts(owed)
    made = [[posted[entry.key] for entry in step.entries] for step in changes.steps]
    for one in reversed(made):
        running.take_back(one)
    for step, entries in zip(changes.steps, made, strict=True):
        yield list(_of_step(step, changes.owners, entries, running))


def _of_step(
    step: Step, owners: Mapping[int, Owner], posted: list[Posted], running: Debts
) -> Iterator[OutboxEvent]:
    lines = [line for one in posted for line in one.lines]
    moved = {line.posting.account for line in lines if line.posting.account >= 0}
    balances = ledger.balances_after(lines)
    changed = running.take(posted)
    grouped = _by_account(step)
    for account in sorted(moved | set(changed) | set(step.txids) | set(grouped.payments)):
        yield from _of_account(step, owners[account], grouped)
        yield from debts.told(owners[account], changed.get(account, 0), running.of(account))
        if (balance := balances.get((account, DOGE))) is not None:
            yield outbox.balance_change(owners[account], balance)
    yield from (_unknown_spend(coin) for coin in step.lost)
    yield from (_unknown_spend(coin, back=True) for coin in step.found)
    yield from solvency.turned(lines)


def _of_account(step: Step, owner: Owner, grouped: _Grouped) -> Iterator[OutboxEvent]:
    """The chain's activity, then its invoices, deposits and payments."""
    if txids := step.txids.get(owner.id):
        shown = [_display(txid) for txid in txids]
        yield block_effects.chain_activity(
            owner, step.height, _display(step.hash), shown, connected=step.connected
        )
    for key in grouped.invoices.get(owner.id, ()):
        yield from (receipts.invoice_payment(owner, event, now.sums) for event, now in step.told[key])
    for deposit in grouped.confirmed.get(owner.id, ()):
        yield from deposit_events.confirmed(owner, deposit, step.tip - (deposit.height or 0) + 1)
    for deposit in grouped.unconfirmed.get(owner.id, ()):
        yield from deposit_events.unconfirmed(owner, deposit)
    for event, payment in grouped.payments.get(owner.id, ()):
        yield from turn_events(payment) if event == TURNED else [payment_event(payment, event)]


def _by_account(step: Step) -> _Grouped:
    return _Grouped(
        _grouped((key[0], key) for key in sorted(step.told)),
        _grouped((deposit.place.account, deposit) for deposit in step.confirmed),
        _grouped((deposit.place.account, deposit) for deposit in step.unconfirmed),
        _grouped((payment.owner.id, (event, payment)) for event, payment in step.sent),
    )


def _grouped(pairs: Iterable[tuple[int, Thing]]) -> dict[int, list[Thing]]:
    groups: dict[int, list[Thing]] = {}
    for account, thing in pairs:
        groups.setdefault(account, []).append(thing)
    return groups


def _unknown_spend(coin: Coin, *, back: bool = False) -> OutboxEvent:
    spent = coin.place.address, coin.amount, str(coin.outpoint), _display(coin.spent_by or b"")
    return block_effects.unknown_spend(*spent, back=back)


def _display(hash_or_txid: bytes) -> str:
    return hash_or_txid[::-1].hex()
