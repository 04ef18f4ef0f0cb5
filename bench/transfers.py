"""Transfers over HTTP beside what the same PostgreSQL does without Kennel, with few accounts and with many.

One process answers HTTP (two for bulks), another numbers the events and does all else. They share the machine
with PostgreSQL, pgbench and the load generator. Every transfer writes its two events.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count, cycle, islice
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import entries, outbox
from bench import filling, invoices, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Process, Testbed
from bench.tpcb import Tpcb, prepared

SMALL, LARGE = 1_000, 1_000_000
CONCERNED = SMALL
"""How many accounts a bulk among a million is drawn from, so that it moves as many as one among a thousand.

A bulk among all of a million finds 2.3 times as many different accounts and moves as many balances more. That
is measured too, but it is not the cost of having many accounts.
"""
ROUNDS = 5
SECONDS = 2
BULK, BULK_CLIENTS, BULK_BODIES = 1_000, 4, 64
PROCESSES = 2
"""Processes that answer HTTP: the first one for single transfers, all of them for bulks."""
LONE = 300
MEMORY_BYTES = 150 * 1024 * 1024
ASSET = "gold"

FILL = f"""
    INSERT INTO assets (code, name, decimals) VALUES ('{ASSET}', 'Gold', 2);
    INSERT INTO balances (account_id, asset, available, seq)
    SELECT id, '{ASSET}', 1000000000000, 0 FROM accounts
