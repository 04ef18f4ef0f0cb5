"""A broker is stopped, killed and started again while it is published to: what it had not taken comes, first sights in order."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.events import mqtt_sink, mqtt_topics, sequencer
from app.events.mqtt_topics import Queue
from app.events.sink_runner import SinkRunner
from app.runtime.lease import Lease
from tests.unit.events import mqtt_brokers
from tests.unit.events.mqtt_brokers import Subscriber, TestBroker
from tests.unit.events.steps import emit, free_port, until

EVENTS = 10_000
PART = 1_000


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[TestBroker]:
    found = TestBroker(tmp_path, free_port())
    await found.start()
    yield found
    await found.stop()


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="the embedded broker forgets its sessions")
async def test_ten_thousand_events_outlive_a_broker_that_is_stopped_and_one_that_is_killed(
    engine: AsyncEngine, broker: TestBroker
) -> None:
    """What a broker has taken and is killed with, before it passed it on, it alone can lose: nobody sends that again."""
    sink = mqtt_sink.sink(mqtt_sink.parse(f"mqtt://127.0.0.1:{broker.port}"), [Queue(mqtt_topics.DEFAULT)])
    await sequencer.prepare(engine, [], [sink])
    for _ in range(EVENTS // PART):
        await emit(engine, PART)
    runner = SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0.02,))
    async with mqtt_brokers.subscribed(broker.port) as subscriber:
        for heard, end in ((2_000, broker.stop), (5_000, broker.kill)):
            await until(runner.step, partial(_has_heard, subscriber, heard))
            before = set(subscriber.positions())
            assert len(before) < EVENTS
            await _while_telling(runner, end)
            taken = await _taken(engine)
            await _while_telling(runner, broker.start)
        needed = before | set(range(taken + 1, EVENTS + 1))
        await until(runner.step, lambda: needed <= set(subscriber.positions()))
    await runner.close()

    first_sights = list(dict.fromkeys(subscriber.positions()))
    assert first_sights == sorted(first_sights)
    assert before == set(range(1, len(before) + 1))  # the one that was stopped has lost nothing
    assert await _taken(engine) == EVENTS


async def _while_telling(runner: SinkRunner, happens: Callable[[], Coroutine[Any, Any, None]]) -> None:
    happening = asyncio.create_task(happens())
    await until(runner.step, happening.done)


async def _taken(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await outbox.cursor_position(db, mqtt_sink.NAME)


def _has_heard(subscriber: Subscriber, count: int) -> bool:
    return len(subscriber.messages) >= count
