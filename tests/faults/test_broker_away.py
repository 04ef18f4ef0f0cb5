"""A broker is stopped, killed and started again while it is published to: every event comes, first sights in order."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import cursors
from app.events import mqtt, relay, topics
from app.events.sinks import Telling
from app.events.topics import Queue
from tests.unit.events import mqtt_brokers
from tests.unit.events.mqtt_brokers import Subscriber, TestBroker
from tests.unit.events.steps import free_port, tell, until

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
    sink = mqtt.sink(mqtt.parse(f"mqtt://127.0.0.1:{broker.port}"), [Queue(topics.OWN)])
    await relay.prepare(engine, [], [sink])
    for _ in range(EVENTS // PART):
        await tell(engine, PART)
    telling = Telling(engine, sink, "one", waits_seconds=(0.02,))
    async with mqtt_brokers.subscribed(broker.port) as subscriber:
        for heard, end in ((2_000, broker.stop), (5_000, broker.kill)):
            await until(telling.step, partial(_has_heard, subscriber, heard))
            assert len(subscriber.messages) < EVENTS
            for happens in (end, broker.start):  # while we publish
                happening = asyncio.create_task(happens())
                await until(telling.step, happening.done)
        await until(telling.step, lambda: len(subscriber.messages) >= EVENTS and _all_came(subscriber))
    await telling.close()

    assert list(dict.fromkeys(subscriber.positions())) == list(range(1, EVENTS + 1))
    async with engine.connect() as db:
        assert await cursors.read(db, mqtt.NAME) == EVENTS


def _has_heard(subscriber: Subscriber, count: int) -> bool:
    return len(subscriber.messages) >= count


def _all_came(subscriber: Subscriber) -> bool:
    return set(subscriber.positions()) == set(range(1, EVENTS + 1))
