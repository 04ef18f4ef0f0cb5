"""The effects of blocks on deposits, coins, invoices and entries: decided in memory from locked rows."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.blocks.deposits import Coin, Deposit, OwnAddress
from app.domain.blocks.double_spend_watch import DoubleSpendWatch
from app.domain.blocks.own_transaction_effects import OwnTransactionEffects
from app.domain.dogecoin import Outpoint
from app.domain.invoices import Receipts, transition
from app.domain.ledger import Entry, Posted
from app.domain.owner import Owner
from app.domain.payments import Payment
from app.domain.rates import Quote
from app.domain.sightings import Sighting, SightingEffects
from app.money import Koinu


class BlockOutput(NamedTuple):
    """An output of a block; all hashes and txids are in internal byte order."""

    outpoint: Outpoint
    script: bytes
    amount: Koinu
    coinbase: bool


class Spend(NamedTuple):
    """An input of a block: the output that it spends, and the txid of its transaction."""

    outpoint: Outpoint
    by: bytes


def _no_bytes(txid: bytes) -> bytes:
    raise KeyError(txid)  # a payment without its bytes could never be sent again


@dataclass(frozen=True, slots=True)
class Block:
    """A block as the ledger sees it; `work` is its own part of the chain's. Coinbases spend nothing.

    `bytes_of` reads a transaction's bytes again, by its txid; they are seldom needed.
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
        """All its spends, and a made-up one by its coinbase, which two blocks of one height share."""
        minted = [output.outpoint.txid for output in self.outputs[:1] if output.coinbase]
        return [*self.spends, *(Spend(Outpoint(bytes(32), self.height), txid) for txid in minted)]


InvoiceKey = tuple[int, int]


@dataclass(slots=True)
class Step:
    """The effects of one block, which was made at `time`; confirmations count up to `tip`."""

    height: int
    hash: bytes
    connected: bool
    tip: int = 0
    time: int = 0
    entries: list[Entry] = field(default_factory=list)
    txids: dict[int, dict[bytes, None]] = field(default_factory=dict)
    confirmed: list[Deposit] = field(default_factory=list)
    invoice_events: dict[InvoiceKey, list[tuple[str, Receipts]]] = field(default_factory=dict)
    unconfirmed: list[Deposit] = field(default_factory=list)
    unknown_spends: list[Coin] = field(default_factory=list)
    undone_spends: list[Coin] = field(default_factory=list)
    payment_events: list[tuple[str, Payment]] = field(default_factory=list)
    deposit_txids: set[bytes] = field(default_factory=set)
    receipts_before: dict[InvoiceKey, Receipts] = field(default_factory=dict)
    double_spends: list[tuple[Sighting, bytes]] = field(default_factory=list)

    def touch(self, account: int, txid: bytes) -> None:
        """Note that this transaction of the block pays the account or spends its coins."""
        self.txids.setdefault(account, {})[txid] = None


