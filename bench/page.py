"""From the node's acceptance of a payment to the payer's page; the pages that one process keeps open at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from app.runtime import open_files
from bench import cpu_time, programs, shop
from bench.arrivals import Arrivals, listening, p50, p99
from bench.figures import Figure
from bench.programs import Testbed
from bench.shop import Shop

PAYMENTS, AMONG_MANY = 150, 100
"""Payments with one page open, and with all."""
LIMIT_MILLISECONDS = 1_000
AIM_MILLISECONDS = 150
STREAMS, AT_ONCE = 2_000, 50
"""Pages that are open, and how many come together."""
SECONDS = 5
LIMITS = {
    "public_connections": 2 * STREAMS,
    "public_streams": STREAMS + AT_ONCE,
    "streams_per_address": STREAMS + AT_ONCE,
    "public_requests": 1_000_000,
    "requests_per_address": 1_000_000,
}
SEEN = b'"state":"seen"'


@dataclass(frozen=True, slots=True)
class Payers:
    """The customers of a shop: each has a page open, which hears of its invoice by a stream."""

    shop: Shop
    public: httpx.AsyncClient
    arrivals: Arrivals

    async def milliseconds(self) -> float:
        """Pay an invoice, and return how long after the node took it the page is there that says so."""
        invoice = await self.shop.invoice()
        async with AsyncExitStack() as stack:
            reader = await stack.enter_async_context(self.stream(invoice["id"]))
            self.arrivals.clear()
            await self.shop.pay(invoice)
            await asyncio.wait_for(reader.readuntil(SEEN), LIMIT_MILLISECONDS)
            page = await self.public.get(f"/pay/{invoice['id']}", params={"token": invoice["token"]})
            self.arrivals.note("page")
        if 'data-state="seen"' not in page.text:
            raise RuntimeError(page.text)
        await self.arrivals.all()
        return self.arrivals.milliseconds("accepted", "page")

    @asynccontextmanager
    async def stream(self, invoice_id: str) -> AsyncIterator[asyncio.StreamReader]:
        """Open a stream, and yield what comes after the first status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.shop.kennel.port("public API"))
        try:
            writer.write(f"GET /invoice/{invoice_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readuntil(b"event: status")
            yield reader
        finally:
            writer.close()


async def measure(testbed: Testbed) -> list[Figure]:
    """Pay with one page open, then with all of them."""
    open_files.raise_limit()
    async with _payers(testbed) as payers:
        alone = [await payers.milliseconds() for _ in range(PAYMENTS)]
        many = await _among_many(payers, testbed.postmaster)
    return [
        Figure("seen_to_page", "ms, p99", p99(alone), LIMIT_MILLISECONDS, 1, at_most=True),
        Figure("seen_to_page_aim", "ms, p99", p99(alone), AIM_MILLISECONDS),
        Figure("seen_to_page_median", "ms", p50(alone)),
        *many,
    ]


async def _among_many(payers: Payers, postmaster: int) -> list[Figure]:
    """Measure what all the pages take, and how long a payment takes to one more of them."""
    kennel = payers.shop.kennel
    address = (await payers.shop.invoice())["id"]
    before = kennel.resident_bytes()
    async with AsyncExitStack() as stack:
        for _ in range(STREAMS // AT_ONCE):
            await asyncio.gather(*(stack.enter_async_context(payers.stream(address)) for _ in range(AT_ONCE)))
        taken = kennel.resident_bytes() - before
        cpu, began = cpu_time.of(kennel.pid, postmaster), time.perf_counter()
        await asyncio.sleep(SECONDS)
        cpu = cpu_time.of(kennel.pid, postmaster) - cpu
        percent = 100 * cpu / (time.perf_counter() - began)
        times = [await payers.milliseconds() for _ in range(AMONG_MANY)]
    return [
        Figure("streams", "open", STREAMS, STREAMS, 1),
        Figure("streams_memory", "bytes each", taken / STREAMS),
        Figure("streams_cpu", "% of a processor", percent),
        Figure("streams_seen_to_page", "ms, p99", p99(times), LIMIT_MILLISECONDS, 1, at_most=True),
    ]


@asynccontextmanager
async def _payers(testbed: Testbed) -> AsyncIterator[Payers]:
    arrivals = Arrivals(frozenset({"accepted", "page"}))
    async with programs.devnet(testbed.folder()) as node, shop.opened(testbed, node, **LIMITS) as opened:
        url = f"http://127.0.0.1:{opened.kennel.port('public API')}"
        async with (
            listening(arrivals.hear(node, "hashtx", "accepted")),
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as public,
        ):
            yield Payers(opened, public, arrivals)
