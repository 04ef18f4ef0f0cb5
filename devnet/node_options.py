"""How a node is started: what Core reads from its command line."""

from dataclasses import dataclass
from typing import Final

from devnet import mempool
from devnet.pruning import PruneLimits


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Core's -maxmempool, -prune=1 (nothing is pruned if None) and -reindex (all blocks are read again)."""

    max_mempool_bytes: int = mempool.MAX_BYTES
    pruning: PruneLimits | None = None
    reindex: bool = False


DEFAULTS: Final = NodeOptions()