@dataclass(slots=True)
class BlockEffects:
    """The rows as they were locked, changed block by block, and then written back whole."""

    addresses: Mapping[bytes, OwnAddress]
    owners: Mapping[int, Owner]
    deposits: dict[Outpoint, Deposit]
    coins: dict[Outpoint, Coin]
    receipts: dict[InvoiceKey, Receipts]
    confirmations: int
    maturity: Callable[[int], int]
    transactions: OwnTransactionEffects
    sightings: SightingEffects = field(default_factory=SightingEffects)
    watch: DoubleSpendWatch = field(default_factory=DoubleSpendWatch)
    quotes: Mapping[int, Quote] = field(default_factory=dict)  # by the times of the blocks
    is_valued: bool = False
    steps: list[Step] = field(default_factory=list)
    changed: set[Outpoint] = field(default_factory=set)
    changed_invoices: set[InvoiceKey] = field(default_factory=set)
    _due: list[tuple[int, int, Outpoint]] = field(default_factory=list)
    _debtors: dict[int, list[Outpoint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Order incoming deposits by the height of their confirmation, and those that owe by account."""
        self._due = [_due(deposit) for deposit in self.deposits.values() if deposit.state == "incoming"]
        heapq.heapify(self._due)
        for outpoint in sorted(
            outpoint for outpoint, deposit in self.deposits.items() if deposit.clawback_debt
        ):
            self._debtors.setdefault(self.deposits[outpoint].address.account, []).append(outpoint)

    def connect(self, block: Block, confirm_to: int | None) -> None:
        """Apply the block's outputs and spends; confirm what is deep enough for a tip at `confirm_to`."""
        step = Step(block.height, block.hash, connected=True, tip=confirm_to or 0, time=block.time)
        for output in block.outputs:
            if (address := self.addresses.get(output.script)) is not None and output.amount:
                self._receive(step, address, output)
        self._end_sightings(step, block)
        if confirm_to is not None:
            self._confirm(step, confirm_to)
        for spend in block.spends:
            if (coin := self.coins.get(spend.outpoint)) is not None and coin.spent_height is None:
                self._spend(step, coin, spend)
        inputs = block.inputs if self.watch.waiting or step.deposit_txids else ()
        dead = self.watch.connect(block.height, inputs, step.deposit_txids)
        self.transactions.conflict(dead, self.watch.descendants, step)
        if confirm_to is not None:
            self.transactions.settle(confirm_to, step, self._repay)
        self._end(step)

    def disconnect(self, height: int, block_hash: bytes) -> None:
        """Undo the block at `height`, in reverse order."""
        step = Step(height, block_hash, connected=False)
        self.watch.disconnected = height
        for coin in sorted(self.coins.values(), key=lambda coin: coin.outpoint, reverse=True):
            self._undo_coin(step, coin)
        self.transactions.disconnect(height, step)
        for deposit in sorted(self.deposits.values(), key=lambda deposit: deposit.outpoint, reverse=True):
            if deposit.height == height:
                self._undo_deposit(step, deposit)
        self._end(step)

    @property
    def entries(self) -> list[Entry]:
        """All entries, in the order of the blocks."""
        return [entry for step in self.steps for entry in step.entries]

    @property
    def unknown_spends(self) -> list[Coin]:
        """The coins of ours that transactions of others spent."""
        return [coin for step in self.steps for coin in step.unknown_spends]

    def charge(self, posted: Iterable[Posted]) -> None:
        """Add to what each deposit and payment owes what clawback was charged for it."""
        charged: dict[str, dict[str, int]] = {"deposit": {}, "payment": {}}
        for outcome in posted:
            if outcome.charged:
                cause, cause_id = outcome.entry.cause
                charged[cause][cause_id] = outcome.charged
        for outpoint, deposit in self.deposits.items():
            if (amount := charged["deposit"].get(str(outpoint))) is not None:
                debt = Koinu(deposit.clawback_debt + amount)
                self.deposits[outpoint] = deposit._replace(clawback_debt=debt)
        self.transactions.charge(charged["payment"])

    def _receive(self, step: Step, address: OwnAddress, output: BlockOutput) -> None:
        coin = self.coins.get(output.outpoint) or Coin(
            output.outpoint, address, output.amount, output.coinbase, None
        )
        if coin.height is None:
            self._keep(coin._replace(height=step.height))
        if coin.change:
            return
        step.deposit_txids.add(output.outpoint.txid)
        known = self.deposits.get(output.outpoint)
        if known is not None and known.state != "undone":
            return
        quote = self.quotes.get(step.time)
        new = Deposit(output.outpoint, address, output.amount, self._required(address), quote=quote)
        deposit = (known or new).seen(step.height, self.maturity(step.height) if output.coinbase else 1)
        step.touch(address.account, output.outpoint.txid)
        step.entries.append(deposit.entry("incoming"))
        self._store(step, deposit, received=output.amount)

    def _required(self, address: OwnAddress) -> int:
        if address.invoice is None:
            return self.confirmations
        return self.receipts[address.account, address.invoice].required_confirmations

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
        """Write off at most so much of what the account's deposits owe, and return how much.

        A payment that returns money may have spent the very deposit that is gone.
        """
        rest = most
        for outpoint in self._debtors.get(account, ()):
            deposit = self.deposits[outpoint]
            if part := min(rest, deposit.clawback_debt):
                debt = Koinu(deposit.clawback_debt - part)
                self.deposits[outpoint] = deposit._replace(clawback_debt=debt)
                self.changed.add(outpoint)
                rest -= part
        return most - rest

    def _spend(self, step: Step, coin: Coin, spend: Spend) -> None:
        spent = coin.spent(step.height, spend.by)
        step.touch(coin.address.account, spend.by)
        ours = self.transactions.spend(spend.outpoint, spend.by, step)
        if ours is None:
            step.entries.append(spent.entry(back=False))
            step.unknown_spends.append(spent)
        for payment in ours.payments if ours else ():
            step.touch(payment.owner.id, spend.by)
        self._keep(spent)

    def _undo_coin(self, step: Step, coin: Coin) -> None:
        if coin.spent_height == step.height and coin.spent_by is not None:
            step.touch(coin.address.account, coin.spent_by)
            if coin.spent_by not in self.transactions:
                step.entries.append(coin.entry(back=True))
                step.undone_spends.append(coin)
            coin = coin.unspent()
            self._keep(coin)
        if coin.change and coin.height == step.height:
            self._keep(coin._replace(height=None))

    def _undo_deposit(self, step: Step, deposit: Deposit) -> None:
        step.touch(deposit.address.account, deposit.outpoint.txid)
        step.entries.append(deposit.entry("undone"))
        confirmed = 0
        if deposit.state == "confirmed":
            step.unconfirmed.append(deposit.undone())
            confirmed = -deposit.amount
        self._store(step, deposit.undone(), received=-deposit.amount, confirmed=confirmed)
        self._keep(self.coins[deposit.outpoint].unspent()._replace(height=None))

    def _store(self, step: Step, deposit: Deposit, received: int = 0, confirmed: int = 0) -> None:
        self.deposits[deposit.outpoint] = deposit
        self.changed.add(deposit.outpoint)
        if deposit.state == "incoming":
            heapq.heappush(self._due, _due(deposit))
        if deposit.address.invoice is not None:
            key = (deposit.address.account, deposit.address.invoice)
            step.receipts_before.setdefault(key, self.receipts[key])
            self.receipts[key] = self.receipts[key].plus(received, confirmed)
            self.changed_invoices.add(key)

    def _end_sightings(self, step: Step, block: Block) -> None:
        if self.sightings.by_txid:
            for sighting in self.sightings.mine({output.outpoint.txid for output in block.outputs}):
                self._unsee(step, sighting, sighting.amount if sighting.state == "seen" else 0)
            for sighting, amount, spender in self.sightings.conflict(block.spends):
                self._unsee(step, sighting, amount)
                step.double_spends.append((sighting, spender))

    def _unsee(self, step: Step, sighting: Sighting, amount: int) -> None:
        if sighting.invoice is not None:
            key = (sighting.owner.id, sighting.invoice)
            step.receipts_before.setdefault(key, self.receipts[key])
            self.receipts[key] = self.receipts[key].plus_seen(-amount, acceptable=sighting.acceptable)
            self.changed_invoices.add(key)

    def _keep(self, coin: Coin) -> None:
        self.coins[coin.outpoint] = coin
        self.changed.add(coin.outpoint)

    def _end(self, step: Step) -> None:
        """Add the events of the invoices that the block changed."""
        self.steps.append(step)
        for key in sorted(step.receipts_before):
            self.receipts[key], events = transition(step.receipts_before[key], self.receipts[key])
            if events:
                step.invoice_events[key] = [(event, self.receipts[key]) for event in events]


def _due(deposit: Deposit) -> tuple[int, int, Outpoint]:
    return deposit.confirm_height or 0, deposit.address.account, deposit.outpoint
