"""How deep a reorg may go: decided before the first block is taken back."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import ChainState, Node
from app.domain import blocks
from app.domain.blocks import Tip, TipMoved

BATCH: Final = 100
"""Heights at which the two chains are compared at once."""


class ReorgTooDeep(Exception):
    """The node's chain leaves ours {0} below the tip, and KENNEL_MAX_REORG_BLOCKS allows {1}: look, then raise it."""

    def __str__(self) -> str:
        """Say how deep, and what is allowed."""
        depth, limit = self.args
        known = f"{depth} blocks" if depth is not None else "deeper than all blocks that we know"
        return (self.__doc__ or "").format(known, limit)


class Reorgs:
    """Allows what is at most `limit` blocks deep, counted from where the taking back began: the ledger knows."""

    def __init__(self, engine: AsyncEngine, node: Node, limit: int) -> None:
        self._engine = engine
        self._node = node
        self._limit = limit

    async def check(self, ours: Tip, theirs: ChainState) -> None:
        """Raise ReorgTooDeep if the way from the tip `ours` to the node's chain is too long; changes nothing.

        The block just below the deepest that may be taken back decides: it is of the node's chain, or it is too deep.
        """
        top = ours.height if ours.reorg_top is None else ours.reorg_top
        floor = max(0, top - self._limit)
        async with self._engine.connect() as db:
            kept = await blocks.hash_at(db, floor)
        there = await self._node.block_hash(floor) if floor <= theirs.height else b""
        if there is None:
            raise TipMoved
        if kept is not None and there != kept:
            raise ReorgTooDeep(await self._depth(top, min(floor, theirs.height)), self._limit)

    async def _depth(self, top: int, last: int) -> int | None:
        """Look for the highest block at or below `last` that both have; None if we know none."""
        while last >= 0:
            first = max(0, last - BATCH + 1)
            async with self._engine.connect() as db:
                known = await blocks.hashes(db, first, last)
            if not known:
                return None
            theirs = dict(enumerate(await self._node.hashes(first, last - first + 1), first))
            common = [height for height, ours in known.items() if theirs.get(height) == ours]
            if common:
                return top - max(common)
            last = first - 1
        return None
