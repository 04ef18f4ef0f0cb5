"""The outermost layers of both listeners: request ids, errors and concurrency."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.runtime import logs

Headers = list[tuple[bytes, bytes]]
Answered = Callable[[Scope, int, float], None]
"""Is told of each answer that begins: the request's scope, the status, and the seconds since the request."""

_NO_FRAMES: Final = b"frame-ancestors 'none'"
_FRAME_OPTIONS: Final = (b"x-frame-options", b"DENY")
"""For browsers that know no frame-ancestors; an answer whose policy allows some frames goes without."""
POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a browser may load or do for an answer that it shows: nothing."""
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    _FRAME_OPTIONS,
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""The headers of every answer for browsers, beside a Content-Security-Policy."""

HEAD: Final = "kennel.head"
"""A key in the scope of a HEAD request: an endless answer ends after its headers."""
_BLANKS: Final = b" \t"
"""White space around a header's value is no part of it (RFC 9110, 5.5); the server keeps it at the end."""
OPEN_PATHS: Final = frozenset({"/health"})
"""Supervisors have no token; the answer has no secrets."""
AUTHORIZE: Final = "/authorize"
"""The page on which an operator grants a key."""
KEYLESS_PATHS: Final = OPEN_PATHS | {AUTHORIZE, f"{AUTHORIZE}/key"}
"""Who asks there has no key yet."""


class Edge:
    """An ASGI layer that gives each request an id, answers HEAD as GET, and answers to every exception.

    The server omits the body of an answer to HEAD. With `embedded`, pages of other sites may show the
    answers, as they show images.
    """

    def __init__(
        self, app: ASGIApp, new_id: Callable[[], str], answered: Answered, *, embedded: bool = False
    ) -> None:
        self.app = app
        self.new_id = new_id
        self.answered = answered
        resource = b"cross-origin" if embedded else b"same-origin"
        self._headers = [*SECURITY_HEADERS, (b"cross-origin-resource-policy", resource)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an exception is logged with the request's id and answered with 500 or 503."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["headers"] = [(name, value.strip(_BLANKS)) for name, value in scope["headers"]]
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", HEAD: True}
        answered = partial(self.answered, scope)
        answer = _Answer(send, self.new_id(), self._headers, answered)
        logs.request_id.set(answer.request_id)
        try:
            await self.app(scope, receive, answer.send)
        except Exception as error:  # no exception may leave the outermost layer
            response = errors.unexpected(error, answer.request_id)
            if answer.started:
                raise
            await response(scope, receive, answer.send)


def waits(scope: Scope) -> bool:
    """Whether the answer comes when something happens: it takes long, and meanwhile costs nothing."""
    path: str = scope["path"]
    polls = path.startswith("/invoice/") and path.endswith(("/poll", "/events"))
    return polls or (path.startswith("/dc/") and path.endswith("/pay"))


class ConcurrencyLimit:
    """An ASGI layer that answers at most `limit` requests at a time; the others wait in order of arrival.

    The event loop runs every ready task before it runs one again: few tasks hardly delay other requests.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._free = asyncio.Semaphore(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a free place and pass the request on; one that waits itself takes none."""
        if waits(scope):
            await self.app(scope, receive, send)
            return
        async with self._free:
            await self.app(scope, receive, send)


def refusal(code: str, message: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of a refusal by the server, before there is a request."""
    response = errors.answer_of(code, message)
    headers = [*response.raw_headers, *SECURITY_HEADERS, (b"content-security-policy", POLICY)]
    return response.status_code, headers, bytes(response.body)


class _Answer:
    """The answer to one request: it adds the headers that every answer has."""

    __slots__ = ("answered", "began", "headers", "onward", "request_id", "started")

    def __init__(
        self, onward: Send, request_id: str, headers: Headers, answered: Callable[[int, float], None]
    ) -> None:
        self.answered = answered
        self.began = time.perf_counter()
        self.onward = onward
        self.request_id = request_id
        self.headers = headers
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.answered(message["status"], time.perf_counter() - self.began)
            headers: Headers = message["headers"]
            if message["status"] == HTTPStatus.TEMPORARY_REDIRECT:
                headers[:] = map(_without_host, headers)
            policy = next((value for name, value in headers if name == b"content-security-policy"), None)
            if policy is None:
                headers.append((b"content-security-policy", POLICY))
            headers += self.headers
            if policy is not None and _NO_FRAMES not in policy:
                headers.remove(_FRAME_OPTIONS)
            headers.append((b"x-request-id", self.request_id.encode()))
        await self.onward(message)


def _without_host(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Reduce a redirect to its path: behind a proxy with TLS we do not know our public URL."""
    name, value = header
    return (name, b"/" + value.split(b"/", 3)[3]) if name == b"location" else header


def is_public(scope: Scope) -> bool:
    """Whether everybody gets the same answer: the methods of a path, or that there is no such path."""
    routes = scope["app"].routes
    return scope["method"] == "OPTIONS" or not any(route.matches(scope)[0].value for route in routes)
