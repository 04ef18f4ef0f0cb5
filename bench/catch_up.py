"""Blocks and transactions per second while catching up, against a loop that only fetches the blocks."""

import time
from collections.abc import Iterator
from itertools import count

from app.chain import header
from app.chain.batch_size import BATCH
from app.chain.follower import Follower
from app.chain.node import Node
from app.db import Db
from app.domain import blocks
from app.domain.blocks import Header, Rules
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from bench import chains, filling, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed
from devnet import mining

ROUNDS = 3
BLOCKS = 2_000
ACCOUNTS, EACH = 1_000, 100
FILLED = "template_watched"


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure limit and value in turn, each value on a fresh copy of the database with 100,000 addresses.

    The node checks each block that it reads, as Core does. A shop's two days away have a payment in every
    fifth block, an exchange's two in each. The devnet without the check serves blocks several times as fast
    as any real node.
    """
    await _fill(testbed)
    shop, exchange = testbed.folder(), testbed.folder()
    chains.write(shop, BLOCKS, _watched(), lambda height: height % 5 == 0)
    chains.write(exchange, BLOCKS, _watched(), lambda _: 2)
    async with programs.checking_devnet(shop) as devnet:
        limits, values = await rounds(testbed, devnet)
    async with programs.checking_devnet(exchange) as devnet:
        busy = await rounds(testbed, devnet)
    async with programs.devnet(shop) as devnet:
        fast = await rounds(testbed, devnet)
    transaction_rates = [[chains.TRANSACTIONS * rate for rate in rates] for rates in (values, limits)]
    return [
        of_rounds(Terms("catch_up", "blocks/s", 0.5), values, limits),
        of_rounds(Terms("catch_up_transactions", "1/s", 0.5), *transaction_rates),
        of_rounds(Terms("catch_up_exchange", "blocks/s", 0.5), busy[1], busy[0]),
        of_rounds(Terms("catch_up_devnet", "blocks/s"), fast[1], fast[0]),
    ]


def _watched() -> Iterator[bytes]:
    """Yield the scripts of all accounts in turn, so that a block seldom pays the same account twice."""
    for number in count():
        yield filling.script(number % ACCOUNTS * filling.STRIDE + number // ACCOUNTS)


async def rounds(testbed: Testbed, devnet: Devnet, template: str = FILLED) -> tuple[list[float], list[float]]:
    """Return the rates of fetching, and of following on fresh copies of the database `template`."""
    limits, values = [], []
    for _ in range(ROUNDS):
        limits.append(await _fetch(devnet.url))
        async with testbed.database(template) as url:
            values.append(await _follow(devnet.url, url))
    return limits, values


async def _fill(testbed: Testbed) -> None:
    async with testbed.database() as url:
        async with programs.engine(url) as engine, engine.begin() as db:
            await filling.fill(db, ACCOUNTS, EACH, {})
            await begin(db)
        await testbed.administer(f"CREATE DATABASE {FILLED} TEMPLATE {url_name(url)}")


async def begin(db: Db) -> None:
    """Begin to follow at the first block of regtest."""
    first = header.parse_header(mining.GENESIS[: header.HEADER_BYTES])
    await blocks.start(db, [Header(0, first.hash, first.previous, first.time, header.work(first.bits))])


def url_name(url: str) -> str:
    return url.split("?", maxsplit=1)[0].rpartition("/")[2]


async def _fetch(node_url: str) -> float:
    """Fetch all blocks in the follower's batches; returns blocks per second."""
    async with Node(node_url) as node:
        began = time.perf_counter()
        for first in range(1, BLOCKS + 1, BATCH):
            await node.blocks(await node.hashes(first, min(BATCH, BLOCKS - first + 1)))
        return BLOCKS / (time.perf_counter() - began)


async def _follow(node_url: str, database: str) -> float:
    """Follow the chain from its first block to its last; returns blocks per second."""
    async with Node(node_url) as node, programs.engine(database) as engine:
        follower = Follower(
            engine, node, Rules(REGTEST, confirmations=6), Lease(engine, "follow", "bench"), lambda: None
        )
        began = time.perf_counter()
        while await follower.step():
            pass
        rate = BLOCKS / (time.perf_counter() - began)
        async with engine.connect() as db:
            tip = await blocks.tip(db)
        assert tip is not None
        assert tip.height == BLOCKS
        await follower.close()
        return rate
