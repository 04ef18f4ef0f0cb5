"""A way by TCP that can fall silent: nothing gets through any more, and nobody is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Proxy:
    """Leads to a socket of PostgreSQL. `silence` swallows what goes over the connections that there are."""

    target: str
    port: int = 0
    _open: set[asyncio.Event] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def silence(self) -> None:
        """Let nothing through any more on what is open, as a NAT does that forgets, or a host that has lost its power."""
        for passing in self._open:
            passing.clear()
        self._open = set()

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.Event()
        passing.set()
        self._open.add(passing)
        there, back = await asyncio.open_unix_connection(self.target)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(_pass_on(source, sink, passing))
            self._tasks.add(task)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, passing: asyncio.Event) -> None:
    with suppress(ConnectionError):
        try:
            while piece := await source.read(1 << 16):
                await passing.wait()
                sink.write(piece)
                await sink.drain()
            await passing.wait()
        finally:
            sink.close()


@asynccontextmanager
async def before(database: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Lead to the database of this URL; yields the proxy, and the URL that leads through it."""
    parts = urlsplit(database)
    proxy = Proxy(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    server = await asyncio.start_server(proxy.lead, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    finally:
        server.close()
        await proxy.close()


@asynccontextmanager
async def nobody() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Listen, take connections and never say a word; yields the port, and what tells that somebody has come."""
    come, gone = asyncio.Event(), asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come.set()
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1]), come
    finally:
        gone.set()
        server.close()
