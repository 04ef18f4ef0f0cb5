"""What blocks change: deposits, coins, invoices and entries, decided block by block in memory from locked rows."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.domain.blocks.deposits import AddressOwner, Coin, Deposit
from app.domain.blocks.double_spend_watch import Watches
from app.domain.blocks.own_transaction_effects import OwnTransactionEffects
from app.domain.dogecoin import Outpoint
from app.domain.invoices import Receipts, transition
from app.domain.ledger import Entry, Posted
from app.domain.outbox import OutboxEvent
from app.domain.outbox.payload import of_account, of_nobody
from app.domain.owner import Owner
from app.domain.payments import Payment
from app.money import Koinu, show


class BlockOutput(NamedTuple):
    """An output of a block; hashes and txids are in internal byte order everywhere."""

    outpoint: Outpoint
    script: bytes
    amount: Koinu
    coinbase: bool


class Spend(NamedTuple):
    """An input of a block: the output that it spends, and the transaction that does."""

    outpoint: Outpoint
    by: bytes


def _no_bytes(txid: bytes) -> bytes:
    raise KeyError(txid)  # a payment whose bytes are lost could never be sent again


@dataclass(frozen=True, slots=True)
class Block:
    """A block as the ledger sees it; `work` is what it adds to the chain's. Coinbases spend nothing.

    `bytes_of` reads again which bytes a transaction of it has, by its txid; seldom does anybody ask.
    """

    height: int
    hash: bytes
    previous: bytes
    time: int
    work: int
    outputs: Sequence[BlockOutput]
    spends: Sequence[Spend]
    bytes_of: Callable[[bytes], bytes] = field(default=_no_bytes, compare=False, repr=False)

    @property
    def inputs(self) -> Sequence[Spend]:
        """All its spends, and the place that only one coinbase takes: that of its height."""
        minted = [output.outpoint.txid for output in self.outputs[:1] if output.coinbase]
        return [*self.spends, *(Spend(Outpoint(bytes(32), self.height), txid) for txid in minted)]


InvoiceKey = tuple[int, int]


@dataclass(slots=True)
class Step:
    """What one block did; `tip` is what confirmations were counted from."""

    height: int
    hash: bytes
    connected: bool
    tip: int = 0
    entries: list[Entry] = field(default_factory=list)
    txids: dict[int, dict[bytes, None]] = field(default_factory=dict)
    confirmed: list[Deposit] = field(default_factory=list)
    told: dict[InvoiceKey, list[tuple[str, Receipts]]] = field(default_factory=dict)
    unconfirmed: list[Deposit] = field(default_factory=list)
    lost: list[Coin] = field(default_factory=list)
    found: list[Coin] = field(default_factory=list)
    sent: list[tuple[str, Payment]] = field(default_factory=list)
    brought: set[bytes] = field(default_factory=set)
    before: dict[InvoiceKey, Receipts] = field(default_factory=dict)

    def touch(self, account: int, txid: bytes) -> None:
        """Remember that the block's transaction pays or spends the account."""
        self.txids.setdefault(account, {})[txid] = None


