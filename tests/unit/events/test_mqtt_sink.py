import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.events import mqtt_sink, mqtt_topics, sequencer
from app.events.mqtt_topics import Queue
from app.events.sink_runner import SinkRunner
from app.runtime.lease import Lease
from tests.unit.events import mqtt_brokers
from tests.unit.events.mqtt_brokers import TestBroker
from tests.unit.events.steps import emit, until

DEFAULT = Queue(mqtt_topics.DEFAULT)


@asynccontextmanager
async def publishing(
    engine: AsyncEngine,
    to: TestBroker,
    *queues: Queue,
    holder: str = "one",
    login: str = "",
    protocol: str = "3.1.1",
) -> AsyncIterator[SinkRunner]:
    broker = mqtt_sink.parse(f"mqtt://{login}127.0.0.1:{to.port}", protocol=protocol)
    sink = mqtt_sink.sink(broker, [DEFAULT, *queues])
    await sequencer.prepare(engine, [], [sink])
    runner = SinkRunner(engine, sink, Lease(engine, sink.name, holder), waits_seconds=(0.02,))
    yield runner
    await runner.close()


async def cursor(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await outbox.cursor_position(db, mqtt_sink.NAME)


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_events_arrive_at_qos_1_in_order_with_the_webhooks_body(
    engine: AsyncEngine, mqtt_broker: TestBroker, protocol: str
) -> None:
    if protocol == "5" and not mqtt_broker.real:
        pytest.skip("the embedded broker speaks MQTT 3.1.1 only")
    await mqtt_broker.start()
    async with (
        publishing(engine, mqtt_broker, protocol=protocol) as publisher,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await emit(engine, 150)
        await emit(engine, 50, account=2, type="INV_CREATED")
        await until(publisher.step, lambda: len(subscriber.messages) >= 200)

    assert subscriber.positions() == list(range(1, 201))
    assert set(subscriber.topics()) == {"kennel/acc/shop-1", "kennel/inv/shop-2"}
    assert {message.qos for message in subscriber.messages} == {1}
    first = json.loads(bytes(subscriber.messages[0].payload))
    assert list(first) == ["event_type", "message", "event_id", "sequence", "position", "created"]
    assert await cursor(engine) == 200


async def test_gigawallets_queues_get_their_literal_topics(
    engine: AsyncEngine, mqtt_broker: TestBroker
) -> None:
    await mqtt_broker.start()
    queues = (Queue("account", ("ACC",)), Queue("shop/invoices", ("INV",)))
    async with (
        publishing(engine, mqtt_broker, *queues) as publisher,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await emit(engine, 2)
        await emit(engine, 1, type="INV_CREATED")
        await until(publisher.step, lambda: len(subscriber.messages) >= 6)

    topics = subscriber.topics()
    assert (topics.count("account"), topics.count("shop/invoices"), len(topics)) == (2, 1, 6)


async def test_a_publisher_goes_on_exactly_where_the_last_one_stopped(
    engine: AsyncEngine, mqtt_broker: TestBroker
) -> None:
    await mqtt_broker.start()
    async with mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
        async with publishing(engine, mqtt_broker) as publisher:
            await emit(engine, 10)
            await until(publisher.step, lambda: len(subscriber.messages) >= 10)
        await emit(engine, 10)
        async with publishing(engine, mqtt_broker, holder="two") as publisher:
            await until(publisher.step, lambda: len(subscriber.messages) >= 20)

    assert subscriber.positions() == list(range(1, 21))


async def test_a_queue_has_its_own_template_qos_and_account_and_may_be_retained(
    engine: AsyncEngine, mqtt_broker: TestBroker
) -> None:
    await mqtt_broker.start()
    queues = (
        Queue("by/{type}/{class}/{foreign_id}", ("INV",), qos=0),
        Queue("last/{foreign_id}", ("ACC_UPDATED",), qos=2, retain=True, foreign_id="a/b"),
    )
    async with (
        publishing(engine, mqtt_broker, *queues) as publisher,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await emit(engine, 2, foreign_id="a/b")
        await emit(engine, 1, account=2)
        await emit(engine, 1, type="INV_CREATED")
        await until(publisher.step, lambda: len(subscriber.messages) >= 7)
        async with mqtt_brokers.subscribed(mqtt_broker.port, "later") as later:
            await until(publisher.step, lambda: later.messages)

    sent = {(str(message.topic), message.qos) for message in subscriber.messages}
    assert {(topic, qos) for topic, qos in sent if not topic.startswith("kennel/")} == {
        ("by/INV_CREATED/inv/shop-1", 0),
        ("last/a%2Fb", 2),
    }
    assert [(str(message.topic), message.retain) for message in later.messages] == [("last/a%2Fb", True)]
    assert later.positions() == [2]


async def test_what_a_broker_of_mqtt_5_refuses_is_logged_and_comes_once_it_is_allowed(
    engine: AsyncEngine, mqtt_broker: TestBroker, caplog: pytest.LogCaptureFixture
) -> None:
    if not mqtt_broker.real:
        pytest.skip("the embedded broker speaks MQTT 3.1.1 only")
    allowed = mqtt_broker.folder / "allowed"
    allowed.write_text("topic readwrite kennel/acc/#\n")
    mqtt_broker.lines.append(f"acl_file {allowed}")
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker, protocol="5") as publisher:
        await emit(engine, 2)
        await emit(engine, 1, type="INV_CREATED")
        await emit(engine, 1)
        await until(publisher.step, publisher.trouble)
        await _after_a_wait(publisher)

        assert await cursor(engine) == 2
        assert publisher.trouble() == "it refuses a message: Not authorized"
        assert caplog.text.count("refuses") == 1
        await mqtt_broker.stop()
        allowed.write_text("topic readwrite kennel/#\n")
        await mqtt_broker.start()
        async with mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
            await until(publisher.step, lambda: len(subscriber.messages) >= 2)

    assert subscriber.positions() == [3, 4]
    assert publisher.trouble() == ""


async def test_only_one_publisher_publishes(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    await mqtt_broker.start()
    async with (
        publishing(engine, mqtt_broker) as first,
        publishing(engine, mqtt_broker, holder="two") as second,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await emit(engine, 500)

        async def both() -> bool:
            moved = await asyncio.gather(first.step(), second.step())
            return any(moved)

        await until(both, lambda: len(subscriber.messages) >= 500)
        assert not await second.step()

    assert subscriber.positions() == list(range(1, 501))


async def test_a_broker_that_is_down_is_waited_for_and_logged_once(
    engine: AsyncEngine, mqtt_broker: TestBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.events")
    async with publishing(engine, mqtt_broker) as publisher:
        await emit(engine, 3)
        failed = [await _after_a_wait(publisher) for _ in range(5)]
        warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
        await mqtt_broker.start()
        async with mqtt_brokers.subscribed(mqtt_broker.port) as subscriber:
            await until(publisher.step, lambda: len(subscriber.messages) >= 3)

    assert not any(failed)
    assert len(warned) == 1
    assert "connected to the MQTT broker" in caplog.text


async def test_a_refused_login_is_logged_once_without_the_password(
    engine: AsyncEngine, mqtt_broker: TestBroker, caplog: pytest.LogCaptureFixture
) -> None:
    if not mqtt_broker.real:
        pytest.skip("the embedded broker knows no passwords")
    mqtt_broker.password = "such-secret"
    await mqtt_broker.start()
    async with publishing(engine, mqtt_broker, login="kennel:wrong-word@") as publisher:
        await emit(engine, 1)
        failed = [await _after_a_wait(publisher) for _ in range(5)]
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    async with publishing(engine, mqtt_broker, login="kennel:such-secret@", holder="two") as publisher:
        await until(publisher.step, lambda: _at(engine, 1))

    assert not any(failed)
    assert len(warned) == 1
    assert "ot authori" in warned[0].getMessage()
    assert "wrong-word" not in caplog.text


async def _after_a_wait(publisher: SinkRunner) -> bool:
    await asyncio.sleep(0.03)
    return await publisher.step()


async def _at(engine: AsyncEngine, position: int) -> bool:
    return await cursor(engine) == position


async def test_the_embedded_broker_serves_the_demo(engine: AsyncEngine, mqtt_broker: TestBroker) -> None:
    mqtt_broker.embedded = True
    await mqtt_broker.start()
    async with (
        publishing(engine, mqtt_broker) as publisher,
        mqtt_brokers.subscribed(mqtt_broker.port) as subscriber,
    ):
        await emit(engine, 50)
        await until(publisher.step, lambda: len(subscriber.messages) >= 50)

    assert subscriber.positions() == list(range(1, 51))
