"""The API's questions to the node, and the node's troubles in the API's words."""

from collections.abc import Sequence
from typing import Any

from app.api.asking import Asking, NodeUnreachable, Undecodable
from app.audit import AtNode
from app.chain.node import Node, NodeError, NodeTrouble
from app.domain.deposits import Outpoint


def of(node: Node) -> Asking:
    """Ask this node."""

    async def holds(txid: bytes) -> bool:
        try:
            return await node.holds(txid)
        except (NodeTrouble, NodeError) as error:
            raise NodeUnreachable from error

    async def decode(text: str) -> dict[str, Any]:
        try:
            return await node.decode(text)
        except NodeError as error:
            raise Undecodable(reason=error.message) from error
        except NodeTrouble as error:
            raise NodeUnreachable from error

    return Asking(holds, decode, coins_of(node))


def coins_of(node: Node) -> AtNode:
    """Ask this node for coins."""

    async def coins(outpoints: Sequence[Outpoint]) -> tuple[bytes, Sequence[int | None]] | None:
        try:
            return await node.coins(outpoints)
        except (NodeTrouble, NodeError):
            return None

    return coins
