"""Posting to a URL, or getting it: the bytes of the request, and a connection to a checked address.

Not aiohttp 3.14: `bench deliveries` was 0.63 to 0.79 of ours with it (265 microseconds of CPU a delivery, not 164). It
also cannot limit idle connections, and loses the body of an answer that is cut off.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from app import urls
from app.events import address_filter
from app.events.address_filter import Address, Guard, Resolve
from app.events.address_limit import AddressLimit, AddressLimited
from app.runtime import http_client
from app.runtime.http_client import Connection, HttpAnswer, Idle, Unanswered
from app.urls import Origin

TARGET: Final = "/%:@!$&'()*+,;=~?-._"
"""Characters that a request's first line may hold; all others are percent-encoded, above all new lines."""

ANSWER_BYTES: Final = 4_096
"""Of the body of a webhook's answer."""
CONNECT_SECONDS: Final = 4
"""For one address; then the next is tried."""


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """The parts of a URL. `head` is the request up to its own headers, and may hold a password."""

    origin: Origin
    head: str


def parse(url: str, method: str = "POST") -> WebhookTarget:
    """Parse an http or https URL; ValueError says what is wrong, without the URL."""
    origin, parts = urls.parse(url)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    path = quote(parts.path or "/", safe=TARGET) + (
        f"?{quote(parts.query, safe=TARGET)}" if parts.query else ""
    )
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}{f':{parts.port}' if parts.port else ''}\r\n"
    return WebhookTarget(origin, head + _authorization(parts.username, parts.password))


class ReceiverConnection(Connection):
    """A connection to the address of a receiver of webhooks, or of whom else we ask."""

    def __init__(self, address: Address, answer_bytes: int) -> None:
        super().__init__(answer_bytes)
        self.address = address


class Poster:
    """Posts by HTTP/1.1 and keeps connections open between posts. It follows no redirect and uses no proxy.

    It asks by GET in the same way. An answer has at most `answer_bytes`; of a longer one that is the beginning.
    A name is resolved once, and only an address that the guard permits is connected to, never the name again.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        guard: Guard = Guard(),  # noqa: B008  it is a value
        tls: ssl.SSLContext | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self._resolve = resolve
        self._guard = guard
        self._tls = tls
        self._answer_bytes = answer_bytes
        self._limit = AddressLimit()
        self._idle = Idle[ReceiverConnection](asyncio.get_running_loop().time)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Return the answer, or raise AddressLimited, or Unanswered with a reason that holds no secret.

        The caller sets the time limit.
        """
        target = _target(url, "POST")
        return await self._send(target, _request(target.head, headers, body))

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpAnswer:
        """Ask by GET; else as `post`."""
        target = _target(url, "GET")
        return await self._send(target, _head(target.head, headers))

    async def _send(self, target: WebhookTarget, request: bytes) -> HttpAnswer:
        with self._limit.post():
            answer = await self._post_again(target.origin, request)
            return answer or await self._exchange(target.origin, await self._open(target.origin), request)

    async def _post_again(self, origin: Origin, request: bytes) -> HttpAnswer | None:
        """Post by a connection that is open; None where there is none, or where it was closed just now."""
        idle = self._take_idle(origin)
        if idle is None:
            return None
        try:
            return await self._exchange(origin, idle, request)
        except Unanswered as error:
            if error.untouched:
                return None
            raise

    def room(self, address: Address) -> int:
        """Return how many more posts the address may have now."""
        return self._limit.room(address)

    def close(self) -> None:
        """Close the idle connections."""
        self._idle.close()

    async def _exchange(self, origin: Origin, connection: ReceiverConnection, request: bytes) -> HttpAnswer:
        with self._limit.to(connection.address):
            answer = await connection.post(request)
        self._idle.put(origin, connection)
        return answer

    def _take_idle(self, origin: Origin) -> ReceiverConnection | None:
        connection = self._idle.take(origin)
        if connection is not None and self._limit.room(connection.address) <= 0:
            self._idle.put(origin, connection)
            raise AddressLimited(connection.address)
        return connection

    async def _open(self, origin: Origin) -> ReceiverConnection:
        scheme, host, port = origin
        reason, limited = "no connection", None
        for address in address_filter.permitted(origin, await self._resolve(host, port), self._guard):
            if self._limit.room(address) <= 0:
                limited = AddressLimited(address)
                continue
            try:
                with self._limit.to(address):
                    return await self._connect(address, port, host if scheme == "https" else None)
            except ssl.SSLError as error:
                reason = f"TLS failed ({error.reason or type(error).__name__})"
            except OSError as error:
                reason = f"no connection ({error.strerror or type(error).__name__})"
        raise limited or Unanswered(reason)

    async def _connect(self, address: Address, port: int, server_name: str | None) -> ReceiverConnection:
        """Connect to the address; the certificate must be that of the name."""
        loop = asyncio.get_running_loop()
        tls = self._certificates() if server_name else None
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await loop.create_connection(
                lambda: ReceiverConnection(address, self._answer_bytes),
                str(address),
                port,
                ssl=tls,
                server_hostname=server_name,
            )
        return connection

    def _certificates(self) -> ssl.SSLContext:
        return self._tls or http_client.certificates()


def _target(url: str, method: str) -> WebhookTarget:
    try:
        return parse(url, method)
    except ValueError as wrong:
        raise Unanswered(str(wrong)) from None


def _head(head: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}{lines}\r\n".encode()


def _request(head: str, headers: Mapping[str, str], body: bytes) -> bytes:
    return _head(head, {**headers, "Content-Length": str(len(body))}) + body


def _authorization(username: str | None, password: str | None) -> str:
    if username is None:
        return ""
    login = f"{unquote(username)}:{unquote(password or '')}".encode()
    return f"Authorization: Basic {base64.b64encode(login).decode()}\r\n"
