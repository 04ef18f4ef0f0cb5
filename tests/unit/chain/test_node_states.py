"""A node that is behind, starts, stops or prunes: Kennel says what it waits for, and goes on by itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.block_reader import Pruned
from app.chain.node import Node
from app.chain.rpc import NodeAway, NodeWarmingUp
from app.config import sources
from app.domain import blocks
from app.domain.payments import Payment
from app.runtime.lease import Leases
from app.runtime.loop import LoopHealth, ProcessHealth, WakeUp
from app.workers import roles
from app.workers.roles import Shared
from devnet import devnet
from devnet.devnet import Devnet
from devnet.mempool import EXPIRY_SECONDS
from devnet.node_options import DEFAULTS, NodeOptions
from devnet.pruning import PruneLimits
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge


@dataclass
class NodeHome:
    """The port and the files of a node, with which it can run again."""

    engine: AsyncEngine
    home: Path
    bind: str = "127.0.0.1:0"

    @asynccontextmanager
    async def running(self, options: NodeOptions = DEFAULTS) -> AsyncIterator[tuple[Devnet, ChainHarness]]:
        async with devnet.running(self.home, devnet.Options(self.bind, None, node=options)) as running:
            self.bind = running.rpc_url.removeprefix("http://")
            url = f"http://kennel:kennel@{self.bind}"
            async with Node(url) as node:
                harness = ChainHarness(self.engine, node, self.home, url)
                yield running, harness
                await harness.close()


class Ended(Exception):
    """The loop has run once."""


class Once(WakeUp):
    """Ends a loop that has nothing to do."""

    async def wait(self, _: float) -> None:
        raise Ended


@pytest.fixture
def node_home(engine: AsyncEngine, tmp_path: Path) -> NodeHome:
    return NodeHome(engine, tmp_path)


async def begin(harness: ChainHarness) -> None:
    """Bring the ledger to the node's tip, and fund an account."""
    await harness.call("generate", chain_harness.MATURE)
    await harness.follow()
    await harness.fund("shop", 100)


async def tip_height(harness: ChainHarness) -> int:
    async with harness.engine.connect() as db:
        tip = await blocks.tip(db)
    assert tip is not None
    return tip.height


async def send_payment(harness: ChainHarness) -> Payment:
    """Return a payment that is in the node's mempool."""
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    assert await harness.mempool() != []
    return payment


async def test_a_node_whose_chain_has_less_work_now_is_waited_for_and_that_is_said(
    node_home: NodeHome,
) -> None:
    async with node_home.running() as (_, harness):
        await begin(harness)
        top = await tip_height(harness)

        await harness.invalidate_blocks(3)
        await harness.follow()

        assert (await tip_height(harness), (await harness.balance()).available) == (top, doge(100))
        assert harness.follower.waits_for() == (
            f"the node is at block {top - 3} and the ledger at block {top}: "
            "the node has less work, and is waited for"
        )
        await harness.mine(3)
        assert (
            "the node follows another chain that has no more work than the ledger's"
            in harness.follower.waits_for()
        )
        await harness.mine(1)
        assert (harness.follower.waits_for(), await tip_height(harness)) == ("", top + 1)


async def test_while_the_node_reads_its_blocks_again_nothing_is_undone_and_then_all_goes_on(
    node_home: NodeHome,
) -> None:
    async with node_home.running() as (_, harness):
        await begin(harness)
        payment, top = await send_payment(harness), await tip_height(harness)

    async with node_home.running(NodeOptions(reindex=True)) as (running, harness):
        for height in (0, 60):
            await running.in_node_thread(partial(running.node.reindex, height))
            await harness.follow()
            await harness.make_due()
            await harness.send()

            assert (
                f"the node is at block {height} and the ledger at block {top}" in harness.follower.waits_for()
            )
            assert (await tip_height(harness), await harness.states(payment)) == (top, ["BROADCAST"])
        await running.in_node_thread(lambda: running.node.reindex(top))
        await harness.make_due()
        await harness.send()
        await harness.mine(2)

        assert (harness.follower.waits_for(), await harness.states(payment)) == ("", ["CONFIRMED"])
        await harness.audit()


