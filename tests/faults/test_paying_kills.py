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
from tests.conftest import CELL
from tests.faults.killed_sender import POINTS
from tests.scenario import doge

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


async def killed(harness: ChainHarness, database: str, point: str) -> None:
    """Let another process send until it dies at this point."""
    await harness.sender.close()
    command = [
        sys.executable,
        "-m",
        "tests.faults.killed_sender",
        database,
        harness.url,
        str(harness.home),
        point,
    ]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, said.decode()


@pytest.mark.parametrize("point", POINTS)
async def test_payments_arrive_once_whenever_the_sender_is_killed(
    harness: ChainHarness, database: str, point: str
) -> None:
    """Three that are signed together, each with the change of the one before."""
    await harness.fund("shop", 100)
    people = [await harness.node_address() for _ in range(3)]
    made = [await harness.pay(to, 10) for to in people]

    await killed(harness, database, point)
    await harness.audit()
    harness.sender = harness.make_sender()  # "one" again: it takes its lease up at once
    await harness.send()
    await harness.make_due()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(*made) == ["CONFIRMED"] * 3
    assert [await harness.received(to) for to in people] == [doge(10)] * 3
    assert [row["state"] for row in await harness.transactions()] == ["settled"] * 3
    story = ["PAYMENT_REQUESTED", "PAYMENT_SENT", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED"]
    assert [await harness.payment_events(payment) for payment in made] == [story] * 3


@pytest.mark.parametrize("database", [None, CELL], indirect=True, ids=["whole", "cell"])
async def test_killed_at_every_point_in_turn_a_payment_still_arrives_once(
    harness: ChainHarness, database: str
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)

    for point in POINTS[:2] + POINTS[3:]:  # what is stored is not stored again
        await harness.make_due()
        await killed(harness, database, point)
    harness.sender = harness.make_sender()
    await harness.send()
    await harness.mine(2)

    assert await harness.states(payment) == ["CONFIRMED"]
    assert await harness.received(to) == doge(10)
