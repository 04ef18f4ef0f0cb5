"""What a transaction should pay, as a real node says it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.chain.fee_rates import REFRESH_SECONDS, FeeRates
from app.chain.node import Node
from app.domain.payments import Policy
from app.domain.payments.fees import MINED_RATE
from app.money import COIN
from devnet import devnet
from devnet.node_options import NodeOptions

ROOM = 500_000


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    options = devnet.Options("127.0.0.1:0", None, node=NodeOptions(max_mempool_bytes=ROOM))
    async with (
        devnet.running(tmp_path, options) as running,
        Node(running.rpc_url.replace("http://", "http://kennel:kennel@")) as opened,
    ):
        await opened.call("generate", 100)
        yield opened


async def test_what_a_full_mempool_asks_for_is_paid(node: Node) -> None:
    await node.call("fillmempool", "0.4")

    policy = await FeeRates(node).policy()

    assert COIN * 40 // 100 < policy.floor == policy.rate < COIN * 45 // 100


async def test_the_rate_is_asked_for_now_and_then_and_at_once_where_a_fee_was_refused(node: Node) -> None:
    now = 0.0
    rates = FeeRates(node, clock=lambda: now)
    first = await rates.policy()
    await node.call("fillmempool", "0.4")

    unchanged = await rates.policy()
    rates.outdated()
    refreshed = await rates.policy()
    await node.call("fillmempool", "0.8")
    now = REFRESH_SECONDS
    later = await rates.policy()

    assert first == unchanged == Policy(MINED_RATE, MINED_RATE)
    assert unchanged.floor < refreshed.floor < later.floor
