"""What the node says a transaction should pay, asked now and then and believed within bounds."""

import time
from collections.abc import Callable
from typing import Any, Final

from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.domain.payments import Policy
from app.money import NOTHING, BadAmount, Koinu, parse

ASKED_SECONDS: Final = 60.0
BLOCKS: Final = 6
"""Within how many blocks a payment should be mined."""


class FeeRates:
    """The fee policy of the moment; the last known one while the node does not answer."""

    def __init__(self, node: Node, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._policy = Policy()
        self._ask_at = clock()

    async def policy(self) -> Policy:
        """Return the rate to pay and the least that is relayed and mined."""
        if self._clock() >= self._ask_at:
            self._ask_at = self._clock() + ASKED_SECONDS
            try:
                estimate = await self._node.call("estimatesmartfee", BLOCKS)
                network = await self._node.call("getnetworkinfo")
                mempool = await self._node.call("getmempoolinfo")
            except (NodeTrouble, NodeError):
                return self._policy
            least = max(_rate(network, "relayfee") or NOTHING, _rate(mempool, "mempoolminfee") or NOTHING)
            self._policy = Policy.of(_rate(estimate, "feerate"), least)
        return self._policy

    def outdated(self) -> None:
        """The node has refused a fee: ask it again before the next transaction is signed."""
        self._ask_at = self._clock()


def _rate(said: Any, name: str) -> Koinu | None:
    """Read DOGE/kB; None for -1, which says that there is no estimate, and for nonsense."""
    try:
        rate = parse(said[name])
    except (BadAmount, KeyError, TypeError):
        return None
    return Koinu(rate) if rate > 0 else None
