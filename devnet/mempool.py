"""The transactions that wait for a block."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.chain.wire import Transaction
from app.money import COIN
from devnet.chainstate import Outpoint
from devnet.fee_floor import FeeFloor
from devnet.storage import Storage

EXPIRY_SECONDS = 24 * 60 * 60  # Core: DEFAULT_MEMPOOL_EXPIRY, of Dogecoin
MAX_BYTES = 300_000_000  # Core: -maxmempool, in megabytes
INCREMENTAL_PER_KB = COIN // 10_000  # Core: -incrementalrelayfee
OVERHEAD_BYTES = 700  # what an entry takes in Core's memory beside its transaction, about


@dataclass(frozen=True, slots=True)
class MempoolEntry:
    """A transaction in the mempool: its fee in koinu, when and at which height it came.

    `coin_age` is the sum of value times confirmations over its inputs in the chain, `chain_value` the sum of
    their values.
    """

    transaction: Transaction
    fee: int
    time: int
    height: int
    coin_age: int
    chain_value: int

    @property
    def txid(self) -> bytes:
        """The txid of the transaction."""
        return self.transaction.txid

    @property
    def size(self) -> int:
        """The transaction's bytes."""
        return self.transaction.size

    @property
    def usage(self) -> int:
        """The bytes of memory that it takes."""
        return self.size + OVERHEAD_BYTES

    @property
    def modified_size(self) -> int:
        """The bytes beyond those that each input needs at least (Core: `CalculateModifiedSize`)."""
        size = self.size
        for spent in self.transaction.inputs:
            offset = 41 + min(110, len(spent.script))
            if size > offset:
                size -= offset
        return size

    def priority(self, height: int) -> float:
        """Return koinu-confirmations per byte at this tip (Core: `GetPriority`); no amount of money."""
        if not self.modified_size:
            return 0.0
        return (
            self.coin_age / self.modified_size
            + (height - self.height) * self.chain_value / self.modified_size
        )


class Mempool:
    """The entries in order of arrival, parents before children, and what they spend; the same on the disk.

    `usage` is the memory that all of them take, in bytes.
    """

    def __init__(self, storage: Storage, limit: int) -> None:
        """Start empty, with room for `limit` bytes of memory."""
        self.limit = limit
        self.usage = 0
        self.floor = FeeFloor(INCREMENTAL_PER_KB)
        self.entries: dict[bytes, MempoolEntry] = {}
        self.spenders: dict[Outpoint, bytes] = {}
        self._storage = storage

    def min_rate(self, now: int) -> int:
        """Return the lowest rate that it takes at a time in seconds, in koinu per 1,000 bytes."""
        return self.floor.rate(now, self.usage, self.limit)

    def trim(self) -> None:
        """Remove what pays least, with all that builds on it, until there is room (Core: `TrimToSize`)."""
        while self.entries and self.usage > self.limit:
            lowest = min(self.entries.values(), key=self._worth)
            self.floor.evicted(self._rate_with_descendants(lowest))
            self.remove_all(lowest.transaction)

    def add(self, entry: MempoolEntry) -> None:
        """Add a transaction that conflicts with none here."""
        self.entries[entry.txid] = entry
        self.usage += entry.usage
        for spent in entry.transaction.inputs:
            self.spenders[spent.txid, spent.vout] = entry.txid
        self._storage.add_waiting(entry.txid, entry.transaction.raw, entry.time)

    def conflicts(self, transaction: Transaction) -> list[bytes]:
        """List the txids that spend the same coins, without the transaction itself."""
        spenders = (self.spenders.get((spent.txid, spent.vout)) for spent in transaction.inputs)
        return _unique(txid for txid in spenders if txid != transaction.txid)

    def parents(self, transaction: Transaction) -> list[bytes]:
        """List the txids of its inputs that are here."""
        return _unique(spent.txid for spent in transaction.inputs if spent.txid in self.entries)

    def children(self, transaction: Transaction) -> list[bytes]:
        """List the txids that spend its outputs."""
        outputs = range(len(transaction.outputs))
        return _unique(self.spenders.get((transaction.txid, vout)) for vout in outputs)

    def ancestors(self, transaction: Transaction) -> list[MempoolEntry]:
        """List all that must be mined before it, without itself."""
        return self._reach(self.parents(transaction), self.parents)

    def descendants(self, transaction: Transaction) -> list[MempoolEntry]:
        """List all that builds on it, without itself."""
        return self._reach(self.children(transaction), self.children)

    def remove(self, txid: bytes) -> None:
        """Remove a transaction, if it is here; for example because it was mined."""
        entry = self.entries.pop(txid, None)
        if entry is None:
            return
        self.usage -= entry.usage
        for spent in entry.transaction.inputs:
            if self.spenders.get((spent.txid, spent.vout)) == txid:
                del self.spenders[spent.txid, spent.vout]
        self._storage.remove_waiting(txid)

    def remove_all(self, transaction: Transaction) -> list[MempoolEntry]:
        """Remove a transaction, if it is here, and all that builds on it; return what was removed."""
        own = self.entries.get(transaction.txid)
        removed = [*([own] if own else []), *self.descendants(transaction)]
        for entry in removed:
            self.remove(entry.txid)
        return removed

    def expired(self, now: int) -> list[MempoolEntry]:
        """List what has waited for too long."""
        return [entry for entry in self.entries.values() if entry.time < now - EXPIRY_SECONDS]

    def move_to_front(self, txids: Sequence[bytes]) -> None:
        """Put transactions of a disconnected block before all others, which may build on them."""
        first = {txid: self.entries[txid] for txid in txids if txid in self.entries}
        self.entries = first | {txid: entry for txid, entry in self.entries.items() if txid not in first}
        self._storage.move_to_front(txids)

    def _worth(self, entry: MempoolEntry) -> int:
        """Return its rate, or that of it and its descendants if higher (Core: the descendant score)."""
        return max(entry.fee * 1000 // entry.size, self._rate_with_descendants(entry))

    def _rate_with_descendants(self, entry: MempoolEntry) -> int:
        family = [entry, *self.descendants(entry.transaction)]
        return sum(member.fee for member in family) * 1000 // sum(member.size for member in family)

    def _reach(self, start: list[bytes], step: Callable[[Transaction], list[bytes]]) -> list[MempoolEntry]:
        reached: dict[bytes, MempoolEntry] = {}
        txids = list(start)
        while txids:
            txid = txids.pop()
            if txid not in reached:
                reached[txid] = self.entries[txid]
                txids.extend(step(reached[txid].transaction))
        return list(reached.values())


def _unique(txids: Iterable[bytes | None]) -> list[bytes]:
    return list(dict.fromkeys(txid for txid in txids if txid is not None))
