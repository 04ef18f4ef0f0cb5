"""HTTP listeners in the program's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn

GRACE_SECONDS: Final = 5
"""How long requests may take to end when the program stops."""
KEEP_ALIVE_SECONDS: Final = 30
BACKLOG: Final = 2048


class CannotListen(Exception):
    """Cannot listen on {0}: {1}."""

    def __str__(self) -> str:
        """Say where and why."""
        return (self.__doc__ or "").format(*self.args)


class _Server(uvicorn.Server):
    """Leaves the signals to the program: it stops its parts in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` within the block; yields the port, which is a free one where 0 was asked for."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def _listen(host: str, port: int) -> socket.socket:
    """Open a listener that says it is TCP: asyncio switches Nagle's algorithm off only where it knows."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(f"{host}:{port}", error.strerror or error) from None
    return listener
