"""One HTTP/1.1 connection to a webhook's receiver: it posts one request at a time and reads little of the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, cast

import httptools

from app.urls import Origin

ANSWER_BYTES: Final = 4_096
"""Of the answer's body; whoever sends more is cut off."""
RECEIVED_BYTES: Final = 65_536
"""Of the whole answer: its headers, and what stands around the body, such as trailers, which the parser gathers."""
RETRY_AFTER_BYTES: Final = 100
FINAL: Final = 200
"""A status below it announces another."""
IDLE_CONNECTIONS: Final = 256
IDLE_SECONDS: Final = 20
"""Shorter than servers and routers commonly wait before they forget a connection."""


class Unanswered(Exception):
    """No answer came: the message says why. `untouched`: not one byte of it came."""

    def __init__(self, reason: str, *, untouched: bool = False) -> None:
        super().__init__(reason)
        self.untouched = untouched


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status, the first 4 KiB of the body, and the header that says when to come back."""

    status: int
    body: bytes
    retry_after: str = ""


class Connection(asyncio.Protocol):
    """The transport calls what it received, and httptools, which parses that, the methods that begin with `on_`."""

    def __init__(self, address: IPv4Address | IPv6Address) -> None:
        self.address = address
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._status = 0
        self._received = 0
        self._body = bytearray()
        self._retry_after = ""
        self.usable = True

    async def post(self, request: bytes) -> HttpAnswer:
        """Send a whole request and return the answer, or raise Unanswered; a cancelled post closes the connection."""
        if self._transport is None or not self.usable:
            raise Unanswered("connection closed", untouched=True)
        self._answer = asyncio.get_running_loop().create_future()
        self._status, self._received, self._body, self._retry_after = 0, 0, bytearray(), ""
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Cut the connection."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came; more than was asked for, or no HTTP, ends the connection."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end("the answer is not HTTP")
        if self._received > RECEIVED_BYTES:
            if self._status:
                self._settle()
            self._end("the answer's headers are too long")

    def connection_lost(self, error: Exception | None) -> None:
        """An answer that has its status is whole enough; else there is none."""
        if self._status:
            self._settle()
        reason = "connection closed" if error is None else f"connection lost ({type(error).__name__})"
        self._end(reason, untouched=not self._received)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the one header that is asked for."""
        if name.lower() == b"retry-after":
            self._retry_after = value[:RETRY_AFTER_BYTES].decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status, unless another is to come."""
        status = self._parser.get_status_code()
        self._status = status if status >= FINAL else 0

    def on_body(self, body: bytes) -> None:
        """Keep the head of the body."""
        self._body += body
        if len(self._body) > ANSWER_BYTES:
            self._settle()
            self.close()

    def on_message_complete(self) -> None:
        """Answer the post."""
        if self._status:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._settle()

    def _settle(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                HttpAnswer(self._status, bytes(self._body[:ANSWER_BYTES]), self._retry_after)
            )

    def _end(self, reason: str, *, untouched: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unanswered(reason, untouched=untouched))
        self.close()


class Idle:
    """What was put back last is taken first; the one that waited longest makes way."""

    def __init__(self, clock: Callable[[], float], limit: int = IDLE_CONNECTIONS) -> None:
        self._clock = clock
        self._limit = limit
        self._waiting: dict[Connection, tuple[Origin, float]] = {}
        self._of: dict[Origin, list[Connection]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, origin: Origin) -> Connection | None:
        """Return a connection that is open as far as one can know, or None."""
        self._close_old()
        while waiting := self._of.get(origin):
            connection = waiting[-1]
            self._forget(connection)
            if connection.usable:
                return connection
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep it for the next request, if it may have one."""
        if not connection.usable:
            connection.close()
            return
        self._waiting[connection] = (origin, self._clock())
        self._of.setdefault(origin, []).append(connection)
        self._close_old()

    def close(self) -> None:
        """Close them all."""
        for connection in list(self._waiting):
            self._forget(connection)
            connection.close()

    def _close_old(self) -> None:
        while self._waiting:
            oldest = next(iter(self._waiting))
            if len(self._waiting) <= self._limit and self._waiting[oldest][1] > self._clock() - IDLE_SECONDS:
                return
            self._forget(oldest)
            oldest.close()

    def _forget(self, connection: Connection) -> None:
        origin, _ = self._waiting.pop(connection)
        self._of[origin].remove(connection)
        if not self._of[origin]:
            del self._of[origin]
