"""MQTT: every event in order, at QoS 1, by one publisher at a time, going on where the last acknowledged one was."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

import aiomqtt
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import cursors, events
from app.domain.events import Event
from app.events import topics
from app.events.topics import Queue
from app.lease import Lease

CURSOR: Final = "mqtt"
IN_FLIGHT: Final = 20
MESSAGES: Final = 400
"""Published between two moves of the cursor."""
ANSWER_SECONDS: Final = 5
WAITS_SECONDS: Final = (0.25, 0.5, 1, 2, 5, 10, 30)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(url: str, client_id: str | None = None) -> Broker:
    """Take `mqtt[s]://user:password@host:port` apart; ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("not an mqtt or mqtts URL")
    tls = parts.scheme == "mqtts"
    username, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    return Broker(parts.hostname, parts.port or (8883 if tls else 1883), tls, username, password, client_id)


class Mqtt:
    """Nothing is accepted over MQTT: it subscribes to nothing."""

    def __init__(
        self,
        engine: AsyncEngine,
        broker: Broker,
        queues: Sequence[Queue],
        holder: str,
        *,
        waits_seconds: Sequence[float] = WAITS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._queues = queues
        self._lease = Lease(engine, CURSOR, holder, clock=clock)
        self._waits = waits_seconds
        self._clock = clock
        self._not_before = clock()
        self._failures = 0
        self._said = ""
        self._link: _Link | None = None

    async def step(self) -> bool:
        """Publish the next events and say whether there were any; a broker that is down is tried again later."""
        if self._clock() < self._not_before:
            return False
        if not await self._lease.held():
            await self._disconnect()
            return False
        try:
            link = await self._connected()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            await self._lost(error)
            return False
        return await self._publish(link)

    async def close(self) -> None:
        """Log out, and let another take over."""
        await self._disconnect()
        await self._lease.release()

    async def _publish(self, link: "_Link") -> bool:
        """Publish one page; the cursor moves behind what was acknowledged, also when the rest was not."""
        async with self._engine.connect() as db:
            after = await cursors.read(db, CURSOR)
            page = (await events.page(db, after, max(1, MESSAGES // (1 + len(self._queues))))).events
        if not page:
            return False
        sent, error = await link.publish([(topics.of(event, self._queues), event) for event in page])
        if sent:
            async with self._engine.begin() as db:
                await cursors.advance(db, CURSOR, page[sent - 1].position)
        if error is not None:
            await self._lost(error)
        return sent > 0

    async def _connected(self) -> "_Link":
        if self._link is not None and self._link.lost:
            raise aiomqtt.MqttError("the connection was lost")
        if self._link is None:
            self._link = await _Link.open(self._broker)
            _log.info("connected to the MQTT broker %s", self._broker)
            self._said = ""
        self._failures = 0
        return self._link

    async def _lost(self, error: Exception) -> None:
        """Wait longer each time; a reason is told once until it changes or goes away."""
        await self._disconnect()
        self._not_before = self._clock() + self._waits[min(self._failures, len(self._waits) - 1)]
        self._failures += 1
        if str(error) != self._said:
            self._said = str(error)
            _log.warning("the MQTT broker %s does not answer (%s); trying again", self._broker, error)

    async def _disconnect(self) -> None:
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()


class _Link:
    """A connection to the broker, with a task that ends when the connection does."""

    def __init__(self, client: aiomqtt.Client, stack: AsyncExitStack) -> None:
        self._client = client
        self._stack = stack
        self._watch = asyncio.create_task(_until_lost(client))

    @classmethod
    async def open(cls, broker: Broker) -> "_Link":
        """Log in, or raise MqttError."""
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            timeout=ANSWER_SECONDS,
            max_concurrent_outgoing_calls=IN_FLIGHT,
            tls_context=ssl.create_default_context() if broker.tls else None,
        )
        client.pending_calls_threshold = IN_FLIGHT  # so many are ordinary here, and no warning
        stack = AsyncExitStack()
        return cls(await stack.enter_async_context(client), stack)

    @property
    def lost(self) -> bool:
        """Whether the broker has gone."""
        return self._watch.done()

    async def publish(self, messages: Sequence[tuple[list[str], Event]]) -> tuple[int, Exception | None]:
        """Publish in order, and return how many events, from the first on, the broker has in all their topics.

        aiomqtt's semaphore is fair, so IN_FLIGHT are under way and their order is kept. A publish alone would wait for
        its time limit after the connection has ended.
        """
        sends = [[self._send(topic, events.envelope(event)) for topic in where] for where, event in messages]
        tasks = [task for of_event in sends for task in of_event]
        settled = asyncio.create_task(_settled(tasks))
        try:
            await asyncio.wait({settled, self._watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (settled, *tasks):
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        acknowledged = [all(_succeeded(task) for task in of_event) for of_event in sends]
        return [*acknowledged, False].index(False), _failure(results)

    async def close(self) -> None:
        """Log out where that is still possible."""
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        with suppress(aiomqtt.MqttError, OSError):
            await self._stack.aclose()

    def _send(self, topic: str, payload: bytes) -> asyncio.Task[None]:
        return asyncio.create_task(self._client.publish(topic, payload, qos=1))


async def _until_lost(client: aiomqtt.Client) -> None:
    with suppress(aiomqtt.MqttError):
        async for _ in client.messages:
            pass


async def _settled(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)


def _failure(results: Sequence[BaseException | None]) -> Exception | None:
    """Return what went wrong first; sends that were cancelled waited on a connection that had ended."""
    wrong = [result for result in results if result is not None]
    named = [error for error in wrong if isinstance(error, Exception)]
    return named[0] if named else aiomqtt.MqttError("the connection was lost") if wrong else None


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None
