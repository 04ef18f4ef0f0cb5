"""The node: one chain, one mempool and one wallet, what is done with them, and what it announces."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.chain import header, wire
from app.chain.wire import Block, Transaction
from devnet import mining, validation
from devnet.chainstate import Chain, Entry
from devnet.mempool import Mempool, MempoolEntry
from devnet.node_options import DEFAULTS, NodeOptions
from devnet.pruning import Pruning
from devnet.storage import Storage
from devnet.validation import Accepted, MissingInputs, Refused, Rules
from devnet.wallet import Wallet

MAX_TIP_AGE_SECONDS = 24 * 60 * 60


class Listener(Protocol):
    """Is told what happens; `devnet.zmq_publisher` announces it."""

    def transaction(self, transaction: Transaction) -> None:
        """Hear of a transaction that was accepted, connected, disconnected, or evicted by a block."""

    def block(self, header_hash: bytes, raw: bytes) -> None:
        """Hear of a new tip."""


@dataclass(slots=True)
class Clock:
    """Seconds since 1970, unless `setmocktime` has set them."""

    read: Callable[[], int]
    mocked: int = 0

    def now(self) -> int:
        """Return the node's time."""
        return self.mocked or self.read()


@dataclass(slots=True)
class TipMove:
    """What a move of the tip did: blocks connected, in order, and mempool entries that they evicted."""

    connected: list[tuple[Entry, Block]] = field(default_factory=list)
    evicted: list[MempoolEntry] = field(default_factory=list)


