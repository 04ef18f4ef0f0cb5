"""Our side of HTTP/1.1 as a client: a connection sends one request at a time and limits the answer."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar, cast

import httptools

from app.urls import Origin

HEADER_BYTES: Final = 61_440
"""What an answer may have beside its body: headers, and trailers and chunk sizes, which the parser gathers."""
RETRY_AFTER_BYTES: Final = 100
FINAL: Final = 200
"""The lowest status of a final answer; others announce one."""
IDLE_CONNECTIONS: Final = 256
IDLE_SECONDS: Final = 20
"""Shorter than the time after which servers and routers commonly drop a connection."""


class Unanswered(Exception):
    """No answer came: the message says why. `untouched` says that not one byte came."""

    def __init__(self, reason: str, *, untouched: bool = False) -> None:
        super().__init__(reason)
        self.untouched = untouched


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status, the head of the body, the header Retry-After, and whether the body is `whole`."""

    status: int
    body: bytes
    retry_after: str = ""
    whole: bool = True


class Connection(asyncio.Protocol):
    """A connection as asyncio's protocol. httptools parses the answer and calls the methods `on_...`.

    Of an answer's body it keeps `body_bytes`; a longer one closes the connection.
    """

    def __init__(self, body_bytes: int) -> None:
        self._body_bytes = body_bytes
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._status = 0
        self._received = 0
        self._body = bytearray()
        self._retry_after = ""
        self._delimited = False
        self.usable = True

    async def post(self, request: bytes) -> HttpAnswer:
        """Send a request and return the answer, or raise Unanswered. Cancelling closes the connection."""
        if self._transport is None or not self.usable:
            raise Unanswered("connection closed", untouched=True)
        self._answer = asyncio.get_running_loop().create_future()
        self._status, self._received, self._body, self._retry_after = 0, 0, bytearray(), ""
        self._delimited = False
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
        """Parse what came; what is no HTTP, too long, or not asked for closes the connection."""
        if self._is_quiet():
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end("the answer is not HTTP")
        if self._received > 2 * self._body_bytes + HEADER_BYTES:
            if self._status:
                self._settle(whole=False)
            self._end("the answer's headers are too long")

    def connection_lost(self, error: Exception | None) -> None:
        """Answer the post if the status has come, else fail it. What has no length ends here."""
        if self._status:
            self._settle(whole=not self._delimited)
        reason = "connection closed" if error is None else f"connection lost ({type(error).__name__})"
        self._end(reason, untouched=not self._received)

    def on_message_begin(self) -> None:
        """Close the connection where something follows the answer: it would pass for the next one."""
        if self._is_quiet():
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep Retry-After, and whether the body says where it ends."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._delimited = True
        if name == b"retry-after":
            self._retry_after = value[:RETRY_AFTER_BYTES].decode("latin-1")

    def on_headers_complete(self) -> None:
        """Keep the status, unless another one is to come."""
        status = self._parser.get_status_code()
        self._status = status if status >= FINAL else 0

    def on_body(self, body: bytes) -> None:
        """Keep the head of the body."""
        self._body += body
        if len(self._body) > self._body_bytes:
            self._settle(whole=False)
            self.close()

    def on_message_complete(self) -> None:
        """Answer the post."""
        if self._status:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._settle(whole=True)

    def _is_quiet(self) -> bool:
        """Whether nothing is asked, so that nothing may come."""
        return self._answer is None or self._answer.done()

    def _settle(self, *, whole: bool) -> None:
        if self._answer is not None and not self._answer.done():
            body = bytes(memoryview(self._body)[: self._body_bytes])
            self._answer.set_result(HttpAnswer(self._status, body, self._retry_after, whole))

    def _end(self, reason: str, *, untouched: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unanswered(reason, untouched=untouched))
        self.close()


Kept = TypeVar("Kept", bound=Connection)


class Idle(Generic[Kept]):
    """Idle connections: the one that was put back last is taken first, the oldest is closed first."""

    def __init__(self, clock: Callable[[], float], limit: int = IDLE_CONNECTIONS) -> None:
        self._clock = clock
        self._limit = limit
        self._connections: dict[Kept, tuple[Origin, float]] = {}
        self._of_origin: dict[Origin, list[Kept]] = {}

    def take(self, origin: Origin) -> Kept | None:
        """Return a connection that seems to be open, or None."""
        self._close_old()
        while idle := self._of_origin.get(origin):
            connection = idle[-1]
            self._remove(connection)
            if connection.usable:
                return connection
        return None

    def put(self, origin: Origin, connection: Kept) -> None:
        """Keep the connection for the next request, if it may have one."""
        if not connection.usable:
            connection.close()
            return
        self._connections[connection] = (origin, self._clock())
        self._of_origin.setdefault(origin, []).append(connection)
        self._close_old()

    def close(self) -> None:
        """Close them all."""
        for connection in list(self._connections):
            self._remove(connection)
            connection.close()

    def _close_old(self) -> None:
        while self._connections:
            oldest = next(iter(self._connections))
            if (
                len(self._connections) <= self._limit
                and self._connections[oldest][1] > self._clock() - IDLE_SECONDS
            ):
                return
            self._remove(oldest)
            oldest.close()

    def _remove(self, connection: Kept) -> None:
        origin, _ = self._connections.pop(connection)
        self._of_origin[origin].remove(connection)
        if not self._of_origin[origin]:
            del self._of_origin[origin]


@cache
def certificates() -> ssl.SSLContext:
    """Return what checks the other side of TLS: certifi's roots, or those of SSL_CERT_FILE."""
    import httpx  # costs 20 MB: only where somebody speaks TLS

    return httpx.create_ssl_context()
