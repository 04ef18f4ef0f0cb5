"""The blocks that are known, the chain with the most work among them, and the coins of that chain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.chain import wire
from app.chain.header import Header, work
from app.chain.wire import Block, Output, Transaction
from devnet import script

Outpoint = tuple[bytes, int]


@dataclass(slots=True, eq=False)
class Entry:
    """A block's place in the tree. `sequence` counts arrivals; `undo` has what a connected block spent."""

    header: Header
    height: int
    chainwork: int
    previous: "Entry | None"
    sequence: int
    size: int
    median_time: int = 0
    invalid: bool = False
    undo: "tuple[Spent, ...]" = ()

    def ancestors(self) -> "Iterator[Entry]":
        """Walk from this block back to the first."""
        entry: Entry | None = self
        while entry is not None:
            yield entry
            entry = entry.previous


@dataclass(slots=True)
class Coins:
    """The unspent outputs of one transaction."""

    height: int
    coinbase: bool
    version: int
    outputs: dict[int, Output]


class Spent(NamedTuple):
    """A coin that a block has spent, as it must be restored."""

    txid: bytes
    vout: int
    output: Output
    height: int
    coinbase: bool
    version: int


class Coin(NamedTuple):
    """A coin on a watched script."""

    value: int
    height: int
    coinbase: bool


@dataclass(slots=True)
class Watch:
    """What a script of the wallet has now, and all that it ever received on the active chain."""

    coins: dict[Outpoint, Coin] = field(default_factory=dict)
    received: dict[Outpoint, Coin] = field(default_factory=dict)


class Chain:
    """The tree of blocks, and the coins at the tip of the active chain. Blocks are checked elsewhere."""

    def __init__(self, read: Callable[[Entry], bytes]) -> None:
        """Start empty; `read` fetches the bytes of a block."""
        self.read = read
        self.entries: dict[bytes, Entry] = {}
        self.active: list[Entry] = []
        self.tips: set[Entry] = set()
        self.children: dict[bytes, int] = {}
        self.coins: dict[bytes, Coins] = {}
        self.watched: dict[bytes, Watch] = {}
        self.bytes_stored = 0

    @property
    def tip(self) -> Entry:
        """The last block of the active chain."""
        return self.active[-1]

    @property
    def height(self) -> int:
        """The number of blocks after the first."""
        return len(self.active) - 1

    def is_active(self, entry: Entry) -> bool:
        """Say whether the block is in the active chain."""
        return entry.height < len(self.active) and self.active[entry.height] is entry

    def add(self, header: Header, size: int) -> Entry:
        """Add a block whose parent is in the tree."""
        previous = self.entries.get(header.previous)
        height = previous.height + 1 if previous else 0
        chainwork = (previous.chainwork if previous else 0) + work(header.bits)
        entry = Entry(header, height, chainwork, previous, len(self.entries), size)
        times = sorted(
            ancestor.header.time for ancestor, _ in zip(entry.ancestors(), range(11), strict=False)
        )
        entry.median_time = times[len(times) // 2]
        entry.invalid = previous is not None and previous.invalid
        self.entries[header.hash] = entry
        self.children[header.previous] = self.children.get(header.previous, 0) + 1
        self.tips.add(entry)
        if previous is not None:
            self.tips.discard(previous)
        self.bytes_stored += size + 8  # Core stores a magic number and a length before each
        return entry

    def best(self) -> Entry:
        """Find the valid block with the most work; of several, the one that came first."""
        candidates = (next(entry for entry in tip.ancestors() if not entry.invalid) for tip in self.tips)
        return max(candidates, key=lambda entry: (entry.chainwork, -entry.sequence))

    def fork(self, entry: Entry) -> Entry:
        """Find the last block that `entry` has in common with the active chain."""
        return next(ancestor for ancestor in entry.ancestors() if self.is_active(ancestor))

    def block(self, entry: Entry) -> Block:
        """Read a block's transactions."""
        return wire.parse_block(self.read(entry))

    def connect(self, entry: Entry, block: Block) -> None:
        """Make `entry`, whose parent is the tip, the new tip."""
        undo: list[Spent] = []
        for transaction in block.transactions:
            if not transaction.is_coinbase:
                undo.extend(self._spend(spent.txid, spent.vout) for spent in transaction.inputs)
            if entry.height:  # the first block's coinbase never was a coin
                self._create(transaction, entry.height)
        entry.undo = tuple(undo)
        self.active.append(entry)

    def disconnect(self) -> Block:
        """Disconnect the tip, so that its parent is the tip again; return the block."""
        entry = self.active.pop()
        block = self.block(entry)
        undo = list(entry.undo)
        entry.undo = ()
        for transaction in reversed(block.transactions):
            self._uncreate(transaction)
            if not transaction.is_coinbase:
                for _ in transaction.inputs:
                    self._unspend(undo.pop())
        return block

    def watch(self, output_script: bytes, *, scan: bool) -> None:
        """Track a script from now on; `scan` looks for coins that it has already, as a new key has none."""
        if output_script in self.watched:
            return
        watch = self.watched[output_script] = Watch()
        for txid, coins in self.coins.items() if scan else ():
            for vout, output in coins.outputs.items():
                if output.script == output_script:
                    watch.coins[txid, vout] = watch.received[txid, vout] = Coin(
                        output.value, coins.height, coins.coinbase
                    )

    def branch(self, entry: Entry) -> set[Entry]:
        """Collect a block and all that build on it, directly or not."""
        branch = {entry}
        for candidate in self.entries.values():  # in order of arrival: parents first
            if candidate.previous in branch:
                branch.add(candidate)
        return branch

    def _create(self, transaction: Transaction, height: int) -> None:
        txid, coinbase = transaction.txid, transaction.is_coinbase
        outputs = {
            vout: output
            for vout, output in enumerate(transaction.outputs)
            if not script.is_unspendable(output.script)
        }
        if outputs:
            self.coins[txid] = Coins(height, coinbase, transaction.version, outputs)
        for vout, output in outputs.items():
            watch = self.watched.get(output.script)
            if watch is not None:
                watch.coins[txid, vout] = watch.received[txid, vout] = Coin(output.value, height, coinbase)

    def _uncreate(self, transaction: Transaction) -> None:
        self.coins.pop(transaction.txid, None)
        for vout, output in enumerate(transaction.outputs):
            watch = self.watched.get(output.script)
            if watch is not None:
                watch.coins.pop((transaction.txid, vout), None)
                watch.received.pop((transaction.txid, vout), None)

    def _spend(self, txid: bytes, vout: int) -> Spent:
        coins = self.coins[txid]
        output = coins.outputs.pop(vout)
        if not coins.outputs:
            del self.coins[txid]
        watch = self.watched.get(output.script)
        if watch is not None:
            watch.coins.pop((txid, vout), None)
        return Spent(txid, vout, output, coins.height, coins.coinbase, coins.version)

    def _unspend(self, spent: Spent) -> None:
        coins = self.coins.get(spent.txid)
        if coins is None:
            coins = self.coins[spent.txid] = Coins(spent.height, spent.coinbase, spent.version, {})
        coins.outputs[spent.vout] = spent.output
        watch = self.watched.get(spent.output.script)
        if watch is not None:
            watch.coins[spent.txid, spent.vout] = Coin(spent.output.value, spent.height, spent.coinbase)
