"""Pruning: old blocks are deleted, and only their headers and their coins stay."""

from dataclasses import dataclass
from typing import Final

from devnet.chainstate import Chain, Entry
from devnet.storage import Storage

_STORED_AS: Final = "pruned"


@dataclass(frozen=True, slots=True)
class PruneLimits:
    """How many blocks stay at least, and from which height of the chain on any may go; as in Core."""

    min_kept: int = 1440  # Core: MIN_BLOCKS_TO_KEEP, of Dogecoin
    min_height: int = 1000  # Core: nPruneAfterHeight, of regtest


class CannotPrune(Exception):
    """Nothing can be pruned, for Core's reason; `bad_height` if the requested height is the reason."""

    def __init__(self, message: str, *, bad_height: bool = False) -> None:
        super().__init__(message)
        self.bad_height = bad_height


class Pruning:
    """Which blocks of a node are deleted: those up to a height, of every branch. It outlives a restart."""

    def __init__(self, storage: Storage, chain: Chain, limits: PruneLimits | None) -> None:
        """Read what is deleted. Without `limits` the node was not started to prune."""
        self._storage = storage
        self._chain = chain
        self._limits = limits
        self._deleted_to = int.from_bytes(storage.value(_STORED_AS) or b"")

    @property
    def enabled(self) -> bool:
        """True if the node prunes."""
        return self._limits is not None

    @property
    def lowest(self) -> int:
        """The height of the lowest block that the node has (Core: `pruneheight`)."""
        return self._deleted_to + 1 if self._deleted_to else 0

    def holds(self, entry: Entry) -> bool:
        """Say whether the node has the bytes of the block."""
        return entry.height >= self.lowest

    def prune(self, height: int) -> int:
        """Delete the blocks up to a height, or as far as allowed; return that height. Raises CannotPrune."""
        if self._limits is None:
            raise CannotPrune("Cannot prune blocks because node is not in prune mode.")
        if height < 0:
            raise CannotPrune("Negative block height.", bad_height=True)
        if self._chain.height < self._limits.min_height:
            raise CannotPrune("Blockchain is too short for pruning.")
        if height > self._chain.height:
            raise CannotPrune("Blockchain is shorter than the attempted prune height.", bad_height=True)
        height = max(0, min(height, self._chain.height - self._limits.min_kept))
        self._deleted_to = max(self._deleted_to, height)
        self._storage.set_value(_STORED_AS, self._deleted_to.to_bytes(4))
        return height
