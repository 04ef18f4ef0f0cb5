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
from app.events.tls import Certificates, Uncertified

IN_FLIGHT: Final = 20
ANSWER_SECONDS: Final = 5
KEEP_ALIVE_SECONDS: Final = 20
"""Of silence until the broker is asked whether it is there; a TLS handshake may take so long too."""
PROTOCOLS: Final = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
NAME: Final = "mqtt"
MESSAGES: Final = 400
"""Published between two moves of the cursor."""
_log = logging.getLogger(__name__)


class LinkLost(Exception):
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
        """Return what TLS needs; Uncertified where a file is unusable."""
        return None if self.certificates is None else self.certificates.context()


class _Trouble(logging.Handler):
    """The first trouble of a connection that aiomqtt does not tell: paho only logs why the socket has failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._loop = asyncio.get_running_loop()
        self.first: asyncio.Future[str] = self._loop.create_future()

    def emit(self, record: logging.LogRecord) -> None:
        """Take what paho logs, in whichever thread."""
        self._loop.call_soon_threadsafe(self.tell, record.getMessage())

    def tell(self, reason: str) -> None:
        """Take a reason, unless there is one."""
        if not self.first.done():
            self.first.set_result(reason)

    def logger(self) -> logging.Logger:
        """Return a logger that nobody else hears."""
        found = logging.Logger("mqtt", logging.ERROR)  # noqa: LOG001  one for each connection
        found.addHandler(self)
        return found


class _Client(aiomqtt.Client):
    """A client that takes a refusal for no receipt: a broker of MQTT 5 may answer a message with a reason against it."""

    def __init__(self, broker: Broker, trouble: _Trouble) -> None:
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
            logger=trouble.logger(),
        )
        self._trouble = trouble

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        if reason_code.is_failure:
            self._trouble.tell(f"it refuses a message: {reason_code}")
        else:
            super()._on_publish(client, userdata, mid, reason_code, properties)


class Link:
    """A connection to the broker, with a task that ends when the connection does."""

    def __init__(self, client: _Client, stack: AsyncExitStack, trouble: _Trouble) -> None:
        self._client = client
        self._stack = stack
        self._trouble = trouble
        self._watch = asyncio.create_task(_until_lost(client))

    @classmethod
    async def open(cls, broker: Broker) -> "Link":
        """Log in, or raise LinkLost, or Uncertified."""
        trouble, stack = _Trouble(), AsyncExitStack()
        client = _Client(broker, trouble)
        entering = asyncio.create_task(stack.enter_async_context(client))
        ends: list[asyncio.Future[Any]] = [entering, trouble.first]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                raise LinkLost(trouble.first.result())
            entering.result()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise LinkLost(str(error)) from None
        finally:
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
        return cls(client, stack, trouble)

    @property
    def lost(self) -> bool:
        """Whether the broker has gone."""
        return self._watch.done()

    async def publish(self, messages: Sequence[tuple[list[MqttTarget], Event]]) -> tuple[int, str]:
        """Publish in order; return how many events, from the first on, the broker has in all their topics, and why no more.

        aiomqtt's semaphore is fair, so IN_FLIGHT are under way and their order is kept. A publish alone would wait for
        its time limit after the connection has ended.
        """
        sends = [
            [self._send(target, outbox.envelope(event)) for target in where] for where, event in messages
        ]
        tasks = [task for of_event in sends for task in of_event]
        settled = asyncio.create_task(_settled(tasks))
        ends: list[asyncio.Future[Any]] = [settled, self._watch, self._trouble.first]
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
        """Return what went wrong first; sends that were cancelled waited for an answer that does not come."""
        wrong = [result for result in results if result is not None]
        named = [error for error in wrong if isinstance(error, Exception)]
        if not wrong:
            return ""
        if self._trouble.first.done():
            return self._trouble.first.result()
        return str(named[0]) if named else "the connection was lost"


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
    """Return the broker as a place for events. Nothing is accepted over MQTT: it subscribes to nothing."""
    publisher = _Publisher(broker, queues)
    return Sink(
        NAME,
        f"the MQTT broker {broker}",
        publisher.send,
        types=tuple(sorted({kind for queue in queues for kind in queue.types})),
        batch=max(1, MESSAGES // max(1, len(queues))),
        ready=publisher.ready,
        rest=publisher.rest,
    )


class _Publisher:
    """A connection to the broker that is made when it is needed, and made anew when it was lost."""

    def __init__(self, broker: Broker, queues: Sequence[Queue]) -> None:
        self._broker = broker
        self._queues = queues
        self._link: Link | None = None

    async def ready(self) -> None:
        """Connect, unless we are."""
        if self._link is not None and self._link.lost:
            await self.rest()
        if self._link is not None:
            return
        try:
            self._link = await Link.open(self._broker)
        except (LinkLost, Uncertified) as error:
            raise UndeliveredEvents(str(error)) from None
        _log.info("connected to the MQTT broker %s", self._broker)

    async def send(self, page: Sequence[Event]) -> None:
        """Publish each event to all its topics."""
        if self._link is None:
            raise UndeliveredEvents("not connected")
        told, reason = await self._link.publish(
            [(mqtt_topics.of(event, self._queues), event) for event in page]
        )
        if reason:
            raise UndeliveredEvents(reason, told)

    async def rest(self) -> None:
        """Log out."""
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()
