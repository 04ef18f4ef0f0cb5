"""Payments per second, from the first request until the node has the last transaction, beside single transfers."""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from app.db.tables import balances, payments
from app.money import COIN
from bench import filling, invoices, load, programs, shop
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed
from bench.shop import Shop

ROUNDS, PAYMENTS = 3, 300
COINS, AT_ONCE = 1_800, 100
"""Coins of the account, and how many the faucet makes with one transaction: one for each payment."""
COIN_DOGE = 100
ACCOUNTS = 100
"""Accounts between which money is transferred."""
SECONDS = 1.5
GOAL = 0.5
LOOK_SECONDS = 0.02
"""A hundredth of a round: looking more seldom would be what is measured."""
ASSET = json.dumps({"code": "gold", "name": "Gold", "decimals": 2}).encode()
OPENING = json.dumps({"opening": {"gold": "1000000"}}).encode()


class Rates(NamedTuple):
    """Per second: requests answered, and payments that the node has."""

    requested: float
    broadcast: float


@dataclass(slots=True)
class Payer:
    """The account `shop`, whose payments go to addresses that were never paid before."""

    shop: Shop
    paid: int = field(default=0)

    @property
    def port(self) -> int:
        """Where the merchant's API listens."""
        return self.shop.kennel.port("admin API")

    async def pay(self, *, batch: bool) -> Rates:
        """Ask for payments with all clients, and wait until the node has all."""
        requests = [self._request(batch=batch) for _ in range(PAYMENTS)]
        began = time.perf_counter()
        await load.shared(self.port, requests)
        requested = time.perf_counter()
        sent = sa.select(sa.func.count() == self.paid).where(payments.c.state == "BROADCAST")
        await invoices.until(self.shop.engine, sent, LOOK_SECONDS)
        return Rates(PAYMENTS / (requested - began), PAYMENTS / (time.perf_counter() - began))

    def _request(self, *, batch: bool) -> bytes:
        body = {"to": filling.address(self.paid), "amount": "1", "batch": batch}
        self.paid += 1
        return load.post("/account/shop/pay", json.dumps(body).encode())

    async def transfer(self) -> float:
        """Return the single transfers per second of as many clients."""
        return await load.rate_of(self.port, [_transfers(n) for n in range(load.CLIENTS)], SECONDS)


def _transfers(client: int) -> Iterator[bytes]:
    """Yield transfers between any two accounts."""
    chance = random.Random(client)
    while True:
        payer, payee = chance.sample(range(ACCOUNTS), 2)
        body = {"from": f"shop-{payer}", "to": f"shop-{payee}", "asset": "gold", "amount": "0.01"}
        yield load.post("/transfers", json.dumps(body).encode(), key=secrets.token_hex(8))


async def measure(testbed: Testbed) -> list[Figure]:
    """Pay one by one, transfer, and pay in batches, in turn."""
    settings = {"confirmations": 1, "pay_wait_seconds": 0}
    async with (
        programs.devnet(testbed.folder()) as node,
        shop.opened(testbed, node, **settings) as opened,
    ):
        await _fund(opened)
        payer = Payer(opened)
        single, batched, transfers = [], [], []
        for _ in range(ROUNDS):
            single.append(await payer.pay(batch=False))
            transfers.append(await payer.transfer())
            batched.append(await payer.pay(batch=True))
    alone = [rates.broadcast for rates in single]
    return [
        of_rounds(Terms("payments", "1/s", GOAL), alone, transfers),
        of_rounds(Terms("payments_batched", "1/s"), [rates.broadcast for rates in batched], transfers),
        of_rounds(Terms("payments_asked", "1/s"), [rates.requested for rates in single], transfers),
    ]


async def _fund(opened: Shop) -> None:
    """Give the account its coins, in one block, and the others what they transfer."""
    for _ in range(COINS // AT_ONCE):
        asked = [opened.admin.post("/account/shop/address", json={"fresh": True}) for _ in range(AT_ONCE)]
        answers = [answer.raise_for_status().json() for answer in await asyncio.gather(*asked)]
        await opened.node.ask("sendmany", "", {answer["address"]: COIN_DOGE for answer in answers})
    await opened.mine()
    funded = sa.select(sa.exists().where(balances.c.available == COINS * COIN_DOGE * COIN))
    await invoices.until(opened.engine, funded)
    accounts = [load.post(f"/account/shop-{n}", OPENING) for n in range(ACCOUNTS)]
    await load.once(opened.kennel.port("admin API"), [load.post("/assets", ASSET), *accounts])
