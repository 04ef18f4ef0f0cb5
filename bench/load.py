"""A load generator that is no bottleneck: keep-alive clients, each with one request at a time."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice, pairwise
from typing import cast

CLIENTS = 64
WARM_SECONDS = 0.5
LENGTH = b"content-length: "


class Client(asyncio.Protocol):
    """Sends its requests, the next one when the one before is answered with 200, and times the answers."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.seconds: list[float] = []
        self.failure = ""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._received = b""
        self._asked = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask(self._transport)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = received.index(LENGTH) + len(LENGTH)
        length = int(received[at : received.index(b"\r", at)])
        if len(received) < head + 4 + length:
            return
        self._received = b""
        if not received.startswith(b"HTTP/1.1 200"):
            self.failure = received.decode()
            self.close()
        elif self._transport is not None:
            self.seconds.append(time.perf_counter() - self._asked)
            self._ask(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self, transport: asyncio.Transport) -> None:
        """Send the next request; close after the last one."""
        request = next(self._requests, None)
        if request is None:
            transport.close()
        else:
            self._asked = time.perf_counter()
            transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(frozen=True, slots=True)
class Load:
    """The answers that came in `seconds`, by how long each took, and how many had come before."""

    seconds: float
    times: Sequence[float]
    warm: int

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds

    @property
    def answers(self) -> int:
        """All answers, those before the measurement too."""
        return self.warm + len(self.times)

    def milliseconds(self, percent: int) -> float:
        """Return how long the slowest of this part of the answers took."""
        return 1_000 * self.times[min(len(self.times) - 1, len(self.times) * percent // 100)]


def post(path: str, body: bytes, key: str = "") -> bytes:
    """Write a POST as bytes, with an Idempotency-Key where one is given."""
    headers = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if key:
        headers.append(f"Idempotency-Key: {key}")
    return "\r\n".join([f"POST {path} HTTP/1.1", *headers, "", ""]).encode() + body


def get(path: str) -> bytes:
    """Write a GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def rate(port: int, requests: Sequence[bytes], seconds: float, clients: int = CLIENTS) -> float:
    """Return the answers per second over `seconds`; each client sends the same requests again and again."""
    return await rate_of(port, [islice(cycle(requests), n, None) for n in range(clients)], seconds)


async def rate_of(port: int, clients: Sequence[Iterator[bytes]], seconds: float) -> float:
    """Return the answers per second over `seconds`, after WARM_SECONDS."""
    return (await timed(port, clients, seconds)).rate


async def timed(port: int, clients: Sequence[Iterator[bytes]], seconds: float) -> Load:
    """Time the answers over `seconds`, after WARM_SECONDS."""
    running = [await _connect(port, requests) for requests in clients]
    await asyncio.sleep(WARM_SECONDS)
    before, began = [len(client.seconds) for client in running], time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    times = [client.seconds[first:] for client, first in zip(running, before, strict=True)]
    for client in running:
        client.close()
        await client.ended
    _check(running)
    return Load(took, sorted(chain.from_iterable(times)), sum(before))


def _check(clients: Iterable[Client]) -> None:
    failures = [client.failure for client in clients if client.failure]
    if failures:
        raise RuntimeError(failures[0][:1000])


async def once(port: int, requests: Iterable[bytes]) -> None:
    """Send each request once, one after the other."""
    client = await _connect(port, iter(requests))
    await client.ended
    _check([client])


async def milliseconds(port: int, requests: Iterable[bytes]) -> list[float]:
    """Send each request once, one after the other, and return the milliseconds of each."""
    times: list[float] = []

    def timed() -> Iterator[bytes]:
        for request in requests:
            times.append(time.perf_counter())
            yield request
        times.append(time.perf_counter())

    await once(port, timed())
    return [1_000 * (after - before) for before, after in pairwise(times)]


async def shared(port: int, requests: Iterable[bytes], clients: int = CLIENTS) -> None:
    """Send each request once; the clients take them from one queue."""
    queue = iter(requests)
    running = [await _connect(port, queue) for _ in range(clients)]
    for client in running:
        await client.ended
    _check(running)


async def _connect(port: int, requests: Iterator[bytes]) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: Client(requests), "127.0.0.1", port
    )
    return client
