"""MQTT: every event in order, to the topics of its queues, as fast as the broker acknowledges."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomqtt

from app.domain import outbox
from app.domain.outbox import Event
from app.events import mqtt_topics
from app.events.mqtt_topics import MqttTarget, Queue
from app.events.sink_runner import Sink, UndeliveredEvents
from app.events.tls import BadCertificate, Certificates

IN_FLIGHT: Final = 20
ANSWER_SECONDS: Final = 5
KEEP_ALIVE_SECONDS: Final = 20
"""Of silence until the broker is pinged; a TLS handshake may take so long too."""
PROTOCOLS: Final = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
NAME: Final = "mqtt"
MESSAGES: Final = 400
"""Published in one batch, after which the cursor moves."""
_log = logging.getLogger(__name__)


class ConnectionLost(Exception):
    """There is no connection: the message says why."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in; `certificates` is None without TLS."""

    host: str
    port: int
    certificates: Certificates | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None
    protocol: str = "3.1.1"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Return what TLS needs; BadCertificate where a file is unusable."""
        return None if self.certificates is None else self.certificates.context()


class _FirstError(logging.Handler):
    """The first error of a connection that aiomqtt does not raise: paho only logs why the socket failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._loop = asyncio.get_running_loop()
        self.first: asyncio.Future[str] = self._loop.create_future()

    def emit(self, record: logging.LogRecord) -> None:
        """Take what paho logs, from any thread."""
        self._loop.call_soon_threadsafe(self.report, record.getMessage())

    def report(self, reason: str) -> None:
        """Remember the reason, unless there is one already."""
        if not self.first.done():
            self.first.set_result(reason)

    def logger(self) -> logging.Logger:
        """Return a logger that only this handler hears."""
        logger = logging.Logger("mqtt", logging.ERROR)  # noqa: LOG001  one for each connection
        logger.addHandler(self)
        return logger


class _Client(aiomqtt.Client):
    """A client that tells refusals from receipts: a broker of MQTT 5 may refuse a message in its answer."""

    def __init__(self, broker: Broker, first_error: _FirstError) -> None:
        super().__init__(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            protocol=PROTOCOLS[broker.protocol],
            timeout=ANSWER_SECONDS,
            keepalive=KEEP_ALIVE_SECONDS,
            max_concurrent_outgoing_calls=IN_FLIGHT,
            tls_context=broker.context(),
            logger=first_error.logger(),
        )
        self._first_error = first_error

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        if reason_code.is_failure:
            self._first_error.report(f"it refuses a message: {reason_code}")
        else:
            super()._on_publish(client, userdata, mid, reason_code, properties)


class Connection:
    """A connection to the broker, with a task that ends when the connection does."""

    def __init__(self, client: _Client, stack: AsyncExitStack, first_error: _FirstError) -> None:
        self._client = client
        self._stack = stack
        self._first_error = first_error
        self._watch = asyncio.create_task(_until_lost(client))

    @classmethod
    async def open(cls, broker: Broker) -> "Connection":
        """Log in, or raise ConnectionLost, or BadCertificate."""
        first_error, stack = _FirstError(), AsyncExitStack()
        client = _Client(broker, first_error)
        entering = asyncio.create_task(stack.enter_async_context(client))
        ends: list[asyncio.Future[Any]] = [entering, first_error.first]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                raise ConnectionLost(first_error.first.result())
            entering.result()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise ConnectionLost(str(error)) from None
        finally:
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
        return cls(client, stack, first_error)

    @property
    def lost(self) -> bool:
        """Whether the broker has gone."""
        return self._watch.done()

    async def publish(self, messages: Sequence[tuple[list[MqttTarget], Event]]) -> tuple[int, str]:
        """Publish in order. Return how many events, from the first on, are published, and why no more are.

        aiomqtt's semaphore is fair, so IN_FLIGHT messages are under way and keep their order. A publish alone
        would wait for its time limit after the connection has ended.
        """
        sends = [
            [self._send(target, outbox.envelope(event)) for target in targets] for targets, event in messages
        ]
        tasks = [task for of_event in sends for task in of_event]
        settled = asyncio.create_task(_settled(tasks))
        ends: list[asyncio.Future[Any]] = [settled, self._watch, self._first_error.first]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (settled, *tasks):
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        acknowledged = [all(_succeeded(task) for task in of_event) for of_event in sends]
        return [*acknowledged, False].index(False), self._failure(results)

    async def close(self) -> None:
        """Log out where that is still possible."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        with suppress(aiomqtt.MqttError, OSError):
            await self._stack.aclose()

    def _send(self, target: MqttTarget, payload: bytes) -> asyncio.Task[None]:
        return asyncio.create_task(
            self._client.publish(target.topic, payload, qos=target.qos, retain=target.retain)
        )

    def _failure(self, results: Sequence[BaseException | None]) -> str:
        """Return the first error; sends that were cancelled waited for an answer that does not come."""
        failed = [result for result in results if result is not None]
        errors = [error for error in failed if isinstance(error, Exception)]
        if not failed:
            return ""
        if self._first_error.first.done():
            return self._first_error.first.result()
        return str(errors[0]) if errors else "the connection was lost"


async def _until_lost(client: aiomqtt.Client) -> None:
    with suppress(aiomqtt.MqttError):
        async for _ in client.messages:
            pass


async def _settled(tasks: Sequence[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None


def parse(
    url: str, client_id: str | None = None, protocol: str = "3.1.1", certificates: Certificates | None = None
) -> Broker:
    """Take `mqtt[s]://user:password@host:port` apart; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("not an mqtt or mqtts URL")
    tls = (certificates or Certificates()) if parts.scheme == "mqtts" else None
    username, password = (
        None if text is None else unquote(text) for text in (parts.username, parts.password)
    )
    return Broker(
        parts.hostname, parts.port or (8883 if tls else 1883), tls, username, password, client_id, protocol
    )


def sink(broker: Broker, queues: Sequence[Queue]) -> Sink:
    """Return the broker as a sink. Nothing is accepted over MQTT: it subscribes to no topic."""
    publisher = _Publisher(broker, queues)
    return Sink(
        NAME,
        f"the MQTT broker {broker}",
        publisher.send,
        types=tuple(sorted({kind for queue in queues for kind in queue.types})),
        batch=max(1, MESSAGES // max(1, len(queues))),
        connect=publisher.connect,
        disconnect=publisher.disconnect,
    )


class _Publisher:
    """Publishes over a connection that is opened when it is needed, and again after it was lost."""

    def __init__(self, broker: Broker, queues: Sequence[Queue]) -> None:
        self._broker = broker
        self._queues = queues
        self._connection: Connection | None = None

    async def connect(self) -> None:
        """Connect, unless there is a connection."""
        if self._connection is not None and self._connection.lost:
            await self.disconnect()
        if self._connection is not None:
            return
        try:
            self._connection = await Connection.open(self._broker)
        except (ConnectionLost, BadCertificate) as error:
            raise UndeliveredEvents(str(error)) from None
        _log.info("connected to the MQTT broker %s", self._broker)

    async def send(self, page: Sequence[Event]) -> None:
        """Publish each event to all its topics."""
        if self._connection is None:
            raise UndeliveredEvents("not connected")
        delivered, reason = await self._connection.publish(
            [(mqtt_topics.of(event, self._queues), event) for event in page]
        )
        if reason:
            raise UndeliveredEvents(reason, delivered)

    async def disconnect(self) -> None:
        """Log out."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