@dataclass(slots=True)
class BlockEffects:
    """The rows as they were locked, moved on block by block; then written back whole."""

    places: Mapping[bytes, AddressOwner]
    owners: Mapping[int, Owner]
    deposits: dict[Outpoint, Deposit]
    coins: dict[Outpoint, Coin]
    receipts: dict[InvoiceKey, Receipts]
    confirmations: int
    maturity: Callable[[int], int]
    sendings: OwnTransactionEffects
    watches: Watches = field(default_factory=Watches)
    steps: list[Step] = field(default_factory=list)
    moved: set[Outpoint] = field(default_factory=set)
    paid: set[InvoiceKey] = field(default_factory=set)
    _due: list[tuple[int, int, Outpoint]] = field(default_factory=list)
    _owing: dict[int, list[Outpoint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Order what waits for its confirmation by the height at which it comes, and what owes by its account."""
        self._due = [_due(deposit) for deposit in self.deposits.values() if deposit.state == "incoming"]
        heapq.heapify(self._due)
        for outpoint in sorted(outpoint for outpoint, deposit in self.deposits.items() if deposit.owed):
            self._owing.setdefault(self.deposits[outpoint].place.account, []).append(outpoint)

    def connect(self, block: Block, confirm_to: int | None) -> None:
        """Take the block's outputs and spends, then confirm what is deep enough with a tip at `confirm_to`."""
        step = Step(block.height, block.hash, connected=True, tip=confirm_to or 0)
        for output in block.outputs:
            if (place := self.places.get(output.script)) is not None and output.amount:
                self._receive(step, place, output)
        if confirm_to is not None:
            self._confirm(step, confirm_to)
        for spend in block.spends:
            if (coin := self.coins.get(spend.outpoint)) is not None and coin.spent_height is None:
                self._spend(step, coin, spend)
        self.sendings.overtake(
            self.watches.connect(block.height, block.inputs, step.brought), self.watches.descendants, step
        )
        if confirm_to is not None:
            self.sendings.settle(confirm_to, step, self._repay)
        self._tell(step)
        self.steps.append(step)

    def disconnect(self, height: int, block_hash: bytes) -> None:
        """Take back what the block at `height` did, in reverse."""
        step = Step(height, block_hash, connected=False)
        self.watches.disconnected = height
        for coin in sorted(self.coins.values(), key=lambda coin: coin.outpoint, reverse=True):
            self._take_back(step, coin)
        self.sendings.disconnect(height, step)
        for deposit in sorted(self.deposits.values(), key=lambda deposit: deposit.outpoint, reverse=True):
            if deposit.height == height:
                self._undo(step, deposit)
        self._tell(step)
        self.steps.append(step)

    @property
    def entries(self) -> list[Entry]:
        """All entries, in the order of the blocks."""
        return [entry for step in self.steps for entry in step.entries]

    @property
    def lost(self) -> list[Coin]:
        """Coins of ours that transactions spent which are not ours."""
        return [coin for step in self.steps for coin in step.lost]

    def charge(self, posted: Iterable[Posted]) -> None:
        """Write on each deposit and payment what clawback was charged for it."""
        charged: dict[str, dict[str, int]] = {"deposit": {}, "payment": {}}
        for outcome in posted:
            if outcome.charged:
                what, which = outcome.entry.cause
                charged[what][which] = outcome.charged
        for outpoint, deposit in self.deposits.items():
            if (amount := charged["deposit"].get(str(outpoint))) is not None:
                self.deposits[outpoint] = replace(deposit, owed=Koinu(deposit.owed + amount))
        self.sendings.charge(charged["payment"])

    def _receive(self, step: Step, place: AddressOwner, output: BlockOutput) -> None:
        coin = self.coins.get(output.outpoint) or Coin(
            output.outpoint, place, output.amount, output.coinbase, None
        )
        if coin.height is None:
            self._keep(replace(coin, height=step.height))
        if coin.change:
            return
        step.brought.add(output.outpoint.txid)
        known = self.deposits.get(output.outpoint)
        if known is not None and known.state != "undone":
            return
        deposit = known or Deposit(output.outpoint, place, output.amount, self._required(place))
        deposit = deposit.seen(step.height, self.maturity(step.height) if output.coinbase else 1)
        step.touch(place.account, output.outpoint.txid)
        step.entries.append(deposit.entry("incoming"))
        self._store(step, deposit, received=output.amount)

    def _required(self, place: AddressOwner) -> int:
        if place.invoice is None:
            return self.confirmations
        return self.receipts[place.account, place.invoice].required_confirmations

    def _confirm(self, step: Step, tip: int) -> None:
        due = set()
        while self._due and self._due[0][0] <= tip:
            due.add(heapq.heappop(self._due)[1:])
        for _, outpoint in sorted(due):
            deposit = self.deposits[outpoint]
            step.entries.append(deposit.entry("confirmed"))
            step.confirmed.append(deposit.confirmed())
            self._store(step, deposit.confirmed(), confirmed=deposit.amount)

    def _repay(self, account: int, most: int) -> int:
        """Write off what the account's deposits owe: a payment may have been built on the very one that is gone."""
        left = most
        for outpoint in self._owing.get(account, ()):
            deposit = self.deposits[outpoint]
            if part := min(left, deposit.owed):
                self.deposits[outpoint] = replace(deposit, owed=Koinu(deposit.owed - part))
                self.moved.add(outpoint)
                left -= part
        return most - left

    def _spend(self, step: Step, coin: Coin, spend: Spend) -> None:
        spent = coin.spent(step.height, spend.by)
        step.touch(coin.place.account, spend.by)
        ours = self.sendings.spend(spend.outpoint, spend.by, step)
        if ours is None:
            step.entries.append(spent.entry(back=False))
            step.lost.append(spent)
        for payment in ours.payments if ours else ():
            step.touch(payment.owner.id, spend.by)
        self._keep(spent)

    def _take_back(self, step: Step, coin: Coin) -> None:
        if coin.spent_height == step.height and coin.spent_by is not None:
            step.touch(coin.place.account, coin.spent_by)
            if coin.spent_by not in self.sendings:
                step.entries.append(coin.entry(back=True))
                step.found.append(coin)
            coin = coin.unspent()
            self._keep(coin)
        if coin.change and coin.height == step.height:
            self._keep(replace(coin, height=None))

    def _undo(self, step: Step, deposit: Deposit) -> None:
        step.touch(deposit.place.account, deposit.outpoint.txid)
        step.entries.append(deposit.entry("undone"))
        confirmed = 0
        if deposit.state == "confirmed":
            step.unconfirmed.append(deposit.undone())
            confirmed = -deposit.amount
        self._store(step, deposit.undone(), received=-deposit.amount, confirmed=confirmed)
        self._keep(replace(self.coins[deposit.outpoint].unspent(), height=None))

    def _store(self, step: Step, deposit: Deposit, received: int = 0, confirmed: int = 0) -> None:
        self.deposits[deposit.outpoint] = deposit
        self.moved.add(deposit.outpoint)
        if deposit.state == "incoming":
            heapq.heappush(self._due, _due(deposit))
        if deposit.place.invoice is not None:
            key = (deposit.place.account, deposit.place.invoice)
            step.before.setdefault(key, self.receipts[key])
            self.receipts[key] = self.receipts[key].plus(received, confirmed)
            self.paid.add(key)

    def _keep(self, coin: Coin) -> None:
        self.coins[coin.outpoint] = coin
        self.moved.add(coin.outpoint)

    def _tell(self, step: Step) -> None:
        for key in sorted(step.before):
            self.receipts[key], events = transition(step.before[key], self.receipts[key])
            if events:
                step.told[key] = [(event, self.receipts[key]) for event in events]


def _due(deposit: Deposit) -> tuple[int, int, Outpoint]:
    return deposit.confirm_height or 0, deposit.place.account, deposit.outpoint


def chain_activity(
    owner: Owner, height: int, block_hash: str, txids: Sequence[str], *, connected: bool
) -> OutboxEvent:
    """ACC_CHAIN_ACTIVITY: one per account and block that touches it, `connected` or taken back."""
    message = {"height": height, "block_hash": block_hash, "connected": connected, "txids": list(txids)}
    return of_account(owner, "ACC_CHAIN_ACTIVITY", message)


def unknown_spend(
    address: str, amount: Koinu, outpoint: str, txid: str, *, back: bool = False
) -> OutboxEvent:
    """SYS_UNKNOWN_SPEND: a coin of ours was spent by a transaction that we did not make; or `back`, that was undone."""
    message = {"address": address, "amount": show(amount), "outpoint": outpoint, "txid": txid}
    event = "SYS_UNKNOWN_SPEND_UNDONE" if back else "SYS_UNKNOWN_SPEND"
    return of_nobody(event, message)
