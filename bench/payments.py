"""Payments per second, from the first request until the node has the last transaction: single and batched."""

import asyncio
import json
import time
from collections.abc import Sequence

import httpx
import sqlalchemy as sa

from app.db.tables import balances, payments, ready_keys
from app.money import COIN
from bench import filling, invoices, load, programs
from bench.figures import Figure
from bench.programs import Devnet, Testbed

PAYMENTS = 1_000
COINS, AT_ONCE = 1_000, 250
"""Coins of the account, and how many the faucet makes with one transaction."""
COIN_DOGE = 100
MATURE_BLOCKS = 120


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure figures that have no limit, for watching."""
    requested, alone = await _pay(testbed, batch=False)
    _, batched = await _pay(testbed, batch=True)
    return [
        Figure("payments", "1/s", alone),
        Figure("payments_batched", "1/s", batched),
        Figure("payments_asked", "1/s", requested),
    ]


async def _pay(testbed: Testbed, *, batch: bool) -> tuple[float, float]:
    """Return the payments per second until the last answer, and until the last broadcast."""
    settings = {"confirmations": 1, "pay_wait_seconds": 0}
    async with (
        testbed.database() as url,
        programs.engine(url) as engine,
        programs.devnet(testbed.folder()) as node,
        programs.kennel(testbed.folder(), url, node, **settings) as kennel,
    ):
        await invoices.until(engine, sa.select(sa.func.count() >= invoices.POOL).select_from(ready_keys))
        await node.ask("generate", MATURE_BLOCKS)
        port = kennel.port("admin API")
        await _fund(port, node)
        await invoices.until(
            engine, sa.select(sa.exists().where(balances.c.available == COINS * COIN_DOGE * COIN))
        )
        began = time.perf_counter()
        await load.shared(port, _requests(batch=batch))
        requested = time.perf_counter()
        await invoices.until(
            engine, sa.select(sa.func.count() == PAYMENTS).where(payments.c.state == "BROADCAST")
        )
        return PAYMENTS / (requested - began), PAYMENTS / (time.perf_counter() - began)


def _requests(*, batch: bool) -> Sequence[bytes]:
    bodies = ({"to": filling.address(number), "amount": "1", "batch": batch} for number in range(PAYMENTS))
    return [load.post("/account/shop/pay", json.dumps(body).encode()) for body in bodies]


async def _fund(port: int, node: Devnet) -> None:
    """Give the account its coins, in one block."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        (await client.post("/account/shop", json={})).raise_for_status()
        for _ in range(COINS // AT_ONCE):
            requested = [client.post("/account/shop/address", json={"fresh": True}) for _ in range(AT_ONCE)]
            answers = [answer.raise_for_status().json() for answer in await asyncio.gather(*requested)]
            await node.ask("sendmany", "", {answer["address"]: COIN_DOGE for answer in answers})
    await node.ask("generate", 1)
