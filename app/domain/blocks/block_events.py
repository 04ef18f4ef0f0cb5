"""The events of blocks: for each block those of its accounts, account by account, then the installation's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from app.domain import cold, ledger, outbox
from app.domain.blocks import debts, deposit_events, solvency
from app.domain.blocks.block_effects import BlockEffects, Step
from app.domain.blocks.debts import Debts
from app.domain.blocks.deposits import Coin, Deposit
from app.domain.blocks.own_transaction_effects import FLOW
from app.domain.invoices import receipts
from app.domain.ledger import Posted
from app.domain.outbox import OutboxEvent
from app.domain.owner import Owner
from app.domain.payments import payment_event, return_events
from app.domain.sightings import Sighting, sighting_event
from app.money import DOGE, Koinu, show


def by_block(
    effects: BlockEffects, posted: Mapping[str, Posted], owed: Mapping[int, int]
) -> Iterator[list[OutboxEvent]]:
    """Yield each block's events; `posted` by the entries' keys, `owed` by accounts before all blocks."""
    running = Debts(owed)
    for step in effects.steps:
        outcomes = [posted[entry.key] for entry in step.entries]
        yield list(_of_step(step, effects.owners, outcomes, running))


def _of_step(
    step: Step, owners: Mapping[int, Owner], posted: Sequence[Posted], running: Debts
) -> Iterator[OutboxEvent]:
    lines = [line for outcome in posted for line in outcome.lines]
    balances = ledger.balances_after(lines)
    debt_changes = running.apply(posted)
    events = _by_account(step, owners)
    customers = {line.posting.account for line in lines if line.posting.account >= 0}
    for account in sorted(customers | set(debt_changes) | set(events)):
        yield from events.get(account, ())
        yield from debts.events(owners[account], debt_changes.get(account, 0), running.of(account))
        if (balance := balances.get((account, DOGE))) is not None:
            yield outbox.balance_change(owners[account], balance)
    yield from (_unknown_spend(coin) for coin in step.unknown_spends)
    yield from (_unknown_spend(coin, back=True) for coin in step.undone_spends)
    yield from cold.events(posted)
    yield from solvency.events(lines)


def _by_account(step: Step, owners: Mapping[int, Owner]) -> Mapping[int, list[OutboxEvent]]:
    """Return by account the chain's activity, then the events of invoices, deposits and payments."""
    events: dict[int, list[OutboxEvent]] = defaultdict(list)
    block_hash = _display(step.hash)
    here = ((account, txids) for account, txids in step.txids.items() if account in owners)
    for account, txids in here:  # a coin may be of an account in another cell
        shown = [_display(txid) for txid in txids]
        events[account].append(
            chain_activity(owners[account], step.height, block_hash, shown, connected=step.connected)
        )
    for sighting, spender in step.double_spends:
        events[sighting.owner.id].append(_double_spend(step, sighting, spender))
    for (account, _), changes in sorted(step.invoice_events.items(), key=lambda item: item[0]):
        events[account] += [receipts.invoice_payment(owners[account], name, after) for name, after in changes]
    for deposit in _of_accounts(step.confirmed):
        owner, confirmations = owners[deposit.address.account], step.tip - (deposit.height or 0) + 1
        events[owner.id] += deposit_events.confirmed(owner, deposit, confirmations)
    for deposit in _of_accounts(step.unconfirmed):
        owner = owners[deposit.address.account]
        events[owner.id] += deposit_events.unconfirmed(owner, deposit)
    for event, payment in step.payment_events:
        events[payment.owner.id] += (
            return_events(payment) if event == FLOW else [payment_event(payment, event)]
        )
    return events


def _of_accounts(deposits: Sequence[Deposit]) -> list[Deposit]:
    """Return those that an account has got; cold storage has events of its own."""
    return [deposit for deposit in deposits if deposit.address.credited == deposit.address.account]


def chain_activity(
    owner: Owner, height: int, block_hash: str, txids: Sequence[str], *, connected: bool
) -> OutboxEvent:
    """ACC_CHAIN_ACTIVITY: one for each account and block that touches it, `connected` or taken back."""
    message = {"height": height, "block_hash": block_hash, "connected": connected, "txids": list(txids)}
    return outbox.of_account(owner, "ACC_CHAIN_ACTIVITY", message)


def unknown_spend(
    address: str, amount: Koinu, outpoint: str, txid: str, *, back: bool = False
) -> OutboxEvent:
    """SYS_UNKNOWN_SPEND: a transaction of others spent a coin of ours; `back`: SYS_UNKNOWN_SPEND_UNDONE."""
    message = {"address": address, "amount": show(amount), "outpoint": outpoint, "txid": txid}
    return outbox.of_nobody("SYS_UNKNOWN_SPEND_UNDONE" if back else "SYS_UNKNOWN_SPEND", message)


def _double_spend(step: Step, sighting: Sighting, spender: bytes) -> OutboxEvent:
    invoice = None
    if sighting.invoice is not None:
        invoice = step.receipts_before[sighting.owner.id, sighting.invoice]
    return sighting_event(sighting, "DOUBLE_SPENT", invoice, spent_by=_display(spender))


def _unknown_spend(coin: Coin, *, back: bool = False) -> OutboxEvent:
    spent = coin.address.text, coin.amount, str(coin.outpoint), _display(coin.spent_by or b"")
    return unknown_spend(*spent, back=back)


def _display(hash_or_txid: bytes) -> str:
    return hash_or_txid[::-1].hex()
