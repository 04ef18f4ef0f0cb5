"""The outermost layers of both listeners: every request gets an id and an answer, and not too many are answered at once."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors, responses

Headers = list[tuple[bytes, bytes]]

POLICY: Final = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a browser may do with an answer that it shows: nothing more."""
SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""What every answer tells browsers; a Content-Security-Policy stands beside it."""

HEAD: Final = "kennel.head"
"""In the scope of a request that wants no body: what would go on for ever ends at once."""
_BLANKS: Final = b" \t"
"""What may stand around a header's value and is no part of it (RFC 9110, 5.5); the server leaves it at the end."""
OPEN_PATHS: Final = frozenset({"/health"})
"""Asked by supervisors, which have no token; it tells nothing."""


class Edge:
    """An ASGI layer that names each request, answers HEAD as GET (the server keeps the body back), and lets no exception out.

    `embedded` says that pages of others may show what is answered, as they do with images.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[], str], *, embedded: bool = False) -> None:
        self.app = app
        self.new_id = new_id
        resource = b"cross-origin" if embedded else b"same-origin"
        self._headers = [*SECURITY, (b"cross-origin-resource-policy", resource)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what it raises is logged under the request's id and answered with 500 or 503."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, self.new_id(), self._headers)
        scope["headers"] = [(name, value.strip(_BLANKS)) for name, value in scope["headers"]]
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", HEAD: True}
        try:
            await self.app(scope, receive, answer.send)
        except Exception as error:  # the edge is where nothing may get past
            response = errors.unexpected(error, answer.request_id)
            if answer.started:
                raise
            await response(scope, receive, answer.send)


class AtOnce:
    """An ASGI layer that lets `limit` requests be answered at once; the others wait for their turn, first come first served.

    The event loop serves all that can go on before it serves anything again: what few do, the others hardly feel.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._free = asyncio.Semaphore(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it is its turn."""
        async with self._free:
            await self.app(scope, receive, send)


def refusal(code: str, message: str) -> tuple[int, Headers, bytes]:
    """Write what the server refuses before there is a request: status, headers and body."""
    response = errors.answer_of(code, message)
    headers = [*response.raw_headers, *SECURITY, (b"content-security-policy", POLICY)]
    return response.status_code, headers, bytes(response.body)


class _Answer:
    """What is sent back for one request."""

    __slots__ = ("headers", "onward", "request_id", "started")

    def __init__(self, onward: Send, request_id: str, headers: Headers) -> None:
        self.onward = onward
        self.request_id = request_id
        self.headers = headers
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers: Headers = message["headers"]
            if message["status"] == HTTPStatus.TEMPORARY_REDIRECT:
                headers[:] = map(_without_host, headers)
            if not any(name == b"content-security-policy" for name, _ in headers):
                headers.append((b"content-security-policy", POLICY))
            headers += self.headers
            headers.append((b"x-request-id", self.request_id.encode()))
        await self.onward(message)


def _without_host(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Lead to a path alone: behind a proxy with TLS we do not know how the caller reaches us."""
    name, value = header
    return (name, b"/" + value.split(b"/", 3)[3]) if name == b"location" else header


class Bearer:
    """An ASGI layer that lets through what carries `Authorization: Bearer TOKEN`; the token is kept as a hash."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Collection[str] = OPEN_PATHS) -> None:
        self.app = app
        self.open_paths = open_paths
        self._digest = hashlib.sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 in GigaWallet's words, or pass the request on, also where its answer tells nothing."""
        if scope["type"] == "http" and scope["path"] not in self.open_paths:
            message = self._objection(scope)
            if message is not None and not _tells_nothing(scope):
                response = responses.error("unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        """GigaWallet's words for what is wrong with the header, or None; the comparison takes the same time always."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if not given:
            return "Authorization header required"
        parts = given.split(b" ")
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            return "Invalid authorization format, expected 'Bearer TOKEN'"
        if not hmac.compare_digest(hashlib.sha256(parts[1]).digest(), self._digest):
            return "Invalid token"
        return None


def _tells_nothing(scope: Scope) -> bool:
    """Say whether the answer is the same for everybody: which methods a path takes, or that there is no such path."""
    routes = scope["app"].routes
    return scope["method"] == "OPTIONS" or not any(route.matches(scope)[0].value for route in routes)
