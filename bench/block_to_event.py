"""Milliseconds from a block at the node to its event, at a webhook's receiver and at an MQTT subscriber."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiomqtt
import httpx
import sqlalchemy as sa

from app.chain import zmq_announcements
from app.db.tables import ready_keys
from bench import invoices, programs
from bench.figures import Figure
from bench.programs import Devnet, Testbed

BLOCKS = 200
MATURE_BLOCKS = 120
"""The faucet has coins to pay with after these."""
LIMIT_MILLISECONDS = 250
PATIENCE_SECONDS = 10
EVENT = "INV_TOTAL_PAYMENT_DETECTED"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Arrivals:
    """When the block and its events came, in seconds of one clock; `complete` once all have."""

    times: dict[str, float] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: str) -> None:
        self.times.setdefault(event, time.perf_counter())
        if len(self.times) == 3:
            self.complete.set()

    def clear(self) -> None:
        self.times.clear()
        self.complete.clear()


async def measure(testbed: Testbed) -> list[Figure]:
    """Mine one block after the other, each with the payment of one invoice."""
    arrivals = Arrivals()
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        await node.ask("generate", MATURE_BLOCKS)
        broker = await stack.enter_async_context(programs.running("bench.broker"))
        receiver = await stack.enter_async_context(_receiver(lambda: arrivals.note("webhook")))
        home = testbed.folder()
        settings = {
            "config": _configuration(home, receiver),
            "mqtt_url": f"mqtt://127.0.0.1:{broker.port('port')}",
            "webhook_allow_private": "true",
        }
        url = await stack.enter_async_context(testbed.database())
        kennel = await stack.enter_async_context(programs.kennel(home, url, node, **settings))
        await _keys(url)
        listeners = [_subscribe(broker.port("port"), arrivals), _hear(node, arrivals)]
        tasks = [asyncio.create_task(listener) for listener in listeners]
        try:
            milliseconds = await _pay(node, kennel.port("admin API"), arrivals)
        finally:
            for task in tasks:
                task.cancel()
    return [
        Figure(
            "block_to_event",
            "ms, p99",
            max(_p99(listener) for listener in milliseconds.values()),
            LIMIT_MILLISECONDS,
            1,
            at_most=True,
        ),
        *(
            Figure(f"block_to_{name}{suffix}", f"ms, {unit}", of(times), LIMIT_MILLISECONDS, 1, at_most=True)
            for name, times in milliseconds.items()
            for suffix, unit, of in (("", "p99", _p99), ("_median", "p50", _p50))
        ),
    ]


def _p50(times: list[float]) -> float:
    return quantiles(times, n=100)[49]


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]


def _configuration(home: Path, port: int) -> Path:
    path = home / "kennel.toml"
    path.write_text(f'[callbacks.bench]\npath = "http://127.0.0.1:{port}/"\ntypes = ["{EVENT}"]\n')
    return path


async def _keys(url: str) -> None:
    async with programs.engine(url) as engine:
        await invoices.until(engine, sa.select(sa.func.count() >= invoices.POOL).select_from(ready_keys))


async def _pay(node: Devnet, port: int, arrivals: Arrivals) -> dict[str, list[float]]:
    """Return the milliseconds to the webhook and to MQTT, of every block."""
    milliseconds: dict[str, list[float]] = {"webhook": [], "mqtt": []}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        (await client.post("/account/shop", json={})).raise_for_status()
        for number in range(BLOCKS):
            invoice = (
                (await client.post("/account/shop/invoice", content=invoices.BODY)).raise_for_status().json()
            )
            await node.ask("sendtoaddress", invoice["id"], invoice["total"])
            arrivals.clear()
            await node.ask("generate", 1)
            await asyncio.wait_for(arrivals.complete.wait(), PATIENCE_SECONDS)
            for name, times in milliseconds.items() if number else ():  # the first block opens connections
                times.append(1_000 * (arrivals.times[name] - arrivals.times["block"]))
    return milliseconds


async def _hear(node: Devnet, arrivals: Arrivals) -> None:
    """Note when the node announces a block."""
    await zmq_announcements.listen(node.zmq, {"hashblock": lambda _: arrivals.note("block")})


async def _subscribe(port: int, arrivals: Arrivals) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("kennel/inv/#", qos=1)
        async for message in client.messages:
            if isinstance(message.payload, bytes) and json.loads(message.payload)["event_type"] == EVENT:
                arrivals.note("mqtt")


@asynccontextmanager
async def _receiver(note: Callable[[], None]) -> AsyncIterator[int]:
    """Yield the port of a server that answers every request with 200."""

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
