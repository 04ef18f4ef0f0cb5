"""Invoices and blocks with 20,000 transactions of strangers in the node's mempool, beside those without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

from bench import arrivals, invoices, load, programs, shop
from bench.arrivals import Arrivals
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed
from bench.shop import Shop

STRANGERS = 20_000
ROUNDS, SECONDS, BLOCKS = 5, 1, 15
GOAL = 0.95
EVENT = "INV_TOTAL_PAYMENT_DETECTED"


@dataclass(frozen=True, slots=True)
class Side:
    """A program before a node, and what comes of its blocks."""

    shop: Shop
    arrivals: Arrivals

    async def invoices(self) -> float:
        """Return the invoices created per second."""
        request = load.post("/account/shop/invoice", invoices.BODY)
        return await load.rate(self.shop.kennel.port("admin API"), [request], SECONDS)

    async def milliseconds(self) -> float:
        """Return the median milliseconds from a block with a payment to its event at a webhook's receiver."""
        times = []
        for _ in range(BLOCKS):
            await self.shop.pay(await self.shop.invoice())
            self.arrivals.clear()
            await self.shop.mine()
            await self.arrivals.all()
            times.append(self.arrivals.milliseconds("block", "webhook"))
        return median(times)


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure both sides in turn; no block has room for the strangers."""
    async with (
        programs.devnet(testbed.folder()) as quiet_node,
        programs.crowded_devnet(testbed.folder(), STRANGERS) as crowded_node,
        _side(testbed, quiet_node) as quiet,
        _side(testbed, crowded_node) as crowded,
    ):
        await crowded.milliseconds()  # the first look at so many takes a while
        await quiet.milliseconds()
        made = [(await crowded.invoices(), await quiet.invoices()) for _ in range(ROUNDS)]
        connected = [(await crowded.milliseconds(), await quiet.milliseconds()) for _ in range(ROUNDS)]
    block = Terms("strangers_block", "ms", round(1 / GOAL, 2), at_most=True)
    return [
        of_rounds(Terms("strangers_invoices", "1/s", GOAL), *zip(*made, strict=True)),
        of_rounds(block, *zip(*connected, strict=True)),
    ]


@asynccontextmanager
async def _side(testbed: Testbed, node: Devnet) -> AsyncIterator[Side]:
    times = Arrivals(frozenset({"block", "webhook"}))
    async with arrivals.receiver(lambda: times.note("webhook")) as port:
        config = shop.callback(testbed.folder(), port, EVENT)
        async with (
            shop.opened(testbed, node, config=config, webhook_allow_private="true") as opened,
            arrivals.listening(times.hear(node, "hashblock", "block")),
        ):
            yield Side(opened, times)
