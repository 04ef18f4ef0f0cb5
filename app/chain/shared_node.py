"""What the cells of a process read of one node: each block and each waiting transaction once for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from app.chain import block_reader, mempool
from app.chain.node import BLOCKS_PER_BATCH, Node
from app.chain.rpc import NodeError
from app.domain.blocks import Block
from app.domain.sightings import WaitingTransaction
from app.runtime.shared_reads import SharedReads
from app.runtime.shared_runs import SharedRun

LEAST_BYTES: Final = 250_000
"""Of blocks in one fetch, however many cells there are: a block of Dogecoin has as much at most, but for a few."""
USUAL_BYTES: Final = 20_000
"""Of a block, before any was read."""
WAITING_BYTES: Final = 8_000_000
"""Of transactions that are remembered: a full mempool's newest."""


class SharedBlocks:
    """Blocks of the best chain, read and parsed once.

    The cells share the memory of what one follower may hold: the more there are, the smaller are their batches. What
    is remembered has room for what each of them connects and for what it fetches meanwhile: so cells at different
    heights take nothing from one another.
    """

    def __init__(self, node: Node, cells: int, batch_bytes: int | None = None) -> None:
        self._node = node
        self._enough = batch_bytes or max(block_reader.ENOUGH_BYTES // cells, LEAST_BYTES)
        self._usual_bytes = USUAL_BYTES
        self._blocks = SharedReads(self._read, 2 * cells * self._enough)

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._blocks.close()

    async def fetch(self, first: int, count: int, hashes: Sequence[bytes] | None = None) -> list[Block]:
        """Read up to `count` blocks from height `first` on, as `block_reader.fetch`."""
        if hashes is None:
            hashes = await self._node.hashes(first, count)
        keys = list(enumerate(hashes, first))
        blocks: list[Block] = []
        size = 0
        try:
            while len(blocks) < len(keys) and size < self._enough:
                fitting = -(-(self._enough - size) // self._usual_bytes)
                part = await self._blocks.of(keys[len(blocks) :][: min(fitting, BLOCKS_PER_BATCH)])
                blocks += [block for block, _ in part.values()]
                size += sum(block_bytes for _, block_bytes in part.values())
                self._usual_bytes = size // len(blocks)
        except NodeError:
            await block_reader.check_pruned(self._node, first)
            raise
        return blocks

    async def _read(self, keys: Sequence[tuple[int, bytes]]) -> Mapping[tuple[int, bytes], tuple[Block, int]]:
        raws = await self._node.blocks([block_hash for _, block_hash in keys])
        blocks = await block_reader.parse(keys, raws)
        return {key: (block, len(raw)) for key, block, raw in zip(keys, blocks, raws, strict=True)}


class SharedMempool(mempool.Reader):
    """What waits in the node's mempool, listed once for all who ask at the same time; each transaction is read once."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._lists: SharedRun[set[str]] = SharedRun()
        self._transactions = SharedReads(self._read, WAITING_BYTES)

    async def txids(self) -> set[str]:
        """Return the txids of all that waits; each caller's own set."""
        return set(await self._lists.result(self.node.mempool))

    async def transactions(self, txids: Sequence[str]) -> dict[str, WaitingTransaction | None]:
        """Return these transactions as far as they still wait; None for what cannot be read."""
        return {txid: parsed for txid, (parsed, _) in (await self._transactions.of(txids)).items()}

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._lists.close()
        await self._transactions.close()

    async def _read(self, txids: Sequence[str]) -> dict[str, tuple[WaitingTransaction | None, int]]:
        raws = await self.node.transactions(txids)
        parsed = await asyncio.to_thread(mempool.parse_all, raws)
        return {txid: (parsed.get(txid), len(raw)) for txid, raw in raws.items()}
