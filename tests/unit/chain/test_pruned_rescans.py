"""A rescan from blocks that the node has deleted is refused; one that was requested before is replaced."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.chain.node import Node
from app.db.tables import chain_state
from app.workers import questions
from devnet import devnet
from devnet.node_options import NodeOptions
from devnet.pruning import PruneLimits
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness

KEPT_FROM = 51


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    """A harness at the tip of a node that has the blocks from KEPT_FROM on."""
    terms = NodeOptions(pruning=PruneLimits(min_kept=10, min_height=50))
    async with devnet.running(tmp_path, devnet.Options("127.0.0.1:0", None, node=terms)) as running:
        url = running.rpc_url.replace("://", "://kennel:kennel@")
        async with Node(url) as node:
            await node.call("generatetoaddress", 100, chain_harness.NOWHERE)
            harness = ChainHarness(engine, node, tmp_path, url)
            await harness.follow()
            await node.call("pruneblockchain", KEPT_FROM - 1)
            yield harness
            await harness.close()


async def rescan(harness: ChainHarness, height: int, node: Node | None = None) -> httpx.Response:
    """Request a rescan over HTTP."""
    api = context.of(harness.engine, scenario.commits(harness.engine))
    api = replace(api, node_queries=questions.to(node or harness.node))
    transport = httpx.ASGITransport(application.admin(api, lambda: "id"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as admin:
        return await admin.post(f"/admin/setsyncheight/{height}")


async def rescan_height(harness: ChainHarness) -> int | None:
    async with harness.engine.connect() as db:
        height: int | None = await db.scalar(sa.select(chain_state.c.rescan_height))
    return height


async def test_a_height_whose_block_the_node_has_deleted_is_refused_and_the_first_that_it_has_is_not(
    harness: ChainHarness,
) -> None:
    refused = await rescan(harness, KEPT_FROM - 1)
    waiting = await rescan_height(harness)
    accepted = await rescan(harness, KEPT_FROM)

    assert (refused.status_code, refused.json()["error"]["field"], waiting) == (400, "blockheight", None)
    assert f"has blocks from {KEPT_FROM} on only" in refused.json()["error"]["message"]
    assert (accepted.status_code, await rescan_height(harness)) == (200, KEPT_FROM)
    await harness.follow()
    assert await rescan_height(harness) is None


async def test_a_rescan_that_can_never_go_on_is_replaced_by_a_later_one(harness: ChainHarness) -> None:
    """It was requested when the node still had those blocks."""
    async with harness.engine.begin() as db:
        await db.execute(sa.update(chain_state).values(rescan_height=7))

    assert (await rescan(harness, 90)).status_code == 200

    assert await rescan_height(harness) == 90
    assert (await rescan(harness, 60)).status_code == (await rescan(harness, 80)).status_code == 200
    assert await rescan_height(harness) == 60
    await harness.follow()
    assert await rescan_height(harness) is None


async def test_while_the_node_does_not_answer_nobody_can_know(harness: ChainHarness) -> None:
    async with Node("http://kennel:kennel@127.0.0.1:1") as nowhere:
        answer = await rescan(harness, 90, nowhere)

    assert (answer.status_code, await rescan_height(harness)) == (503, None)
