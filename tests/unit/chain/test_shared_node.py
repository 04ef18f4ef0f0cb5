"""Cells of one process read the node together: each block and each waiting transaction once, at whatever heights they are."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.block_reader import UnreadableBlock
from app.chain.follower import Follower, FollowerTerms
from app.chain.mempool import Mempool
from app.chain.node import Node
from app.chain.shared_node import SharedBlocks, SharedMempool
from app.db.engine import open_engine
from app.domain import dogecoin
from app.domain.blocks import connecting
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from devnet import devnet
from tests import conftest, scenario

CELLS = 4
BATCH_BYTES = 2_000
"""Some ten empty blocks: what is remembered is a fraction of the chains below."""
NOWHERE = dogecoin.to_address(REGTEST, dogecoin.p2sh(bytes(20))) or ""


class CountingNode(Node):
    """A node that counts what it is asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fetched: Counter[bytes] = Counter()
        self.read: Counter[str] = Counter()
        self.damaged: bytes | None = None

    async def blocks(self, hashes: Sequence[bytes]) -> list[bytes]:
        self.fetched.update(hashes)
        raws = await super().blocks(hashes)
        return [raw[:-1] if block == self.damaged else raw for block, raw in zip(hashes, raws, strict=True)]

    async def transactions(self, txids: Sequence[str]) -> dict[str, bytes]:
        self.read.update(txids)
        return await super().transactions(txids)

    async def mine(self, count: int) -> None:
        await self.call("generatetoaddress", count, NOWHERE)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[CountingNode]:
    async with (
        devnet.running(tmp_path, devnet.Options("127.0.0.1:0", None)) as running,
        CountingNode(running.rpc_url.replace("http://", "http://kennel:kennel@")) as node,
    ):
        yield node


@pytest.fixture
async def engines(server: str) -> AsyncIterator[list[AsyncEngine]]:
    """The databases of four cells."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(CELLS):
            url = await stack.enter_async_context(conftest.cloned(server))
            opened.append(open_engine(url, connections=4))
            stack.push_async_callback(opened[-1].dispose)
        yield opened


@pytest.fixture
async def followers(node: CountingNode, engines: list[AsyncEngine]) -> AsyncIterator[list[Follower]]:
    """A follower of each cell; all have begun at the node's tip."""
    shared = SharedBlocks(node, CELLS, BATCH_BYTES)
    terms = FollowerTerms(shared.fetch)
    made = [
        Follower(engine, node, scenario.RULES, Lease(engine, "follow", "one"), lambda: None, terms)
        for engine in engines
    ]
    await node.mine(1)
    await follow(*made)
    node.fetched.clear()
    yield made
    for follower in made:
        await follower.close()
    await shared.close()


async def follow(*followers: Follower) -> None:
    """Let each step in turn until none has anything to do."""
    while any([await follower.step() for follower in followers]):
        pass


async def height(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        tip = await connecting.tip(db)
    assert tip is not None
    return tip.height


async def test_cells_that_are_behind_together_read_each_block_once(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    await node.mine(60)

    await follow(*followers)

    assert [await height(engine) for engine in engines] == [61] * CELLS
    assert len(node.fetched) == 60
    assert set(node.fetched.values()) == {1}


async def test_cells_at_different_heights_take_nothing_from_one_another(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    ahead, behind = followers[:2], followers[2:]
    await node.mine(60)
    await follow(*ahead)
    await node.mine(60)
    node.fetched.clear()

    await follow(*followers)

    assert [await height(engine) for engine in engines] == [121] * CELLS
    assert len(behind) == 2
    assert max(node.fetched.values()) <= 2
    assert sum(node.fetched.values()) <= 60 + 120


async def test_a_block_that_arrives_is_read_once_though_all_ask_at_the_same_time(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    for _ in range(5):
        await node.mine(1)
        await asyncio.gather(*(follower.step() for follower in followers))

    assert [await height(engine) for engine in engines] == [6] * CELLS
    assert list(node.fetched.values()) == [1] * 5


async def test_a_block_that_cannot_be_read_stops_every_cell_and_is_skipped_by_none(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    await node.mine(3)
    node.damaged = await node.block_hash(3)

    for follower in followers:
        with pytest.raises(UnreadableBlock, match="Block 3 "):
            await follow(follower)

    assert max([await height(engine) for engine in engines]) < 3
    node.damaged = None
    await follow(*followers)
    assert [await height(engine) for engine in engines] == [4] * CELLS


async def test_a_reorg_is_followed_by_all_cells(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    await node.mine(5)
    await follow(*followers)
    await node.call("invalidateblock", await node.call("getblockhash", 4))
    await node.mine(6)

    await follow(*followers)

    assert [await height(engine) for engine in engines] == [9] * CELLS
    assert set(node.fetched.values()) == {1}


async def test_a_waiting_transaction_is_read_once_for_all_cells(
    node: CountingNode, followers: list[Follower], engines: list[AsyncEngine]
) -> None:
    await node.call("generate", 110)
    await follow(*followers)
    txid = await node.call("sendtoaddress", NOWHERE, 1)
    reader = SharedMempool(node)
    watches = [
        Mempool(engine, reader, scenario.RULES, Lease(engine, "mempool", "one"), lambda: None)
        for engine in engines
    ]

    await asyncio.gather(*(watch.step() for watch in watches))
    await asyncio.gather(*(watch.step() for watch in watches))

    assert node.read == {txid: 1}
    await reader.close()
