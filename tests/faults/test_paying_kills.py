"""A real kill -9 between any two steps of a payment: after a restart the recipient is paid exactly once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.faults.killed_sender import POINTS
from tests.scenario import doge

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


async def killed(till: ChainHarness, database: str, point: str) -> None:
    """Let another process send until it dies at this point."""
    await till.sender.close()
    command = [sys.executable, "-m", "tests.faults.killed_sender", database, till.url, str(till.home), point]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, said.decode()


@pytest.mark.parametrize("point", POINTS)
async def test_payments_arrive_once_whenever_the_sender_is_killed(
    till: ChainHarness, database: str, point: str
) -> None:
    """Three that are signed together, each with the change of the one before."""
    await till.fund("shop", 100)
    people = [await till.stranger() for _ in range(3)]
    made = [await till.pay(to, 10) for to in people]

    await killed(till, database, point)
    await till.audit()
    till.sender = till.make_sender()  # "one" again: it takes its lease up at once
    await till.send()
    await till.later()
    await till.send()
    await till.mine(2)

    assert await till.states(*made) == ["CONFIRMED"] * 3
    assert [await till.received(to) for to in people] == [doge(10)] * 3
    assert [row["state"] for row in await till.sent()] == ["settled"] * 3
    story = ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED"]
    assert [await till.told(payment) for payment in made] == [story] * 3


async def test_killed_at_every_point_in_turn_a_payment_still_arrives_once(till: ChainHarness, database: str) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)

    for point in POINTS[:2] + POINTS[3:]:  # what is stored is not stored again
        await till.later()
        await killed(till, database, point)
    till.sender = till.make_sender()
    await till.send()
    await till.mine(2)

    assert await till.states(payment) == ["CONFIRMED"]
    assert await till.received(to) == doge(10)