async def test_a_node_that_starts_is_waited_for_and_what_was_signed_meanwhile_is_sent(
    node_home: NodeHome,
) -> None:
    async with node_home.running() as (running, harness):
        await begin(harness)
        payment = await harness.pay(await harness.node_address(), 10)
        await harness.call("generate", 1)

        running.node.warming_up = "Loading block index..."
        with pytest.raises(NodeWarmingUp, match=r"is starting: Loading block index\.\.\."):
            await harness.follow()
        with pytest.raises(NodeWarmingUp):
            await harness.send()
        running.node.warming_up = ""
        await harness.follow()
        await harness.send()
        await harness.mine(2)

        assert await harness.states(payment) == ["CONFIRMED"]


async def test_a_node_that_ends_and_turns_callers_away_is_away(node_home: NodeHome) -> None:
    async with node_home.running() as (running, harness):
        await begin(harness)
        payment = await harness.pay(await harness.node_address(), 10)

        running.shutting_down = True
        with pytest.raises(NodeAway):
            await harness.follow()
        with pytest.raises(NodeAway):
            await harness.send()
        running.shutting_down = False
        await harness.send()
        await harness.mine(2)

        assert await harness.states(payment) == ["CONFIRMED"]


async def test_blocks_that_the_node_has_pruned_before_the_ledger_took_them_are_named_and_never_skipped(
    node_home: NodeHome,
) -> None:
    async with node_home.running(NodeOptions(pruning=PruneLimits(min_kept=10, min_height=20))) as (
        _,
        harness,
    ):
        await begin(harness)
        top = await tip_height(harness)
        await harness.call("generate", 40)

        pruned = await harness.call("pruneblockchain", top + 5)
        with pytest.raises(
            Pruned, match=rf"has blocks from {top + 6} on only: {top + 1} needs a node with all of them"
        ):
            await harness.follow()

        assert (pruned, await tip_height(harness)) == (top + 5, top)


async def test_a_ledger_that_is_above_what_a_node_has_pruned_is_followed_through_a_reorg(
    node_home: NodeHome,
) -> None:
    async with node_home.running(NodeOptions(pruning=PruneLimits(min_kept=10, min_height=20))) as (
        _,
        harness,
    ):
        await begin(harness)
        await harness.call("pruneblockchain", await tip_height(harness))
        await harness.invalidate_blocks(8)

        await harness.mine(9)

        assert (harness.follower.waits_for(), (await harness.balance()).available) == ("", doge(100))


async def test_what_the_node_has_forgotten_after_a_day_is_sent_again(node_home: NodeHome) -> None:
    async with node_home.running() as (_, harness):
        await begin(harness)
        payment = await send_payment(harness)
        tip_time = (await harness.call("getblock", await harness.call("getbestblockhash")))["time"]

        await harness.call("setmocktime", tip_time + EXPIRY_SECONDS + 60)
        await harness.mine_only()
        forgotten = await harness.mempool()
        await harness.make_due()
        await harness.send()
        sent_again = await harness.mempool()
        await harness.call("setmocktime", 0)
        await harness.mine(2)

        assert (forgotten, len(sent_again)) == ([], 1)
        assert await harness.states(payment) == ["CONFIRMED"]


async def test_whoever_asks_whether_the_follower_runs_hears_what_it_waits_for(node_home: NodeHome) -> None:
    async with node_home.running() as (_, harness), AsyncExitStack() as stack:
        await begin(harness)
        await harness.follower.close()
        await harness.invalidate_blocks(3)
        settings = sources.read({"KENNEL_HOME": str(node_home.home), "KENNEL_NODE_URL": harness.url})
        shared = Shared.of(
            settings, harness.engine, harness.node, Leases(harness.engine, "another", ProcessHealth()), None
        )
        loop, _ = await roles.follow(stack, shared)
        health = ProcessHealth()

        with pytest.raises(Ended):
            await replace(loop, wake_up=Once()).run(health)

        assert health.loops["follow"] == LoopHealth("trouble", health.loops["follow"].reason)
        assert "the node has less work, and is waited for" in health.loops["follow"].reason
