"""What requests ask the node."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from app.api.node_queries import NodeQueries, NodeUnreachable, Undecodable
from app.audit import FetchCoins
from app.chain import block_reader
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.domain.dogecoin import Outpoint

ANSWER_SECONDS: Final = 10.0
"""How long a caller is kept waiting for the node, its turn to ask included."""


def to(node: Node, seconds: float = ANSWER_SECONDS) -> NodeQueries:
    """Ask this node, for `seconds` at most but where it is asked for coins."""

    async def holds(raw: bytes) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await node.mempool_spends(raw)
        except (NodeTrouble, NodeError, TimeoutError) as error:
            raise NodeUnreachable from error

    async def decode(text: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                return await node.decode(text)
        except NodeError as error:
            raise Undecodable(reason=error.message) from error
        except (NodeTrouble, TimeoutError) as error:
            raise NodeUnreachable from error

    async def lowest_height() -> int:
        try:
            return await block_reader.lowest_height(node)
        except (NodeTrouble, NodeError) as error:
            raise NodeUnreachable from error

    return NodeQueries(holds, decode, coins_of(node), lowest_height)


def coins_of(node: Node) -> FetchCoins:
    """Ask this node for coins."""

    async def coins(outpoints: Sequence[Outpoint]) -> tuple[bytes, Sequence[int | None]] | None:
        try:
            return await node.coins(outpoints)
        except (NodeTrouble, NodeError):
            return None

    return coins
