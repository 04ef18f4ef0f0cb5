"""The node: one chain, one mempool and one wallet, what is done with them, and what it announces."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.chain import header, wire
from app.chain.wire import Block, Transaction
from devnet import mining, validation
from devnet.chainstate import Chain, Entry
from devnet.mempool import Mempool, Waiting
from devnet.pruning import Pruning
from devnet.storage import Storage
from devnet.terms import AS_USUAL, Terms
from devnet.validation import Accepted, MissingInputs, Refused, Rules
from devnet.wallet import Wallet

MAX_TIP_AGE_SECONDS = 24 * 60 * 60


class Listener(Protocol):
    """Hears what happens; `devnet.notices` tells it to the world."""

    def transaction(self, transaction: Transaction) -> None:
        """Hear of a transaction that was accepted, connected, disconnected, or evicted by a block."""

    def block(self, header_hash: bytes, raw: bytes) -> None:
        """Hear of a new tip."""


@dataclass(slots=True)
class Clock:
    """Seconds since 1970, unless they were set by `setmocktime`."""

    read: Callable[[], int]
    mocked: int = 0

    def now(self) -> int:
        """The time that the node goes by."""
        return self.mocked or self.read()


@dataclass(slots=True)
class Moved:
    """What a move of the tip did: blocks connected, in order, and waiting transactions that they made impossible."""

    connected: list[tuple[Entry, Block]] = field(default_factory=list)
    evicted: list[Waiting] = field(default_factory=list)


class Node:
    """Everything the RPC methods work on. Used by one thread at a time."""

    def __init__(
        self,
        storage: Storage,
        listener: Listener,
        clock: Clock,
        chance: Callable[[int], bytes],
        terms: Terms = AS_USUAL,
    ) -> None:
        """Load what is stored; a new node starts with the first block of regtest."""
        self.storage = storage
        self.listener = listener
        self.clock = clock
        self.chain = Chain(lambda entry: storage.block(entry.sequence))
        self.pruning = Pruning(storage, self.chain, terms.pruning)
        self.mempool = Mempool(terms.max_mempool_bytes)
        self.rules = Rules(self.chain, self.mempool)
        self.wallet = Wallet(storage, self.chain, self.mempool, chance)
        self.syncing = (
            True  # Core's "initial block download"; false once the tip was recent, and false for good
        )
        self.warming_up = ""  # what every method is told instead of an answer, while there is something
        self.stop: Callable[[], None] = lambda: None  # what the RPC's `stop` does
        self._unread = deque(storage.blocks())
        self._load(1 if terms.reindex else len(self._unread))

    @property
    def reads(self) -> bool:
        """Whether it is still reading its blocks again, and knows no others."""
        return bool(self._unread)

    def read_on(self, count: int) -> None:
        """Read so many blocks again, as `-reindex` does: the chain grows from its first block on."""
        self._read(count)
        self._activate()
        self._finish_loading()

    def submit(self, transaction: Transaction, max_fee: int | None = validation.MAX_FEE) -> None:
        """Take a transaction into the mempool; raises `Refused` or `MissingInputs`."""
        accepted = self.rules.accept(transaction, self.clock.now(), max_fee)
        self._take_in(accepted)
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
        """Mine one block on the tip that pays `output_script`; None where `max_tries` hashes did not do."""
        chosen = mining.choose(self.mempool)
        fees = sum(waiting.fee for waiting in chosen)
        template = self._template(output_script, bits, [waiting.transaction for waiting in chosen], fees)
        raw = mining.mine(template, merged=merged, max_tries=max_tries)
        return self._arrive(raw) if raw else None

    def generate_with(self, output_script: bytes, transactions: Sequence[Transaction]) -> Entry | None:
        """Mine one block with exactly these transactions, whatever waits; raises `Refused` or `MissingInputs`."""
        fees = self.rules.fees_in_block(transactions)
        raw = mining.mine(self._template(output_script, mining.EASY_BITS, transactions, fees))
        return self._arrive(raw) if raw else None

    def invalidate(self, entry: Entry) -> None:
        """Treat a block and all that build on it as invalid, and go to the best chain that is left."""
        with self.storage.together():
            for marked in self.chain.branch(entry):
                marked.invalid = True
            self._store_marks()
            while self.chain.is_active(entry):
                self._disconnect()
            self._drop_impossible()
        self._activate()

    def reconsider(self, entry: Entry) -> None:
        """Take back `invalidate`, also for the blocks it builds on."""
        for marked in (*self.chain.branch(entry), *entry.ancestors()):
            marked.invalid = False
        self._store_marks()
        self._activate()

    def expire(self) -> None:
        """Forget what has waited for a day, without a word."""
        for waiting in self.mempool.expired(self.clock.now()):
            self._forget(self.mempool.remove_all(waiting.transaction))

    def limit_mempool(self) -> None:
        """Forget what has waited for a day, then what pays least while the mempool is too full, without a word."""
        self.expire()
        self._forget(self.mempool.trim())

    def _template(
        self, output_script: bytes, bits: int, transactions: Sequence[Transaction], fees: int
    ) -> mining.Template:
        tip = self.chain.tip
        time = max(tip.median_time + 1, self.clock.now())
        rivals = self.chain.children.get(tip.header.hash, 0)
        return mining.Template(
            tip.header.hash, tip.height + 1, time, bits, output_script, rivals + 1, transactions, fees
        )

    def _arrive(self, raw: bytes) -> Entry:
        """Store a block that was just mined and make it the tip."""
        entry = self.chain.add(header.parse_header(raw[: header.HEADER_BYTES]), len(raw))
        self.storage.add_block(entry.sequence, raw)
        self._activate()
        return entry

    def _activate(self) -> None:
        """Move to the best chain: announced once for each tip that has more work than the one before, as Core does."""
        best = self.chain.best()
        while best is not self.chain.tip:
            self._announce(self._step(best, self.chain.tip.chainwork))
            best = self.chain.best()

    def _step(self, best: Entry, enough: int) -> Moved:
        """Disconnect down to the fork and connect towards `best` until there is more work than `enough`."""
        moved = Moved()
        fork = self.chain.fork(best)
        with self.storage.together():
            went_back = self.chain.tip is not fork
            while self.chain.tip is not fork:
                self._disconnect()
            path = [
                entry for entry, _ in zip(best.ancestors(), range(best.height - fork.height), strict=False)
            ]
            for entry in reversed(path):
                block = self.chain.block(entry)
                self.chain.connect(entry, block)
                moved.evicted.extend(self._clear(block))
                moved.connected.append((entry, block))
                if entry.chainwork > enough:
                    break
            if went_back:
                self._drop_impossible()
        self._notice_age()
        self.limit_mempool()
        return moved

    def _announce(self, moved: Moved) -> None:
        for waiting in moved.evicted:
            self.listener.transaction(waiting.transaction)
        for _, block in moved.connected:
            for transaction in block.transactions:
                self.listener.transaction(transaction)
        if moved.connected and not self.syncing:
            last = moved.connected[-1][0]
            self.listener.block(last.header.hash, self.chain.read(last))

    def _disconnect(self) -> None:
        """Take the tip off; its transactions wait again, before those that may build on them."""
        block = self.chain.disconnect()
        returned = []
        for transaction in block.transactions:
            try:
                accepted = self.rules.accept(transaction, self.clock.now(), None, limited=False)
            except (Refused, MissingInputs):
                self._forget(self.mempool.remove_all(transaction))
            else:
                self._take_in(accepted)
                returned.append(transaction.txid)
        self.mempool.to_front(returned)
        self.storage.move_to_front(returned)
        for transaction in block.transactions:
            self.listener.transaction(transaction)

    def _clear(self, block: Block) -> list[Waiting]:
        """Take what a block holds out of the mempool, and what conflicts with it; returns the latter."""
        evicted: list[Waiting] = []
        for transaction in block.transactions:
            if transaction.txid in self.mempool.entries:
                self.mempool.remove(transaction.txid)
                self.storage.remove_waiting([transaction.txid])
            for txid in self.mempool.conflicts(transaction):
                evicted.extend(self.mempool.remove_all(self.mempool.entries[txid].transaction))
        self._forget(evicted)
        self.mempool.floor.block(self.clock.now())
        return evicted

    def _drop_impossible(self) -> None:
        """After blocks went: drop what spends a coinbase that is too young again, or is not final any more."""
        for waiting in list(self.mempool.entries.values()):
            if waiting.txid in self.mempool.entries and not self._is_possible(waiting.transaction):
                self._forget(self.mempool.remove_all(waiting.transaction))

    def _is_possible(self, transaction: Transaction) -> bool:
        coins = [self.rules.find(spent.txid) for spent in transaction.inputs]
        if any(coin is None for coin in coins) or not self.rules.is_final(transaction):
            return False
        heights = [coin.height for coin in coins if coin is not None and coin.coinbase]
        return all(self.chain.height + 1 - height >= validation.COINBASE_MATURITY for height in heights)

    def _take_in(self, accepted: Accepted) -> None:
        for gone in accepted.replaced:
            self.mempool.remove(gone.txid)
        self._forget(accepted.replaced)
        waiting = accepted.waiting
        self.mempool.add(waiting)
        self.storage.add_waiting(waiting.txid, waiting.transaction.raw, waiting.time)
        self.listener.transaction(waiting.transaction)

    def _forget(self, gone: Sequence[Waiting]) -> None:
        self.storage.remove_waiting([waiting.txid for waiting in gone])

    def _store_marks(self) -> None:
        self.storage.set_invalid(entry.header.hash for entry in self.chain.entries.values() if entry.invalid)

    def _notice_age(self) -> None:
        if not self.reads and self.chain.tip.header.time > self.clock.now() - MAX_TIP_AGE_SECONDS:
            self.syncing = False

    def _read(self, count: int) -> None:
        """Take stored blocks into the tree."""
        invalid = self.storage.invalid()
        while self._unread and count:
            raw = self._unread.popleft()
            entry = self.chain.add(header.parse_header(raw[: header.HEADER_BYTES]), len(raw))
            entry.invalid = entry.header.hash in invalid
            count -= 1

    def _load(self, count: int) -> None:
        """Find the best chain again from so many of the stored blocks, and check again what waits once that were all."""
        self._read(count)
        if not self.chain.entries:
            self._begin()
        best = self.chain.best()
        for entry in reversed(list(best.ancestors())[: -1 if self.chain.active else None]):
            self.chain.connect(entry, self.chain.block(entry))
        self._finish_loading()

    def _finish_loading(self) -> None:
        if self.reads:
            return
        self._notice_age()
        for raw, time in self.storage.waiting():
            self._load_waiting(raw, time)
        self.limit_mempool()

    def _begin(self) -> None:
        """Connect the first block, which Core announces like any other transaction."""
        entry = self.chain.add(
            header.parse_header(mining.GENESIS[: header.HEADER_BYTES]), len(mining.GENESIS)
        )
        self.storage.add_block(entry.sequence, mining.GENESIS)
        block = wire.parse_block(mining.GENESIS)
        self.chain.connect(entry, block)
        self.listener.transaction(block.transactions[0])

    def _load_waiting(self, raw: bytes, time: int) -> None:
        transaction = wire.parse_transaction(raw)
        try:
            self._take_in(self.rules.accept(transaction, time, None))
        except (Refused, MissingInputs):
            self.storage.remove_waiting([transaction.txid])