"""


@dataclass(slots=True)
class Bank:
    """A running program whose accounts all have enough, and its processes that answer HTTP."""

    answering: Sequence[Process]
    accounts: int
    engine: AsyncEngine
    keys: Iterator[int] = field(default_factory=count)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def ports(self) -> Sequence[int]:
        """Where they answer."""
        return [process.port("admin API") for process in self.answering]

    def spread(self) -> Iterator[bytes]:
        """Yield transfers between any two accounts."""
        while True:
            yield self._post(json.dumps(_transfer(*self._two())).encode())

    def hot(self) -> Iterator[bytes]:
        """Yield transfers of one account."""
        while True:
            yield self._post(json.dumps(_transfer(0, self.chance.randrange(1, self.accounts))).encode())

    def bulk(self, concerned: int) -> Iterator[bytes]:
        """Yield requests of many transfers, each among `concerned` accounts that are drawn for it.

        They are written before the measurement, and anew for each one: the processor's caches hold accounts
        that were read before.
        """
        accounts = range(self.accounts)
        drawn = concerned < self.accounts
        bodies = [
            self._bulk(self.chance.sample(accounts, concerned) if drawn else accounts)
            for _ in range(BULK_BODIES)
        ]
        return (self._post(body) for body in cycle(bodies))

    async def rate(self, requests: Iterator[bytes]) -> float:
        """Return the answers per second, after all events so far are numbered."""
        await self.rest()
        return await load.rate_of(self.ports[0], [requests] * load.CLIENTS, SECONDS)

    async def bulk_rate(self, concerned: int) -> float:
        """Return the transfers per second of bulks, in all processes."""
        requests = self.bulk(concerned)
        await self.rest()
        clients = [requests] * (BULK_CLIENTS // len(self.ports))
        return BULK * sum(
            await asyncio.gather(*(load.rate_of(port, clients, SECONDS) for port in self.ports))
        )

    async def milliseconds(self) -> float:
        """Return the milliseconds of a transfer when only one runs."""
        await self.rest()
        return median(await load.milliseconds(self.ports[0], islice(self.spread(), LONE)))

    async def rest(self) -> None:
        """Wait until the sequencer has numbered everything."""
        await invoices.until(self.engine, sa.select(~sa.exists().select_from(outbox)))

    async def try_out(self) -> None:
        """Raise where a transfer would be refused."""
        await load.once(self.ports[0], [next(self.bulk(self.accounts))])
        async with self.engine.connect() as db:
            if await db.scalar(sa.select(sa.func.count()).select_from(entries)) != BULK:
                raise RuntimeError("some transfers were refused")

    def _two(self) -> Sequence[int]:
        return self.chance.sample(range(self.accounts), 2)

    def _bulk(self, accounts: Sequence[int]) -> bytes:
        return json.dumps(
            {"transfers": [_transfer(*self.chance.sample(accounts, 2)) for _ in range(BULK)]}
        ).encode()

    def _post(self, body: bytes) -> bytes:
        return load.post("/transfers", body, key=str(next(self.keys)))


def _transfer(payer: int, payee: int) -> dict[str, Any]:
    return {"from": f"shop-{payer}", "to": f"shop-{payee}", "asset": ASSET, "amount": "0.01"}


@dataclass(slots=True)
class Round:
    """What one round measured, per second and in milliseconds."""

    tpcb: float
    tpcb_lone: float
    spread: float
    hot: float
    bulk: float
    lone: float
    spread_large: float
    bulk_large: float
    concerned_large: float
    lone_large: float


async def measure(testbed: Testbed) -> list[Figure]:
    """Measure everything in turn, round by round."""
    async with (
        prepared(testbed) as limit,
        programs.devnet(testbed.folder()) as node,
        _bank(testbed, node, SMALL) as small,
        _bank(testbed, node, LARGE) as large,
    ):
        await testbed.administer("CHECKPOINT")
        rounds = [await _round(limit, small, large) for _ in range(ROUNDS)]
        memory = max(map(Process.resident_bytes, small.answering))
    return [*_figures(rounds), Figure("memory_http", "bytes", memory, MEMORY_BYTES, 1, at_most=True)]


async def _round(limit: Tpcb, small: Bank, large: Bank) -> Round:
    """Measure each figure beside the one that it is compared with."""
    return Round(
        hot=await small.rate(small.hot()),
        spread=await small.rate(small.spread()),
        spread_large=await large.rate(large.spread()),
        tpcb=await limit.rate(load.CLIENTS, SECONDS),
        bulk=await small.bulk_rate(SMALL),
        bulk_large=await large.bulk_rate(LARGE),
        concerned_large=await large.bulk_rate(CONCERNED),
        lone=await small.milliseconds(),
        lone_large=await large.milliseconds(),
        tpcb_lone=await limit.milliseconds(LONE),
    )


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    def of(name: str) -> list[float]:
        return [getattr(round_, name) for round_ in rounds]

    def inverse(name: str) -> list[float]:
        return [1_000 / value for value in of(name)]

    scale = Terms("transfers_scale", "ms", 1.3, at_most=True)
    return [
        of_rounds(Terms("transfers_bulk", "1/s", 6), of("bulk"), of("tpcb")),
        of_rounds(Terms("transfers_single", "1/s", 1.3), of("spread"), of("tpcb")),
        of_rounds(Terms("transfers_hot", "1/s", 1.1), of("hot"), of("spread")),
        of_rounds(Terms("transfers_lone", "ms", 2, at_most=True), of("lone"), of("tpcb_lone")),
        of_rounds(scale, of("lone_large"), of("lone")),
        of_rounds(replace(scale, name="transfers_scale_single"), inverse("spread_large"), inverse("spread")),
        of_rounds(replace(scale, name="transfers_scale_bulk"), inverse("concerned_large"), inverse("bulk")),
        of_rounds(Terms("transfers_scale_among_all", "ms"), inverse("bulk_large"), inverse("bulk")),
    ]


@asynccontextmanager
async def _bank(testbed: Testbed, node: Devnet, accounts: int) -> AsyncIterator[Bank]:
    """Fill a database and run the program on it: processes that answer HTTP, and one that does the rest."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        engine = await stack.enter_async_context(programs.engine(url))
        async with engine.begin() as db:
            await filling.fill(db, accounts, 1, {})
            for statement in FILL.split(";"):
                await db.execute(sa.text(statement))
        await programs.vacuum(engine)
        await stack.enter_async_context(
            programs.kennel(testbed.folder(), url, node, roles="follow,send,relay")
        )
        answering = [
            await stack.enter_async_context(programs.kennel(testbed.folder(), url, node, roles="http"))
            for _ in range(PROCESSES)
        ]
        bank = Bank(answering, accounts, engine)
        await bank.try_out()
        yield bank
