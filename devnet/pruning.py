"""Pruning: old blocks are deleted, and only their headers stay, and what they left."""

from dataclasses import dataclass
from typing import Final

from devnet.chainstate import Chain, Entry
from devnet.storage import Storage

KEPT: Final = 1440  # Core: MIN_BLOCKS_TO_KEEP, of Dogecoin
LEAST: Final = 1000  # Core: nPruneAfterHeight, of regtest
_FACT: Final = "pruned"


@dataclass(frozen=True, slots=True)
class Margins:
    """How many blocks stay at the least, and from which height of the chain on any may go. Core's own unless a test is in a hurry."""

    keeps: int = KEPT
    least: int = LEAST


class CannotPrune(Exception):
    """Nothing can be pruned; the message is Core's, and `asked` says whether the height that was asked for is to blame."""

    def __init__(self, message: str, *, asked: bool = False) -> None:
        """Keep both."""
        super().__init__(message)
        self.asked = asked


class Pruning:
    """Which blocks of a node are gone: those up to a height, of whatever branch. It outlives a restart."""

    def __init__(self, storage: Storage, chain: Chain, margins: Margins | None) -> None:
        """Find out what is gone; without `margins` the node was not started to prune."""
        self._storage = storage
        self._chain = chain
        self._margins = margins
        self._gone = int.from_bytes(storage.kept(_FACT) or b"")

    @property
    def enabled(self) -> bool:
        """Whether the node prunes at all."""
        return self._margins is not None

    @property
    def lowest(self) -> int:
        """The height of the lowest block that is there (Core: `pruneheight`)."""
        return self._gone + 1 if self._gone else 0

    def holds(self, entry: Entry) -> bool:
        """Whether the bytes of the block are there."""
        return entry.height >= self.lowest

    def prune(self, height: int) -> int:
        """Delete what lies at or below a height, but for the blocks that stay; returns up to where. Raises `CannotPrune`."""
        if self._margins is None:
            raise CannotPrune("Cannot prune blocks because node is not in prune mode.")
        if height < 0:
            raise CannotPrune("Negative block height.", asked=True)
        if self._chain.height < self._margins.least:
            raise CannotPrune("Blockchain is too short for pruning.")
        if height > self._chain.height:
            raise CannotPrune("Blockchain is shorter than the attempted prune height.", asked=True)
        height = max(0, min(height, self._chain.height - self._margins.keeps))
        self._gone = max(self._gone, height)
        self._storage.keep(_FACT, self._gone.to_bytes(4))
        return height
