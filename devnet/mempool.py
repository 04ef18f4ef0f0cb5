"""The transactions that wait for a block."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.chain.wire import Transaction
from app.money import COIN
from devnet.chainstate import Outpoint
from devnet.fee_floor import FeeFloor

EXPIRY_SECONDS = 24 * 60 * 60  # Core: DEFAULT_MEMPOOL_EXPIRY, of Dogecoin
MAX_BYTES = 300_000_000  # Core: -maxmempool, in megabytes
INCREMENTAL_PER_KB = COIN // 10_000  # Core: -incrementalrelayfee
OVERHEAD_BYTES = 700  # what an entry takes in Core's memory beside its transaction, about


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction in the mempool: its fee in koinu, when and at which height it came.

    `coin_age` is the sum of value times confirmations over its inputs in the chain, `chain_value` the sum of their values.
    """

    transaction: Transaction
    fee: int
    time: int
    height: int
    coin_age: int
    chain_value: int

    @property
    def txid(self) -> bytes:
        """The transaction's."""
        return self.transaction.txid

    @property
    def size(self) -> int:
        """The transaction's, in bytes."""
        return len(self.transaction.raw)

    @property
    def usage(self) -> int:
        """Bytes of memory that it takes."""
        return self.size + OVERHEAD_BYTES

    @property
    def modified_size(self) -> int:
        """Bytes without what an input needs at the least (Core: `CalculateModifiedSize`)."""
        spared = 0
        for spent in self.transaction.inputs:
            offset = 41 + min(110, len(spent.script))
            if self.size - spared > offset:
                spared += offset
        return self.size - spared

    def priority(self, height: int) -> float:
        """Koinu-confirmations per byte at this tip (Core: `GetPriority`); no amount of money."""
        if not self.modified_size:
            return 0.0
        return (
            self.coin_age / self.modified_size
            + (height - self.height) * self.chain_value / self.modified_size
        )


class Mempool:
    """Waiting transactions in order of arrival, parents before children, and what they spend."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        """Start empty, with room for `limit` bytes of memory."""
        self.limit = limit
        self.usage = 0  # bytes of memory that all take
        self.floor = FeeFloor(INCREMENTAL_PER_KB)
        self.entries: dict[bytes, Waiting] = {}
        self.spenders: dict[Outpoint, bytes] = {}

    def min_rate(self, now: int) -> int:
        """Koinu per 1,000 bytes that it takes at the least, at a time in seconds."""
        return self.floor.rate(now, self.usage, self.limit)

    def trim(self) -> list[Waiting]:
        """Take out what pays least, with all that builds on it, until there is room again (Core: `TrimToSize`)."""
        gone: list[Waiting] = []
        while self.entries and self.usage > self.limit:
            lowest = min(self.entries.values(), key=self._worth)
            self.floor.evicted(self._rate_with_descendants(lowest))
            gone += self.remove_all(lowest.transaction)
        return gone

    def add(self, waiting: Waiting) -> None:
        """Take in a transaction that conflicts with none here."""
        self.entries[waiting.txid] = waiting
        self.usage += waiting.usage
        for spent in waiting.transaction.inputs:
            self.spenders[spent.txid, spent.vout] = waiting.txid

    def conflicts(self, transaction: Transaction) -> list[bytes]:
        """List who spends the same coins, the transaction itself left out."""
        found = (self.spenders.get((spent.txid, spent.vout)) for spent in transaction.inputs)
        return list(dict.fromkeys(txid for txid in found if txid is not None and txid != transaction.txid))

    def parents(self, transaction: Transaction) -> list[bytes]:
        """List which of its inputs' transactions wait here."""
        return list(dict.fromkeys(spent.txid for spent in transaction.inputs if spent.txid in self.entries))

    def children(self, transaction: Transaction) -> list[bytes]:
        """List who spends its outputs."""
        found = (self.spenders.get((transaction.txid, vout)) for vout in range(len(transaction.outputs)))
        return list(dict.fromkeys(txid for txid in found if txid is not None))

    def ancestors(self, transaction: Transaction) -> list[Waiting]:
        """List all that must be mined before it, itself left out."""
        return self._reach(self.parents(transaction), self.parents)

    def descendants(self, transaction: Transaction) -> list[Waiting]:
        """List all that falls with it, itself left out."""
        return self._reach(self.children(transaction), self.children)

    def remove(self, txid: bytes) -> None:
        """Take out one transaction, for example because it was mined."""
        waiting = self.entries.pop(txid, None)
        if waiting is None:
            return
        self.usage -= waiting.usage
        for spent in waiting.transaction.inputs:
            if self.spenders.get((spent.txid, spent.vout)) == txid:
                del self.spenders[spent.txid, spent.vout]

    def remove_all(self, transaction: Transaction) -> list[Waiting]:
        """Take out a transaction and all that builds on it; it need not wait here itself. Returns what went."""
        own = self.entries.get(transaction.txid)
        gone = [*([own] if own else []), *self.descendants(transaction)]
        for waiting in gone:
            self.remove(waiting.txid)
        return gone

    def expired(self, now: int) -> list[Waiting]:
        """List what has waited for too long."""
        return [waiting for waiting in self.entries.values() if waiting.time < now - EXPIRY_SECONDS]

    def to_front(self, txids: Iterable[bytes]) -> None:
        """Put transactions of a disconnected block before all others, which may build on them."""
        first = {txid: self.entries[txid] for txid in txids if txid in self.entries}
        self.entries = {
            **first,
            **{txid: waiting for txid, waiting in self.entries.items() if txid not in first},
        }

    def _worth(self, waiting: Waiting) -> int:
        """What it pays a kB, or together with those that build on it where these pay more (Core: the descendant score)."""
        return max(waiting.fee * 1000 // waiting.size, self._rate_with_descendants(waiting))

    def _rate_with_descendants(self, waiting: Waiting) -> int:
        family = [waiting, *self.descendants(waiting.transaction)]
        return sum(entry.fee for entry in family) * 1000 // sum(entry.size for entry in family)

    def _reach(self, start: Iterable[bytes], step: Callable[[Transaction], list[bytes]]) -> list[Waiting]:
        found: dict[bytes, Waiting] = {}
        ahead = list(start)
        while ahead:
            txid = ahead.pop()
            if txid not in found:
                found[txid] = self.entries[txid]
                ahead.extend(step(found[txid].transaction))
        return list(found.values())
