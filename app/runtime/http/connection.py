"""One connection of an HTTP listener: reads one request at a time, and the next one after the answer.

The server is our own because uvicorn's httptools protocol answers 400 to a request that has taken effect when
bytes follow it, and because its public options bound neither heads nor pipelined requests nor silent
connections.
"""

import asyncio
import math
from typing import Final, cast

from starlette.types import ASGIApp

from app.runtime.http.chunks import Malformed
from app.runtime.http.exchange import Exchange
from app.runtime.http.limits import Connections
from app.runtime.http.read_buffer import ReadBuffer
from app.runtime.http.refusals import Refusal, Refuse, as_answer
from app.runtime.http.requests import Head, RequestParser, TooManyHeaders

DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""How much of what nobody reads is received, so that its sender can read the answer."""


class HttpConnection(asyncio.Protocol):
    """The event loop makes one for each connection; `refuse` renders refusals before there is a request.

    Nothing after a request is parsed before the request is answered, and nothing is read that cannot be
    parsed. To the application, a request that turns out to be malformed is one whose caller has left. After
    the `deadline` the listener ends the connection.
    """

    def __init__(self, app: ASGIApp, connections: Connections, refuse: Refuse) -> None:
        self.host = ""
        self.deadline = math.inf
        self._app = app
        self._connections = connections
        self._limits = connections.limits
        self._render_refusal = refuse
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(self._on_body, connections.limits.head_fields)
        self._unparsed = ReadBuffer()
        self._exchange: Exchange | None = None
        self._begun = False  # a part of a head has arrived
        self._unwanted_bytes = 0
        self._closing = self._reading_paused = False
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)

    # ---------------------------------------------------------------- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or answer that there is no room."""
        self._transport = cast("asyncio.Transport", transport)
        self._client = (transport.get_extra_info("peername") or ("", 0))[:2]
        self._server = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self.host = self._client[0]
        self._set_deadline()
        if not self._connections.admit(self):
            self._refuse("not-available", "there are too many connections; try again", linger=False)

    def connection_lost(self, _: Exception | None) -> None:
        """Wake all who wait for this connection; the application ends what it has begun."""
        self._closing = True
        self._connections.remove(self)
        self.resume_writing()
        if self._exchange is not None:
            self._exchange.disconnect()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, or discard it."""
        if self._closing:
            self._unwanted_bytes += len(data)
            if self._unwanted_bytes > DISCARDED_BYTES:
                self.abort()
            return
        self._unparsed.add(data)
        self._parse()

    def eof_received(self) -> bool:
        """Keep the other direction open for the answer: a client that has sent all may close its side."""
        exchange = self._exchange
        if exchange is None or not exchange.whole or exchange.started:
            return False
        exchange.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Wait for a peer that does not read, until the deadline."""
        if self._writable is None:
            self._writable = self._loop.create_future()
            self._set_deadline()

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        if self._writable is None:
            return
        if not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        if not self._closing:
            self._set_deadline()
            self._parse()

    def expire(self) -> None:
        """Answer 408 where a request had begun, else close; abort what is closing already."""
        if self._closing or self._exchange is not None or self._writable is not None:
            self.abort()
        elif self._begun:
            seconds = f"{self._limits.head_seconds:g} seconds"
            self._refuse("timeout", f"the request did not arrive within {seconds}")
        else:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def finish(self) -> None:
        """Close when the current request has its answer."""
        if self._exchange is None or self._exchange.sent:
            self._close()
        else:
            self._exchange.keep_alive = False

    # ---------------------------------------------------------------- what an exchange needs

    @property
    def date(self) -> bytes:
        """The time as the Date header has it."""
        return self._connections.date

    def write(self, data: bytes) -> None:
        """Send, unless the connection closes."""
        if not self._transport.is_closing():
            self._transport.write(data)

    @property
    def is_full(self) -> bool:
        """Whether the peer does not read what is sent."""
        return self._writable is not None

    async def drained(self) -> None:
        """Wait until the peer has read most of what was sent, or is gone."""
        while self._writable is not None:
            await self._writable

    def body_consumed(self) -> None:
        """Read on: the application has the whole body so far."""
        if not self._closing:
            self._parse()

    def answered(self) -> None:
        """Go on with the next request, or close."""
        exchange = self._exchange
        if exchange is None or self._closing:
            return
        if exchange.whole:
            self._exchange = None
            self._connections.idle(self)
        if not exchange.keep_alive:
            self._close(linger=not exchange.whole or bool(self._unparsed))
            return
        self._set_deadline()
        self._parse()

    # ---------------------------------------------------------------- reading

    def _parse(self) -> None:
        """Parse what has arrived of one request; the next one waits, and meanwhile nothing is read."""
        go_on = True
        while go_on and self._unparsed and not self._closing:
            exchange = self._exchange
            if exchange is None:
                go_on = self._writable is None and self._read_head()
            else:
                go_on = exchange.wants_more and self._read_body(exchange)
        if not self._unparsed:
            self._unparsed.clear()
        if not self._closing:
            self._read_on(self._begun or not self._unparsed)

    def _read_head(self) -> bool:
        """Parse a head that has arrived to its end; False: there is no more to do now."""
        head = self._unparsed.take_head(self._limits.head_bytes)
        if head is None:
            self._expect_more_of_head()
            return False
        self._begun = False
        try:
            self._begin(self._parser.head(head, self._client, self._server))
        except TooManyHeaders:
            self._refuse_head()
        except Malformed:
            self._refuse("bad-request", "this is no HTTP request that can be answered")
        return True

    def _expect_more_of_head(self) -> None:
        if len(self._unparsed) >= self._limits.head_bytes:
            self._refuse_head()
        elif not self._begun and self._unparsed:
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
        """Parse the next part of the body; False: it is malformed."""
        malformed, unparsed = False, self._unparsed
        try:
            unparsed.at = self._parser.body(unparsed.data, unparsed.at)
        except Malformed:
            malformed = True
        if self._parser.ended:
            exchange.complete()
            self._connections.busy(self)
        elif malformed or self._unwanted_bytes > DISCARDED_BYTES:
            unparsed.clear()
            exchange.break_off()
        else:
            return True
        if exchange.sent:
            self.answered()
        return not exchange.broken

    def _on_body(self, body: bytes) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.sent:
            self._unwanted_bytes += len(body)
        elif exchange is not None:
            exchange.feed(body)

    # ---------------------------------------------------------------- the socket

    def _read_on(self, wanted: bool) -> None:  # noqa: FBT001  a switch
        """Read from the socket while the data can be used."""
        exchange = self._exchange
        paused = not wanted or (exchange is not None and exchange.is_far_ahead)
        if paused != self._reading_paused:
            self._reading_paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _set_deadline(self) -> None:
        """Set the time limit of what the connection waits for now."""
        limits, exchange = self._limits, self._exchange
        if self._closing:  # an answer that is still being sent has the time of every answer
            sending = self._transport.get_write_buffer_size()
            seconds = limits.write_seconds if sending else limits.linger_seconds
        elif self._writable is not None:
            seconds = limits.write_seconds
        elif exchange is None:
            seconds = limits.head_seconds if self._begun else limits.idle_seconds
        else:
            seconds = limits.body_seconds if exchange.sent else math.inf
        self.deadline = self._loop.time() + seconds

    def _refuse_head(self) -> None:
        most = f"{self._limits.head_bytes} bytes or {self._limits.head_fields} fields"
        self._refuse("headers-too-large", f"the head of the request has more than {most}")

    def _refuse(self, code: Refusal, message: str, *, linger: bool = True) -> None:
        """Answer without the application, and close."""
        self.write(as_answer(self._render_refusal(code, message), self.date))
        self._close(linger=linger)

    def _close(self, *, linger: bool = False) -> None:
        """Close; with `linger` only after the peer has: what it still sends could else cost it the answer."""
        if self._closing:
            return
        if linger and not self._transport.is_closing():
            self._read_on(wanted=True)
            self._transport.write_eof()
        else:
            self._transport.close()
        self._closing = True
        self._unparsed.clear()
        self._set_deadline()
