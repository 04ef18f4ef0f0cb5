"""Invoices created per second over HTTP, and the memory of the process that made them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import outbox, ready_keys
from bench import load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed

ROUNDS = 3
SECONDS = 2.5
ACCOUNTS = 100
MEMORY_BYTES = 200 * 1024 * 1024
POOL = 10_000
UNTIL_SECONDS = 60

BODY = json.dumps(
    {
        "items": [
            {"type": "item", "name": "Plush", "sku": "P1", "value": "10", "quantity": 3},
            {"type": "shipping", "name": "Post", "value": "2", "quantity": 1},
            {"type": "tax", "name": "Tax", "value": "10", "quantity": 1},
        ]
    }
).encode()


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure the limit, one account and many accounts in turn."""
    one = [load.post("/account/shop-0/invoice", BODY)]
    many = [load.post(f"/account/shop-{n}/invoice", BODY) for n in range(ACCOUNTS)]
    limits, hot, spread = [], [], []
    async with (
        testbed.database() as url,
        programs.engine(url) as engine,
        programs.devnet(testbed.folder()) as node,
        programs.kennel(testbed.folder(), url, node) as kennel,
        programs.running("bench.bare") as bare,
    ):
        await until(engine, sa.select(sa.func.count() >= POOL).select_from(ready_keys))
        accounts = [load.post(f"/account/shop-{n}", b"{}") for n in range(ACCOUNTS)]
        await load.once(kennel.port("admin API"), accounts)
        for _ in range(ROUNDS):
            await until(engine, sa.select(~sa.exists().select_from(outbox)))
            limits.append(await load.rate(bare.port("port"), one, SECONDS))
            hot.append(await load.rate(kennel.port("admin API"), one, SECONDS))
            spread.append(await load.rate(kennel.port("admin API"), many, SECONDS))
        memory = kennel.resident_bytes()
    return [
        of_rounds(Terms("invoices", "1/s", 0.6), hot, limits),
        of_rounds(Terms("invoices_spread", "1/s", 0.6), spread, limits),
        Figure("memory", "bytes", memory, MEMORY_BYTES, 1.0, at_most=True),
    ]


@asynccontextmanager
async def ready_program(testbed: Testbed, node: Devnet | None = None) -> AsyncIterator[programs.Process]:
    """Yield a program that does all that there is to do, once it has made its keys; with a node of its own, if none is named."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        if node is None:
            node = await stack.enter_async_context(programs.devnet(testbed.folder()))
        running = await stack.enter_async_context(programs.kennel(testbed.folder(), url, node))
        async with programs.engine(url) as engine:
            await until(engine, sa.select(sa.func.count() >= POOL).select_from(ready_keys))
        yield running


async def until(engine: AsyncEngine, condition: sa.Select[bool], pause: float = 0.1) -> None:
    """Wait until the program has done the work behind its requests; look every `pause` seconds."""
    for _ in range(round(UNTIL_SECONDS / pause)):
        async with engine.connect() as db:
            if await db.scalar(condition):
                return
        await asyncio.sleep(pause)
    raise RuntimeError(f"never came true: {condition}")
