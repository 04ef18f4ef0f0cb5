"""HTTP listeners in the program's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import ASGIApp

from app.errors import OperatorError
from app.runtime.http.connection import HttpConnection
from app.runtime.http.limits import Connections, Limits
from app.runtime.http.refusals import Refuse

GRACE_SECONDS: Final = 5
"""How long requests may take to end after the program was told to stop."""
BACKLOG: Final = 2048
TICK_SECONDS: Final = 1.0


class CannotListen(OperatorError):
    """Cannot listen on {0}: {1}."""

    def __str__(self) -> str:
        """Say where and why."""
        return (self.__doc__ or "").format(*self.args)


@asynccontextmanager
async def serving(
    app: ASGIApp, host: str, port: int, refuse: Refuse, limits: Limits | None = None
) -> AsyncIterator[int]:
    """Serve `app` within the block; yields the port, a free one for the port 0."""
    connections = Connections(limits or Limits())
    listener = _listen(host, port, connections.limits)
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(app, connections, refuse), sock=listener, backlog=BACKLOG
    )
    ticking = asyncio.create_task(_tick(connections))
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        await connections.end(GRACE_SECONDS)
        ticking.cancel()


async def _tick(connections: Connections) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        connections.tick(loop.time())


def _listen(host: str, port: int, limits: Limits) -> socket.socket:
    """Open a listener that names TCP: asyncio switches Nagle's algorithm off only where it is named."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if limits.shares_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if limits.receive_buffer_bytes is not None:  # connections inherit it from their listener
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.receive_buffer_bytes)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"{host}:{port}", error.strerror or error) from None
    return listener
