"""A TCP proxy that can fall silent: it forwards nothing any more, and no side notices. And it can say more than the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Proxy:
    """Forwards to a socket of PostgreSQL. `silence` stops that for all open connections.

    After an answer that has the text `after` the client hears `message` too, as if the server had sent it.
    """

    target: str
    port: int = 0
    after: bytes = b""
    message: bytes = b""
    _open: set[asyncio.Event] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def silence(self) -> None:
        """Forward nothing on open connections, as a NAT after its timeout, or a host without power."""
        for open_gate in self._open:
            open_gate.clear()
        self._open = set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_gate = asyncio.Event()
        open_gate.set()
        self._open.add(open_gate)
        server_reader, server_writer = await asyncio.open_unix_connection(self.target)
        ways = ((reader, server_writer, bytes), (server_reader, writer, self._answer))
        for source, sink, change in ways:
            task = asyncio.create_task(_pass_on(source, sink, open_gate, change))
            task.add_done_callback(partial(_close, sink))
            self._tasks.add(task)

    def _answer(self, piece: bytes) -> bytes:
        return piece + self.message if self.after in piece else piece

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pass_on(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    open_gate: asyncio.Event,
    change: Callable[[bytes], bytes],
) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(1 << 16):
            await open_gate.wait()
            sink.write(change(piece))
            await sink.drain()
        await open_gate.wait()


def _close(sink: asyncio.StreamWriter, _: asyncio.Task[None]) -> None:
    """Close also for a task that was cancelled before its first step."""
    sink.close()


@asynccontextmanager
async def before(database: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Forward to the database of this URL; yields the proxy, and the URL through it."""
    parts = urlsplit(database)
    proxy = Proxy(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    server = await asyncio.start_server(proxy.forward, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    finally:
        server.close()
        await proxy.close()


@asynccontextmanager
async def nobody() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Accept connections and never answer; yields the port, and an event for the first connection."""
    connected, closing = asyncio.Event(), asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await closing.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1]), connected
    finally:
        closing.set()
        server.close()
