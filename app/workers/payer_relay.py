"""The relay of DogeConnect: its key, and what it asks the node for payers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.api.node_queries import NodeUnreachable
from app.api.relay import Relay
from app.chain import relay_key, wallet_transactions
from app.chain.fee_rates import FeeRates
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble, Slots
from app.domain.dogecoin import Outpoint, UnspentOutput

SLOTS: Final = Slots(1, 500)
"""Payers wait for each other: they take one of Core's threads and no more."""
NODE_ANSWER_SECONDS: Final = 10.0


async def opened(path: Path, node: Node, seconds: float = NODE_ANSWER_SECONDS) -> Relay:
    """Return the relay with the key at `path`, which is made at the first start; or raise RelayKeyRefused.

    A payer waits for the node for `seconds` at most.
    """
    key = await asyncio.to_thread(relay_key.open_or_create, path)

    async def unspent(outpoints: Sequence[Outpoint]) -> Sequence[UnspentOutput | None]:
        try:
            async with asyncio.timeout(seconds):
                return await node.unspent(outpoints)
        except (NodeTrouble, NodeError, TimeoutError) as error:
            raise NodeUnreachable from error

    return Relay(
        key.public_key, key.sign, key.token, FeeRates(node).policy, wallet_transactions.read, unspent
    )