class Node:
    """What the RPC methods work on. Used by one thread at a time.

    `syncing` is Core's "initial block download": false once the tip was recent, and then for good. While
    there is a text in `warming_up`, every method is answered with it. `stop` is what the RPC's `stop` calls.
    """

    def __init__(
        self,
        storage: Storage,
        listener: Listener,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        options: NodeOptions = DEFAULTS,
    ) -> None:
        """Load what is stored; a new node starts with the first block of regtest."""
        self.storage = storage
        self.listener = listener
        self.clock = clock
        self.chain = Chain(lambda entry: storage.block(entry.sequence))
        self.pruning = Pruning(storage, self.chain, options.pruning)
        self.mempool = Mempool(storage, options.max_mempool_bytes)
        self.rules = Rules(self.chain, self.mempool)
        self.wallet = Wallet(storage, self.chain, self.mempool, random_bytes)
        self.syncing = True
        self.warming_up = ""
        self.stop: Callable[[], None] = lambda: None
        self._unread_blocks = deque(storage.blocks())
        self._load(1 if options.reindex else len(self._unread_blocks))

    @property
    def is_reindexing(self) -> bool:
        """True while it reads its blocks again, and knows no others."""
        return bool(self._unread_blocks)

    def reindex(self, count: int) -> None:
        """Read so many blocks again, as `-reindex` does: the chain grows from its first block on."""
        self._read_blocks(count)
        self._activate()
        self._finish_loading()

    def submit(self, transaction: Transaction, max_fee: int | None = validation.MAX_FEE) -> None:
        """Take a transaction into the mempool; raise `Refused` or `MissingInputs`."""
        self._admit(self.rules.accept(transaction, self.clock.now(), max_fee))
        self.limit_mempool()
        if transaction.txid not in self.mempool.entries:
            raise Refused(validation.LOW_FEE, "mempool full")

    def generate(
        self,
        output_script: bytes,
        *,
        merged: bool = False,
        bits: int = mining.EASY_BITS,
        max_tries: int = 1_000_000,
    ) -> Entry | None:
        """Mine one block on the tip that pays `output_script`; None if `max_tries` hashes were too few."""
        chosen = mining.choose(self.mempool)
        fees = sum(entry.fee for entry in chosen)
        template = self._template(output_script, bits, [entry.transaction for entry in chosen], fees)
        raw = mining.mine(template, merged=merged, max_tries=max_tries)
        return self._store_mined(raw) if raw else None

    def generate_with(self, output_script: bytes, transactions: Sequence[Transaction]) -> Entry | None:
        """Mine one block with exactly these transactions; raise `Refused` or `MissingInputs`."""
        fees = self.rules.fees_in_block(transactions)
        raw = mining.mine(self._template(output_script, mining.EASY_BITS, transactions, fees))
        return self._store_mined(raw) if raw else None

    def invalidate(self, entry: Entry) -> None:
        """Mark a block and all that build on it as invalid, and go to the best chain of the others."""
        with self.storage.transaction():
            for descendant in self.chain.branch(entry):
                descendant.invalid = True
            self._store_invalid()
            while self.chain.is_active(entry):
                self._disconnect()
            self._remove_impossible()
        self._activate()

    def reconsider(self, entry: Entry) -> None:
        """Undo `invalidate`, also for the blocks that this one builds on."""
        for relative in (*self.chain.branch(entry), *entry.ancestors()):
            relative.invalid = False
        self._store_invalid()
        self._activate()

    def expire(self) -> None:
        """Remove what has waited for a day; announce nothing."""
        for entry in self.mempool.expired(self.clock.now()):
            self.mempool.remove_all(entry.transaction)

    def limit_mempool(self) -> None:
        """Remove what has waited for a day, then what pays least while the mempool is too full."""
        self.expire()
        self.mempool.trim()

    def _template(
        self, output_script: bytes, bits: int, transactions: Sequence[Transaction], fees: int
    ) -> mining.Template:
        tip = self.chain.tip
        time = max(tip.median_time + 1, self.clock.now())
        extra_nonce = self.chain.children.get(tip.header.hash, 0) + 1
        return mining.Template(
            tip.header.hash, tip.height + 1, time, bits, output_script, extra_nonce, transactions, fees
        )

    def _store_mined(self, raw: bytes) -> Entry:
        """Store a block that was just mined and make it the tip."""
        entry = self._add_block(raw)
        self.storage.add_block(entry.sequence, raw)
        self._activate()
        return entry

    def _add_block(self, raw: bytes) -> Entry:
        return self.chain.add(header.parse_header(raw[: header.HEADER_BYTES]), len(raw))

    def _activate(self) -> None:
        """Move to the best chain. As Core does, announce each tip that has more work than the one before."""
        best = self.chain.best()
        while best is not self.chain.tip:
            self._announce(self._step(best, self.chain.tip.chainwork))
            best = self.chain.best()

    def _step(self, best: Entry, chainwork: int) -> TipMove:
        """Disconnect down to the fork, and connect towards `best` until the work exceeds `chainwork`."""
        move = TipMove()
        fork = self.chain.fork(best)
        with self.storage.transaction():
            disconnects = self.chain.tip is not fork
            while self.chain.tip is not fork:
                self._disconnect()
            path = [
                entry for entry, _ in zip(best.ancestors(), range(best.height - fork.height), strict=False)
            ]
            for entry in reversed(path):
                block = self.chain.block(entry)
                self.chain.connect(entry, block)
                move.evicted.extend(self._clear(block))
                move.connected.append((entry, block))
                if entry.chainwork > chainwork:
                    break
            if disconnects:
                self._remove_impossible()
        self._update_syncing()
        self.limit_mempool()
        return move

    def _announce(self, move: TipMove) -> None:
        for evicted in move.evicted:
            self.listener.transaction(evicted.transaction)
        for _, block in move.connected:
            for transaction in block.transactions:
                self.listener.transaction(transaction)
        if move.connected and not self.syncing:
            tip = move.connected[-1][0]
            self.listener.block(tip.header.hash, self.chain.read(tip))

    def _disconnect(self) -> None:
        """Disconnect the tip; its transactions wait again, before those that may build on them."""
        block = self.chain.disconnect()
        returned = []
        for transaction in block.transactions:
            try:
                accepted = self.rules.accept(transaction, self.clock.now(), None, limited=False)
            except (Refused, MissingInputs):
                self.mempool.remove_all(transaction)
            else:
                self._admit(accepted)
                returned.append(transaction.txid)
        self.mempool.move_to_front(returned)
        for transaction in block.transactions:
            self.listener.transaction(transaction)

    def _clear(self, block: Block) -> list[MempoolEntry]:
        """Remove from the mempool what a block holds, and what conflicts with it; return the latter."""
        evicted: list[MempoolEntry] = []
        for transaction in block.transactions:
            self.mempool.remove(transaction.txid)
            for txid in self.mempool.conflicts(transaction):
                evicted.extend(self.mempool.remove_all(self.mempool.entries[txid].transaction))
        self.mempool.floor.block(self.clock.now())
        return evicted

    def _remove_impossible(self) -> None:
        """Remove what spends a coinbase that is too young again, or is not final any more."""
        for entry in list(self.mempool.entries.values()):
            if entry.txid in self.mempool.entries and not self._is_possible(entry.transaction):
                self.mempool.remove_all(entry.transaction)

    def _is_possible(self, transaction: Transaction) -> bool:
        coins = [self.rules.find(spent.txid) for spent in transaction.inputs]
        if any(coin is None for coin in coins) or not self.rules.is_final(transaction):
            return False
        heights = [coin.height for coin in coins if coin is not None and coin.coinbase]
        return all(self.chain.height + 1 - height >= validation.COINBASE_MATURITY for height in heights)

    def _admit(self, accepted: Accepted) -> None:
        for replaced in accepted.replaced:
            self.mempool.remove(replaced.txid)
        self.mempool.add(accepted.entry)
        self.listener.transaction(accepted.entry.transaction)

    def _store_invalid(self) -> None:
        self.storage.set_invalid(entry.header.hash for entry in self.chain.entries.values() if entry.invalid)

    def _update_syncing(self) -> None:
        if not self.is_reindexing and self.chain.tip.header.time > self.clock.now() - MAX_TIP_AGE_SECONDS:
            self.syncing = False

    def _load(self, count: int) -> None:
        """Find the best chain again from so many of the stored blocks; after the last, check the mempool."""
        self._read_blocks(count)
        if not self.chain.entries:
            self._connect_genesis()
        best = self.chain.best()
        for entry in reversed(list(best.ancestors())[: -1 if self.chain.active else None]):
            self.chain.connect(entry, self.chain.block(entry))
        self._finish_loading()

    def _read_blocks(self, count: int) -> None:
        """Add stored blocks to the tree."""
        invalid = self.storage.invalid()
        for _ in range(min(count, len(self._unread_blocks))):
            entry = self._add_block(self._unread_blocks.popleft())
            entry.invalid = entry.header.hash in invalid

    def _finish_loading(self) -> None:
        if not self.is_reindexing:
            self._update_syncing()
            for raw, time in self.storage.waiting():
                self._load_waiting(raw, time)
            self.limit_mempool()

    def _connect_genesis(self) -> None:
        """Connect the first block. Core announces its coinbase like any other transaction."""
        entry = self._add_block(mining.GENESIS)
        self.storage.add_block(entry.sequence, mining.GENESIS)
        block = wire.parse_block(mining.GENESIS)
        self.chain.connect(entry, block)
        self.listener.transaction(block.transactions[0])

    def _load_waiting(self, raw: bytes, time: int) -> None:
        transaction = wire.parse_transaction(raw)
        try:
            self._admit(self.rules.accept(transaction, time, None))
        except (Refused, MissingInputs):
            self.storage.remove_waiting(transaction.txid)
