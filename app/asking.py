"""The API's questions to the node, and the node's troubles in the API's words."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from app.api.asking import Asking, NodeUnreachable, Undecodable
from app.audit import AtNode
from app.chain import follower
from app.chain.node import Node, NodeError, NodeTrouble
from app.domain.deposits import Outpoint

SECONDS: Final = 10.0
"""How long a caller is kept waiting for the node, its turn to ask included."""


def of(node: Node, seconds: float = SECONDS) -> Asking:
    """Ask this node, for `seconds` at most but where it is asked for coins."""

    async def holds(raw: bytes) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await node.holds_same(raw)
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

    async def kept_from() -> int:
        try:
            return await follower.kept_from(node)
        except (NodeTrouble, NodeError) as error:
            raise NodeUnreachable from error

    return Asking(holds, decode, coins_of(node), kept_from)


def coins_of(node: Node) -> AtNode:
    """Ask this node for coins."""

    async def coins(outpoints: Sequence[Outpoint]) -> tuple[bytes, Sequence[int | None]] | None:
        try:
            return await node.coins(outpoints)
        except (NodeTrouble, NodeError):
            return None

    return coins
