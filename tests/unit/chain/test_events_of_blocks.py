"""Events of blocks: a block at the tip has its events numbered in its own transaction, many blocks leave that."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.follower import Follower, FollowerTerms
from app.db.tables import events, outbox
from app.domain.outbox import sequence_few
from app.runtime.lease import Lease
from tests import chain_harness
from tests.chain_harness import ChainHarness


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness


async def types(engine: AsyncEngine, table: sa.Table) -> list[str]:
    async with engine.connect() as db:
        return list(await db.scalars(sa.select(table.c.type)))


def numbering(harness: ChainHarness, told: list[str]) -> Follower:
    """Let a follower follow that numbers, where none has followed before."""
    terms = FollowerTerms(None, partial(sequence_few, stride=1), lambda: told.append("numbered"))
    lease = Lease(harness.engine, "follow", "one")
    return Follower(
        harness.engine,
        harness.node,
        chain_harness.RULES,
        lease,
        lambda: told.append("followed"),
        terms,
    )


async def test_the_events_of_a_block_have_their_numbers_once_it_is_connected(
    harness: ChainHarness,
) -> None:
    told: list[str] = []
    harness.follower = numbering(harness, told)

    await harness.fund("shop", 5)

    assert "ACC_CHAIN_ACTIVITY" in await types(harness.engine, events)
    assert await types(harness.engine, outbox) == []
    assert told == ["numbered"]


async def test_many_blocks_leave_their_events_to_the_sequencer(harness: ChainHarness) -> None:
    told: list[str] = []
    await harness.fund("shop", 5)
    harness.follower = numbering(harness, told)

    await harness.mine(3)

    assert await types(harness.engine, events) == []
    assert told == ["followed"]
