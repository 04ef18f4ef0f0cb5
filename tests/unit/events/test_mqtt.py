import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import cursors
from app.events import mqtt, relay
from app.events.mqtt import Mqtt
from app.events.topics import Queue
from tests.unit.events import mqtt_brokers
from tests.unit.events.mqtt_brokers import TestBroker
from tests.unit.events.steps import tell, until


@asynccontextmanager
async def publishing(
    engine: AsyncEngine, to: TestBroker, *queues: Queue, holder: str = "one", login: str = ""
) -> AsyncIterator[Mqtt]:
    await relay.prepare(engine, [], to_mqtt=True)
    found = Mqtt(engine, mqtt.parse(f"mqtt://{login}127.0.0.1:{to.port}"), queues, holder, waits_seconds=(0.02,))
    yield found
    await found.close()


async def cursor(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await cursors.read(db, mqtt.CURSOR)


async def test_events_arrive_at_qos_1_in_order_with_the_webhooks_body(
    engine: AsyncEngine, mqtt_broker: TestBroker
) -> None:
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker) as publisher, mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
        await tell(engine, 150)
        await tell(engine, 50, account=2, type="INV_CREATED")
        await until(publisher.step, lambda: len(subscriber.messages) >= 200)

    assert subscriber.positions() == list(range(1, 201))
    assert set(subscriber.topics()) == {"kennel/acc/shop-1", "kennel/inv/shop-2"}
    assert {message.qos for message in subscriber.messages} == {1}
    first = json.loads(bytes(subscriber.messages[0].payload))
    assert list(first) == ["event_type", "message", "event_id", "sequence", "position", "created"]
    assert await cursor(engine) == 200


async def test_gigawallets_queues_get_their_literal_topics(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    await mqtt_broker.start()
    queues = (Queue("account", ("ACC",)), Queue("shop/invoices", ("INV",)))
    async with (
        publishing(engine, mqtt_broker, *queues) as publisher,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await tell(engine, 2)
        await tell(engine, 1, type="INV_CREATED")
        await until(publisher.step, lambda: len(subscriber.messages) >= 6)

    topics = subscriber.topics()
    assert (topics.count("account"), topics.count("shop/invoices"), len(topics)) == (2, 1, 6)


async def test_a_broker_that_is_stopped_and_started_loses_nothing(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker) as publisher, mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
        await tell(engine, 1_000)
        await until(publisher.step, lambda: len(subscriber.messages) >= 400)
        stopping = asyncio.create_task(mqtt_broker.stop())
        await until(publisher.step, stopping.done)  # it goes away while we publish
        await tell(engine, 100)
        for _ in range(3):
            await publisher.step()
        subscriber.subscribed.clear()
        await mqtt_broker.start()
        await subscriber.subscribed.wait()
        await until(publisher.step, lambda: set(subscriber.positions()) >= set(range(1, 1_101)))

    assert await cursor(engine) == 1_100
    seen = subscriber.positions()
    assert list(dict.fromkeys(seen)) == list(range(1, 1_101))  # first sights are in order; repeats are allowed


async def test_a_publisher_goes_on_exactly_where_the_last_one_stopped(
    engine: AsyncEngine, mqtt_broker: TestBroker
) -> None:
    await mqtt_broker.start()
    async with mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
        async with publishing(engine, mqtt_broker) as publisher:
            await tell(engine, 10)
            await until(publisher.step, lambda: len(subscriber.messages) >= 10)
        await tell(engine, 10)
        async with publishing(engine, mqtt_broker, holder="two") as publisher:
            await until(publisher.step, lambda: len(subscriber.messages) >= 20)

    assert subscriber.positions() == list(range(1, 21))


async def test_only_one_publisher_publishes(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    await mqtt_broker.start()
    async with (
        publishing(engine, mqtt_broker) as first,
        publishing(engine, mqtt_broker, holder="two") as second,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await tell(engine, 500)

        async def both() -> bool:
            moved = await asyncio.gather(first.step(), second.step())
            return any(moved)

        await until(both, lambda: len(subscriber.messages) >= 500)
        assert not await second.step()

    assert subscriber.positions() == list(range(1, 501))


async def test_a_broker_that_was_never_there_is_waited_for_and_told_of_once(
    engine: AsyncEngine, mqtt_broker: TestBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.events.mqtt")
    async with publishing(engine, mqtt_broker) as publisher:
        await tell(engine, 3)
        failed = [await _after_a_wait(publisher) for _ in range(5)]
        warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
        await mqtt_broker.start()
        async with mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
            await until(publisher.step, lambda: len(subscriber.messages) >= 3)

    assert not any(failed)
    assert len(warned) == 1
    assert "connected to the MQTT broker" in caplog.text


async def test_a_refused_login_is_survived_and_told_of_once_without_the_password(
    engine: AsyncEngine, mqtt_broker: TestBroker, caplog: pytest.LogCaptureFixture
) -> None:
    if not mqtt_broker.real:
        pytest.skip("the embedded broker knows no passwords")
    mqtt_broker.password = "such-secret"
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker, login="kennel:wrong-word@") as publisher:
        await tell(engine, 1)
        failed = [await _after_a_wait(publisher) for _ in range(5)]
    warned = [record for record in caplog.records if record.name == "app.events.mqtt"]
    async with publishing(engine, mqtt_broker, login="kennel:such-secret@", holder="two") as publisher:
        await until(publisher.step, lambda: _at(engine, 1))

    assert not any(failed)
    assert len(warned) == 1
    assert "ot authori" in warned[0].getMessage()
    assert "wrong-word" not in caplog.text


async def _after_a_wait(publisher: Mqtt) -> bool:
    await asyncio.sleep(0.03)
    return await publisher.step()


async def _at(engine: AsyncEngine, position: int) -> bool:
    return await cursor(engine) == position


async def test_the_embedded_broker_serves_the_demo(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    mqtt_broker.embedded = True
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker) as publisher, mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
        await tell(engine, 50)
        await until(publisher.step, lambda: len(subscriber.messages) >= 50)

    assert subscriber.positions() == list(range(1, 51))
