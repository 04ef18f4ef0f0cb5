"""One HTTP request and its answer, as ASGI has them."""

import asyncio
import http
import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Message

_log = logging.getLogger(__name__)

BODY_AHEAD_BYTES: Final = 64 * 1024
"""How much of a body is received before the application asks for it."""
_DISCONNECT: Final[Message] = {"type": "http.disconnect"}
_BODILESS: Final = (204, 304)


def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES: Final = {status: _status_line(status) for status in range(100, 600)}


class Channel(Protocol):
    """What an exchange needs of its connection."""

    @property
    def date(self) -> bytes:
        """The time as the Date header has it."""

    @property
    def is_full(self) -> bool:
        """Whether the peer does not read what is sent."""

    def write(self, data: bytes) -> None:
        """Send."""

    async def drained(self) -> None:
        """Wait until the peer has read most of what was sent, or is gone."""

    def body_consumed(self) -> None:
        """Note that the application has the whole body so far."""

    def answered(self) -> None:
        """Note that the answer is complete, or never will be."""


class Exchange:
    """A request that arrives (`feed`, `complete`, `break_off`, `disconnect`), and its answer.

    `keep_alive`: another request may follow on the connection. `whole`: all of this one has arrived.
    """

    __slots__ = (
        "_body",
        "_channel",
        "_delivered",
        "_framing",
        "_head",
        "_remaining",
        "_waiter",
        "broken",
        "disconnected",
        "expects_continue",
        "keep_alive",
        "scope",
        "sent",
        "started",
        "whole",
    )

    def __init__(
        self, channel: Channel, scope: dict[str, Any], *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self._channel = channel
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.whole = self.broken = self.disconnected = self.started = self.sent = False
        self._body = bytearray()
        self._delivered = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._framing: bytes | None = None  # chunked, length, rest (of the connection); None: no body is sent
        self._remaining = 0

    # ---------------------------------------------------------------- what the connection calls

    def feed(self, body: bytes) -> None:
        """Add to the body."""
        self._body += body
        self._wake()

    def complete(self) -> None:
        """Note that the request is whole."""
        self.whole = True
        self._wake()

    def break_off(self) -> None:
        """Note that the rest of the body will never come; the request can still get the last answer."""
        self.broken = True
        self.keep_alive = False
        self._wake()

    def disconnect(self) -> None:
        """Note that the caller is gone."""
        self.disconnected = True
        self._wake()

    @property
    def is_far_ahead(self) -> bool:
        """Whether more of the body has arrived than should wait for the application."""
        return len(self._body) > BODY_AHEAD_BYTES

    @property
    def wants_more(self) -> bool:
        """Whether the next part of the body is to be read now."""
        return not (self.whole or self.broken or self.is_far_ahead)

    # ---------------------------------------------------------------- ASGI

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer. An error that it does not catch ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.sent and not self.disconnected:
                _log.error("%s %a was not answered", self.scope["method"], self.scope["path"])
        except Exception:  # noqa: BLE001  the application's last resort: it ends this connection and no other
            _log.exception("%s %a broke off", self.scope["method"], self.scope["path"])
        finally:
            if not self.sent:
                self.keep_alive = False
                self._channel.answered()

    async def receive(self) -> Message:
        """Return the next part of the body, then wait for the caller to leave."""
        if self.expects_continue and not (self.started or self.disconnected or self.whole):
            self.expects_continue = False
            self._channel.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._is_over():
            if not self._delivered and (self._body or self.whole):
                return self._part()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        """Send the next part of the answer; the head goes out with the first part of the body."""
        if self._channel.is_full:
            await self._channel.drained()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.expects_continue and not self.whole:  # the body may come or not
                self.keep_alive = False
            self._start(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body" and self.started and not self.sent:
            self._continue(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} has no place here")

    def _part(self) -> Message:
        body, last = bytes(self._body), self.whole
        self._body.clear()
        self._delivered = last
        self._channel.body_consumed()  # which may bring the next part, and the end
        return {"type": "http.request", "body": body, "more_body": not last}

    def _is_over(self) -> bool:
        return self.disconnected or self.sent or (self.broken and not self.whole)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self.started:
            raise RuntimeError("an answer begins once")
        parts = [STATUS_LINES[status], b"date: ", self._channel.date, b"\r\n"]
        lines = 3  # those of the status and the date, and the empty one
        for name, value in headers:
            if name == b"connection":
                self.keep_alive = self.keep_alive and value.lower() != b"close"
                continue
            if name == b"content-length":
                self._framing, self._remaining = b"length", int(value)
            parts += (name, b": ", value, b"\r\n")
            lines += 1
        if self._framing is None and status not in _BODILESS:
            self._framing = b"chunked" if self.scope["http_version"] == "1.1" else b"rest"
        if self._framing == b"chunked":
            parts.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        parts.append(b"\r\n")
        self._head = b"".join(parts)
        if self._head.count(b"\n") != lines or self._head.count(b"\r") != lines:
            raise RuntimeError("a header of the answer has more than one line")
        self.started = True
        if self.scope["method"] == "HEAD" or status in _BODILESS:
            self._framing = None

    def _continue(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        framed = self._framed(body, more=more)
        if head or framed:
            self._channel.write(head + framed)
        if not more:
            self.sent = True
            self._wake()
            self._channel.answered()

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        """Return a part of the body as it goes over the wire; raises where the parts are not as long as announced."""
        if self._framing == b"chunked":
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        if self._framing == b"length":
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                raise RuntimeError("the answer is not as long as its Content-Length")
        return b"" if self._framing is None else body
