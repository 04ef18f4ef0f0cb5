"""What the node says a transaction should pay: queried now and then, and believed within bounds."""

import time
from collections.abc import Callable
from typing import Any, Final

from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble
from app.domain.payments import Policy
from app.money import NOTHING, BadAmount, Koinu, parse

REFRESH_SECONDS: Final = 60.0
BLOCKS: Final = 6
"""Within how many blocks a payment should be mined."""


class FeeRates:
    """The fee policy of the moment; the last known policy while the node does not answer."""

    def __init__(self, node: Node, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._policy = Policy()
        self._refresh_at = clock()

    async def policy(self) -> Policy:
        """Return the rate to pay, and the lowest rate that is relayed and mined."""
        if self._clock() >= self._refresh_at:
            self._refresh_at = self._clock() + REFRESH_SECONDS
            try:
                estimate = await self._node.call("estimatesmartfee", BLOCKS)
                network = await self._node.call("getnetworkinfo")
                mempool = await self._node.call("getmempoolinfo")
            except (NodeTrouble, NodeError):
                return self._policy
            floor = max(_rate(network, "relayfee") or NOTHING, _rate(mempool, "mempoolminfee") or NOTHING)
            self._policy = Policy.of(_rate(estimate, "feerate"), floor)
        return self._policy

    def outdated(self) -> None:
        """Query the node again before the next transaction is signed, because it has refused a fee."""
        self._refresh_at = self._clock()


def _rate(answer: Any, name: str) -> Koinu | None:
    """Read DOGE/kB; None for -1, which says that there is no estimate, and for nonsense."""
    try:
        rate = parse(answer[name])
    except (BadAmount, KeyError, TypeError):
        return None
    return Koinu(rate) if rate > 0 else None
