"""The outermost layer of both listeners: every request gets an id and an answer."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors

_BLANKS: Final = b" \t"
"""What may stand around a header's value and is no part of it (RFC 9110, 5.5); the server leaves it at the end."""


class Edge:
    """An ASGI layer that names each request, answers HEAD as GET (the server keeps the body back), and lets no exception out."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self.app = app
        self.new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what it raises is logged under the request's id and answered with 500 or 503."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, self.new_id())
        scope["headers"] = [(name, value.strip(_BLANKS)) for name, value in scope["headers"]]
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        try:
            await self.app(scope, receive, answer.send)
        except Exception as error:  # the edge is where nothing may get past
            response = errors.unexpected(error, answer.request_id)
            if answer.started:
                raise
            await response(scope, receive, answer.send)


class _Answer:
    """What is sent back for one request."""

    __slots__ = ("onward", "request_id", "started")

    def __init__(self, onward: Send, request_id: str) -> None:
        self.onward = onward
        self.request_id = request_id
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"].append((b"x-request-id", self.request_id.encode()))
            if message["status"] == HTTPStatus.TEMPORARY_REDIRECT:
                message["headers"] = list(map(_without_host, message["headers"]))
        await self.onward(message)


def _without_host(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Lead to a path alone: behind a proxy with TLS we do not know how the caller reaches us."""
    name, value = header
    return (name, b"/" + value.split(b"/", 3)[3]) if name == b"location" else header
