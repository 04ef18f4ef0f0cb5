"""TLS with the operator's own authority, and with a certificate of ours that the broker asks for."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.events import mqtt_sink, mqtt_topics, sequencer
from app.events.mqtt_topics import Queue
from app.events.sink_runner import SinkRunner
from app.events.tls import BadCertificate, Certificates
from app.runtime.lease import Lease
from tests.unit.events import mqtt_brokers
from tests.unit.events.certificates import Authority
from tests.unit.events.mqtt_brokers import TestBroker
from tests.unit.events.steps import emit, until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
async def secure(mqtt_broker: TestBroker, authority: Authority) -> TestBroker:
    """A broker that speaks TLS, with a certificate of the authority's, to whom that has signed."""
    if not mqtt_broker.real:
        pytest.skip("the embedded broker speaks no TLS")
    mqtt_broker.secure = authority.ca, authority.sign("broker")
    await mqtt_broker.start()
    return mqtt_broker


@asynccontextmanager
async def publishing(
    engine: AsyncEngine, to: TestBroker, certificates: Certificates, protocol: str = "3.1.1"
) -> AsyncIterator[SinkRunner]:
    broker = mqtt_sink.parse(
        f"mqtts://127.0.0.1:{to.secure_port}", protocol=protocol, certificates=certificates
    )
    sink = mqtt_sink.sink(broker, [Queue(mqtt_topics.DEFAULT)])
    await sequencer.prepare(engine, [], [sink])
    runner = SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0.02,))
    yield runner
    await runner.close()


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_both_versions_of_mqtt_go_by_tls_with_a_certificate_of_ours(
    engine: AsyncEngine, secure: TestBroker, authority: Authority, protocol: str
) -> None:
    ours = Certificates(authority.ca, *authority.sign("kennel"))
    async with (
        publishing(engine, secure, ours, protocol) as publisher,
        mqtt_brokers.subscribed(secure.port) as subscriber,
    ):
        await emit(engine, 300)
        await until(publisher.step, lambda: len(subscriber.messages) >= 300)

    assert subscriber.positions() == list(range(1, 301))


@pytest.mark.parametrize("wrong", ["authority", "certificate", "none"])
async def test_a_broker_that_we_do_not_trust_or_that_does_not_trust_us_gets_nothing_and_is_logged_once(
    engine: AsyncEngine,
    secure: TestBroker,
    authority: Authority,
    wrong: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = Authority(secure.folder, "theirs")
    certificates = {
        "authority": Certificates(theirs.ca, *authority.sign("kennel")),
        "certificate": Certificates(authority.ca, *theirs.sign("stranger")),
        "none": Certificates(authority.ca),
    }[wrong]
    async with publishing(engine, secure, certificates) as publisher:
        await emit(engine, 1)
        moved = []
        for _ in range(5):
            await asyncio.sleep(0.03)
            moved.append(await publisher.step())

    assert not any(moved)
    warnings = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("app.")
    ]
    beginning = f"the MQTT broker 127.0.0.1:{secure.secure_port} does not take events"
    assert all(warning.startswith(beginning) for warning in warnings)
    reason = {
        "authority": "certificate verify failed",
        "certificate": "unknown ca",
        "none": "certificate required",
    }
    # A broker that hangs up first may be logged as well.
    assert sum(reason[wrong] in warning for warning in warnings) == 1, warnings


async def test_renewed_certificates_are_taken_up_at_the_next_connection(
    engine: AsyncEngine, secure: TestBroker, authority: Authority
) -> None:
    ours, stranger = authority.sign("kennel"), Authority(secure.folder, "theirs").sign("stranger")
    used = Certificates(authority.ca, secure.folder / "used.pem", secure.folder / "used.key")
    assert used.cert is not None
    assert used.key is not None
    for file, of in ((used.cert, stranger.cert), (used.key, stranger.key)):
        file.write_bytes(of.read_bytes())
    async with (
        publishing(engine, secure, used) as publisher,
        mqtt_brokers.subscribed(secure.port) as subscriber,
    ):
        await emit(engine, 1)
        await until(publisher.step, publisher.trouble)
        for file, of in ((used.cert, ours.cert), (used.key, ours.key)):
            file.write_bytes(of.read_bytes())
        await until(publisher.step, lambda: subscriber.messages)

    assert publisher.trouble() == ""


def test_files_that_cannot_be_used_are_named(tmp_path: Path, authority: Authority) -> None:
    ours, other = authority.sign("kennel"), authority.sign("other")
    empty = tmp_path / "empty"
    empty.write_text("")

    for wrong, named in (
        (Certificates(tmp_path / "none"), "KENNEL_MQTT_CA names .*none"),
        (Certificates(empty), "KENNEL_MQTT_CA names .*empty"),
        (Certificates(authority.ca, ours.cert, other.key), "KENNEL_MQTT_CERT names .*kennel.pem"),
        (Certificates(authority.ca, tmp_path / "none"), "KENNEL_MQTT_CERT names .*none"),
    ):
        with pytest.raises(BadCertificate, match=named):
            wrong.context()
    assert isinstance(Certificates(authority.ca, *ours).context(), ssl.SSLContext)
