"""The RPC's HTTP side: a small ASGI application, and a server for it that leaves signals alone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any, Final

import uvicorn

from devnet import rpc

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
WRONG_PASSWORD_SECONDS: Final = 0.25  # as long as Core waits, so that guessing is slow

_UNAVAILABLE: Final = (  # libevent's page, with which Core answers everything while it shuts down
    b"<HTML><HEAD>\n<TITLE>503 Service Unavailable</TITLE>\n</HEAD><BODY>\n<H1>Service Unavailable</H1>\n"
    b"</BODY></HTML>\n"
)
_TYPES: Final = {b"{": b"application/json", b"[": b"application/json", b"<": b"text/html"}

Answer = Callable[[bytes], Awaitable[tuple[int, bytes]]]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Application:
    """Checks path, method, password and size; `answer` does the rest."""

    def __init__(self, answer: Answer, user: str, password: str, shutting_down: Callable[[], bool]) -> None:
        """Serve those who know `user` and `password`; nobody while `shutting_down`."""
        self._answer = answer
        self._user = user
        self._password = password
        self._shutting_down = shutting_down

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        status, body = await self._respond(scope, receive)
        headers = [(b"content-type", _TYPES.get(body[:1], b"text/plain"))]
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="jsonrpc"'))
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Message, receive: Receive) -> tuple[int, bytes]:
        if self._shutting_down():
            return 503, _UNAVAILABLE
        if scope["path"] != "/":
            return 404, b""
        if scope["method"] != "POST":
            return 405, b"JSONRPC server handles only POST requests"
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not rpc.is_authorised(authorization, self._user, self._password):
            await asyncio.sleep(WRONG_PASSWORD_SECONDS if authorization else 0)
            return 401, b""
        body = await _body(receive)
        return (413, b"") if body is None else await self._answer(body)


class Server(uvicorn.Server):
    """Uvicorn inside a program that handles signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the program."""
        yield


def server(application: Application) -> Server:
    """Make a server; `serve(sockets=[...])` runs it until `should_exit` is set."""
    config = uvicorn.Config(
        application,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    return Server(config)


async def _body(receive: Receive) -> bytes | None:
    """Read the whole body; None if it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
