"""When things come: what the node announces, and posts at a receiver of webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles

from app.chain import zmq_announcements
from bench.programs import Devnet

PATIENCE_SECONDS = 10
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Arrivals:
    """When each of the things that are `awaited` came, in seconds of one clock; `complete` once all have."""

    awaited: frozenset[str]
    times: dict[str, float] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, name: str) -> None:
        """Something has come now; only the first time counts."""
        self.times.setdefault(name, time.perf_counter())
        if self.awaited <= self.times.keys():
            self.complete.set()

    def clear(self) -> None:
        """Forget what came."""
        self.times.clear()
        self.complete.clear()

    async def all(self) -> None:
        """Wait until everything has come."""
        await asyncio.wait_for(self.complete.wait(), PATIENCE_SECONDS)

    def milliseconds(self, first: str, last: str) -> float:
        """Return how long after the first the last came."""
        return 1_000 * (self.times[last] - self.times[first])

    async def hear(self, node: Devnet, topic: str, name: str) -> None:
        """Note each announcement of the node as `name`, until cancelled."""
        await zmq_announcements.listen(node.zmq, {topic: lambda _: self.note(name)})


def p50(times: list[float]) -> float:
    """Return the median."""
    return quantiles(times, n=100, method="inclusive")[49]


def p99(times: list[float]) -> float:
    """Return what 99 of 100 stay below."""
    return quantiles(times, n=100, method="inclusive")[98]


@asynccontextmanager
async def receiver(note: Callable[[], None]) -> AsyncIterator[int]:
    """Yield the port of a server that notes every request and answers it with 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            note()
            writer.write(ANSWER)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def listening(*listeners: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run listeners for as long as the block lasts."""
    tasks = [asyncio.create_task(listener) for listener in listeners]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
