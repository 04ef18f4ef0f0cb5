"""How a node is started: what Core reads from its command line."""

from dataclasses import dataclass
from typing import Final

from devnet import mempool
from devnet.pruning import Margins


@dataclass(frozen=True, slots=True)
class Terms:
    """Room for what waits (Core: -maxmempool); what may be pruned (-prune=1), None: nothing; whether all is read again (-reindex)."""

    max_mempool_bytes: int = mempool.MAX_BYTES
    pruning: Margins | None = None
    reindex: bool = False


AS_USUAL: Final = Terms()
