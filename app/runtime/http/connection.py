"""One connection of an HTTP listener: reads a request at a time, and the next one when that is answered.

The server is our own because uvicorn's httptools protocol answers 400 to a request whose effect is done when bytes follow
it, and because its public options bound neither heads nor pipelined requests nor silent connections.
"""

import asyncio
import math
import re
from typing import Final, cast

from starlette.types import ASGIApp

from app.runtime.http.chunks import Malformed
from app.runtime.http.exchange import Exchange
from app.runtime.http.limits import Connections
from app.runtime.http.refusals import Refusal, Refusing, as_answer
from app.runtime.http.requests import Head, RequestParser, TooManyHeaders

DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""So much that nobody wants is received, so that its sender can read the answer."""
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
"""Also where the ends of lines are wrong: the parser refuses these."""
_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)*")
"""What may stand before a request (RFC 9112, 2.2)."""


class HttpConnection(asyncio.Protocol):
    """Made by the event loop for each connection; `refusing` writes what is refused before there is a request.

    Nothing that follows a request is looked at before the request is answered, and nothing is read that cannot be. The
    application sees a request that turns out to be broken as one whose caller has left. The listener ends what is still
    there after the `deadline`.
    """

    def __init__(self, app: ASGIApp, connections: Connections, refusing: Refusing) -> None:
        self.host = ""
        self.deadline = math.inf
        self._app = app
        self._connections = connections
        self._limits = connections.limits
        self._refusing = refusing
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(self._on_body, connections.limits.head_fields)
        self._data, self._at = b"", 0  # what has arrived and is not parsed yet begins at `_at`
        self._exchange: Exchange | None = None
        self._begun = False  # a part of a head has arrived
        self._unwanted_bytes = 0
        self._closing = self._reading_paused = False
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)

    # ---------------------------------------------------------------- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or say that there is no room."""
        self._transport = cast("asyncio.Transport", transport)
        self._client = (transport.get_extra_info("peername") or ("", 0))[:2]
        self._server = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self.host = self._client[0]
        self._set_deadline()
        if not self._connections.admit(self):
            self._refuse("not-available", "there are too many connections; try again", linger=False)

    def connection_lost(self, _: Exception | None) -> None:
        """Let go of whoever waits for this connection; what was begun is done to its end."""
        self._closing = True
        self._connections.remove(self)
        self.resume_writing()
        if self._exchange is not None:
            self._exchange.lose()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._closing:
            self._unwanted_bytes += len(data)
            if self._unwanted_bytes > DISCARDED_BYTES:
                self.abort()
            return
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        self._parse()

    def eof_received(self) -> bool:
        """Keep the way back open while an answer has not begun: who has sent all may close his side."""
        exchange = self._exchange
        if exchange is None or not exchange.whole or exchange.started:
            return False
        exchange.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Wait for a peer that does not take what is sent, but not for ever."""
        if self._writable is None:
            self._writable = self._loop.create_future()
            self._set_deadline()

    def resume_writing(self) -> None:
        """Go on: the peer has taken it."""
        if self._writable is None:
            return
        if not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        if not self._closing:
            self._set_deadline()
            self._parse()

    def expire(self) -> None:
        """Say 408 where a request had begun; else close, and what is closing already is cut off."""
        if self._closing or self._exchange is not None or self._writable is not None:
            self.abort()
        elif self._begun:
            self._refuse(
                "timeout", f"the request did not arrive within {self._limits.head_seconds:g} seconds"
            )
        else:
            self._close()

    def abort(self) -> None:
        """Cut it off."""
        self._closing = True
        self._transport.abort()

    def finish(self) -> None:
        """Close when the request that is being answered has its answer."""
        if self._exchange is None or self._exchange.sent:
            self._close()
        else:
            self._exchange.keep_alive = False

    @property
    def date(self) -> bytes:
        """The time as a header has it."""
        return self._connections.date

    def write(self, data: bytes) -> None:
        """Send, where there is still somebody."""
        if not self._transport.is_closing():
            self._transport.write(data)

    @property
    def is_full(self) -> bool:
        """Whether the peer does not take what is sent."""
        return self._writable is not None

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was sent, or is gone."""
        while self._writable is not None:
            await self._writable

    def body_taken(self) -> None:
        """Read on: the application has what there was."""
        if not self._closing:
            self._parse()

    def answered(self) -> None:
        """Go on with the next request, or end the connection."""
        exchange = self._exchange
        if exchange is None or self._closing:
            return
        if exchange.whole:
            self._exchange = None
            self._connections.waits(self)
        if not exchange.keep_alive:
            self._close(linger=not exchange.whole or self._at < len(self._data))
            return
        self._set_deadline()
        self._parse()

    # ---------------------------------------------------------------- reading

    def _parse(self) -> None:
        """Parse what has arrived, as far as it is of one request; what is behind that waits, and nothing is read meanwhile."""
        go_on = True
        while go_on and self._at < len(self._data) and not self._closing:
            exchange = self._exchange
            if exchange is None:
                go_on = self._writable is None and self._read_head()
            else:
                go_on = exchange.wants_more and self._read_body(exchange)
        if self._at >= len(self._data):
            self._data, self._at = b"", 0  # who is silent holds no memory
        if not self._closing:
            self._read_on(self._begun or not self._data)

    def _read_head(self) -> bool:
        """Parse a head if it has arrived to its end; False: there is no more to do now."""
        empty = _EMPTY_LINES.match(self._data, self._at)
        self._at = empty.end() if empty else self._at
        end = _END_OF_HEAD.search(self._data, self._at, self._at + self._limits.head_bytes)
        if end is None:
            self._expect_more_of_head()
            return False
        head = self._data[self._at : end.end()]
        self._at, self._begun = end.end(), False
        try:
            self._begin(self._parser.head(head, self._client, self._server))
        except TooManyHeaders:
            self._refuse_head()
        except Malformed:
            self._refuse("bad-request", "this is no HTTP request that can be answered")
        return True

    def _expect_more_of_head(self) -> None:
        if len(self._data) - self._at >= self._limits.head_bytes:
            self._refuse_head()
        elif not self._begun and self._at < len(self._data):
            self._begun = True
            self._set_deadline()

    def _begin(self, head: Head) -> None:
        """Start the application on a request whose head has arrived."""
        exchange = Exchange(
            self, head.scope, keep_alive=head.keep_alive, expects_continue=head.expects_continue
        )
        self._exchange = exchange
        self._unwanted_bytes = 0
        if head.whole:
            exchange.complete()
            self._connections.busy(self)
        self._set_deadline()
        self._connections.start(exchange.run(self._app))

    def _read_body(self, exchange: Exchange) -> bool:
        """Parse the next part of the body; False: it is broken."""
        sound = True
        try:
            self._at = self._parser.body(self._data, self._at)
        except Malformed:
            sound = False
        if self._parser.ended:
            self._complete(exchange)
        elif not sound or self._unwanted_bytes > DISCARDED_BYTES:
            self._break_off(exchange)
        return not exchange.broken

    def _on_body(self, body: bytes) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.sent:
            self._unwanted_bytes += len(body)
        elif exchange is not None:
            exchange.feed(body)

    def _complete(self, exchange: Exchange) -> None:
        """Note that the request is whole."""
        exchange.complete()
        self._connections.busy(self)
        if exchange.sent:
            self.answered()

    def _break_off(self, exchange: Exchange) -> None:
        self._data, self._at = b"", 0
        exchange.break_off()
        if exchange.sent:
            self.answered()

    # ---------------------------------------------------------------- the socket

    def _read_on(self, wanted: bool) -> None:  # noqa: FBT001  a switch
        """Read from the socket while there is use for it."""
        exchange = self._exchange
        paused = not wanted or (exchange is not None and exchange.is_far_ahead)
        if paused != self._reading_paused:
            self._reading_paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _set_deadline(self) -> None:
        """Give what is being waited for its time."""
        limits, exchange = self._limits, self._exchange
        if self._closing:  # an answer on its way has the time that every answer has
            seconds = (
                limits.write_seconds if self._transport.get_write_buffer_size() else limits.linger_seconds
            )
        elif self._writable is not None:
            seconds = limits.write_seconds
        elif exchange is None:
            seconds = limits.head_seconds if self._begun else limits.idle_seconds
        else:
            seconds = limits.body_seconds if exchange.sent else math.inf
        self.deadline = self._loop.time() + seconds

    def _refuse_head(self) -> None:
        limits = self._limits
        self._refuse(
            "headers-too-large",
            f"the head of the request has more than {limits.head_bytes} bytes or {limits.head_fields} fields",
        )

    def _refuse(self, code: Refusal, message: str, *, linger: bool = True) -> None:
        """Answer where there is no request that the application could, and end the connection."""
        self.write(as_answer(self._refusing(code, message), self.date))
        self._close(linger=linger)

    def _close(self, *, linger: bool = False) -> None:
        """Close, with `linger` only when the peer has closed too: else what it still sends would cost it the answer."""
        if self._closing:
            return
        if linger and not self._transport.is_closing():
            self._read_on(wanted=True)
            self._transport.write_eof()
        else:
            self._transport.close()
        self._closing = True
        self._data, self._at = b"", 0
        self._set_deadline()
