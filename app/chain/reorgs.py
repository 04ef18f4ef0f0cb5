"""How deep a reorg may go, decided before the first block is disconnected."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import ChainState, Node
from app.domain import blocks
from app.domain.blocks import Tip, TipMoved

BATCH: Final = 100
"""Heights at which the two chains are compared at once."""


class ReorgTooDeep(Exception):
    """The node's chain leaves ours too far below the tip; the message is a sentence for the operator."""


async def check(engine: AsyncEngine, node: Node, limit: int, tip: Tip, best: ChainState) -> None:
    """Raise ReorgTooDeep if the node's `best` chain leaves ours deeper than `limit` blocks; change nothing.

    The depth counts from where the disconnecting began, which the ledger's `tip` knows. The block just below
    the deepest one that may be disconnected decides: it is on the node's chain, or the reorg is too deep.
    """
    top = tip.height if tip.reorg_top is None else tip.reorg_top
    floor = max(0, top - limit)
    async with engine.connect() as db:
        our_hash = await blocks.hash_at(db, floor)
    their_hash = await node.block_hash(floor) if floor <= best.height else b""
    if their_hash is None:
        raise TipMoved
    if our_hash is not None and their_hash != our_hash:
        depth = await _depth(engine, node, top, min(floor, best.height))
        raise ReorgTooDeep(
            f"The node's chain leaves ours {depth} below the tip, and KENNEL_MAX_REORG_BLOCKS allows "
            f"{limit}: look, then raise it."
        )


async def _depth(engine: AsyncEngine, node: Node, top: int, last: int) -> str:
    """Say how far below `top` the highest block is that both chains have, at or below height `last`."""
    while last >= 0:
        first = max(0, last - BATCH + 1)
        async with engine.connect() as db:
            ours = await blocks.hashes(db, first, last)
        if not ours:
            break
        theirs = dict(enumerate(await node.hashes(first, last - first + 1), first))
        common = [height for height, block_hash in ours.items() if theirs.get(height) == block_hash]
        if common:
            return f"{top - max(common)} blocks"
        last = first - 1
    return "deeper than all blocks that we know"
