"""Where a new ledger begins: at the node's tip. Blocks that are as old as its first address are read again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.chain import block_reader
from app.chain.block_reader import Fetch
from app.chain.node import ChainState, Node
from app.domain.blocks import Block, Header

ANCHORS: Final = 100
"""Headers stored from before a new installation's start, so that it can follow a reorg at once."""
BLOCK_TIME_SECONDS: Final = 2 * 3600
"""By how much a block's time may differ from that of its making: nodes take none from further ahead."""


async def anchors(fetch: Fetch, best: ChainState) -> list[Header]:
    """Return the last headers up to the node's tip; none where the node has moved on meanwhile."""
    first = max(0, best.height - ANCHORS + 1)
    recent = await fetch(first, best.height - first + 1)
    return _headers(recent, best) if recent and recent[-1].hash == best.hash else []


def _headers(recent: Sequence[Block], best: ChainState) -> list[Header]:
    chainwork = best.chainwork - sum(block.work for block in recent)
    headers = []
    for block in recent:
        chainwork += block.work
        headers.append(Header(block.height, block.hash, block.previous, block.time, chainwork))
    return headers


async def first_since(node: Node, fetch: Fetch, best: ChainState, moment: datetime) -> int:
    """Return the height from which on blocks may have been made after `moment`; one above the tip for none.

    It looks at about as many blocks as the height has binary digits. A pruned node's first block is the lowest.
    """
    since = moment.timestamp() - BLOCK_TIME_SECONDS
    low, high = await block_reader.lowest_height(node), best.height + 1
    while low < high:
        middle = (low + high) // 2
        read = await fetch(middle, 1)  # none where the node's chain has become shorter
        low, high = (middle + 1, high) if read and read[0].time < since else (low, middle)
    return low
