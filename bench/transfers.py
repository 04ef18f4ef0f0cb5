"""Transfers over HTTP beside what the same PostgreSQL does with nothing before it, with few accounts and with many.

One process answers HTTP, for bulks two do, another numbers the events and does all else; they, PostgreSQL, pgbench and
who asks share the machine. Every transfer writes its two events.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count, cycle, pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import entries, outbox
from bench import filling, invoices, load, programs
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed
from bench.tpcb import Tpcb, prepared

SMALL, LARGE = 1_000, 1_000_000
CONCERNED = SMALL
"""Accounts that a bulk of a million's has to do with, to be the same request as one of a thousand's: others each time.

Among all of a million it finds 2.3 times as many different ones, and moves as many balances more: what that takes is measured
too, but it is not what having many accounts takes.
"""
ROUNDS = 7
SECONDS = 3
BULK, BULK_CLIENTS, BULK_BODIES = 1_000, 4, 64
PROCESSES = 2
"""That answer HTTP: the first alone for single transfers, all for bulks, each with as many clients."""
LONE = 300
ASSET = "gold"

_FILL = f"""
    INSERT INTO assets (code, name, decimals) VALUES ('{ASSET}', 'Gold', 2);
    INSERT INTO balances (account_id, asset, available, seq)
    SELECT id, '{ASSET}', 1000000000000, 0 FROM accounts
"""


@dataclass(slots=True)
class Bank:
    """A program whose accounts all have enough, and what it was asked so far; it answers at `ports`."""

    ports: Sequence[int]
    accounts: int
    engine: AsyncEngine
    keys: Iterator[int] = field(default_factory=count)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def spread(self) -> Iterator[bytes]:
        """Yield transfers between any two accounts."""
        while True:
            yield self._post(json.dumps(_transfer(*self._two())).encode())

    def hot(self) -> Iterator[bytes]:
        """Yield transfers of one account."""
        while True:
            yield self._post(json.dumps(_transfer(0, self.chance.randrange(1, self.accounts))).encode())

    def bulk(self, concerned: int) -> Iterator[bytes]:
        """Yield requests of many transfers, each among so many accounts that were drawn for it.

        They are written beforehand, but anew for each time that they are measured: accounts that were asked before are
        in the processor's caches.
        """
        everybody = range(self.accounts)
        drawn = concerned < self.accounts
        bodies = [
            self._bulk(self.chance.sample(everybody, concerned) if drawn else everybody)
            for _ in range(BULK_BODIES)
        ]
        return (self._post(body) for body in cycle(bodies))

    async def rate(self, requests: Iterator[bytes]) -> float:
        """Return the answers per second, after all that was told before is numbered."""
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
        """Return how long a transfer takes that is alone."""
        await self.rest()
        marks: list[float] = []

        def marked() -> Iterator[bytes]:
            for _, request in zip(range(LONE), self.spread(), strict=False):
                marks.append(time.perf_counter())
                yield request
            marks.append(time.perf_counter())

        await load.once(self.ports[0], marked())
        return 1_000 * median(after - before for before, after in pairwise(marks))

    async def rest(self) -> None:
        """Wait until the relay has numbered everything."""
        await invoices.until(self.engine, sa.select(~sa.exists().select_from(outbox)))

    async def try_out(self) -> None:
        """Make sure that what is measured is done, not refused."""
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
    """What one round measured: per second, and milliseconds."""

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
    return _figures(rounds)


async def _round(limit: Tpcb, small: Bank, large: Bank) -> Round:
    """Measure each beside what it is held against."""
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
        return [getattr(one, name) for one in rounds]

    def inverse(name: str) -> list[float]:
        return [1_000 / value for value in of(name)]

    scale = Terms("transfers_scale", "ms", 1.3, at_most=True)
    return [
        of_rounds(Terms("transfers_bulk", "1/s", 4.0), of("bulk"), of("tpcb")),
        of_rounds(Terms("transfers_single", "1/s", 0.6), of("spread"), of("tpcb")),
        of_rounds(Terms("transfers_hot", "1/s", 0.95), of("hot"), of("spread")),
        of_rounds(Terms("transfers_lone", "ms"), of("lone"), of("tpcb_lone")),
        of_rounds(scale, of("lone_large"), of("lone")),
        of_rounds(replace(scale, name="transfers_scale_single"), inverse("spread_large"), inverse("spread")),
        of_rounds(replace(scale, name="transfers_scale_bulk"), inverse("concerned_large"), inverse("bulk")),
        of_rounds(Terms("transfers_scale_among_all", "ms"), inverse("bulk_large"), inverse("bulk")),
    ]


@asynccontextmanager
async def _bank(testbed: Testbed, node: Devnet, accounts: int) -> AsyncIterator[Bank]:
    """Fill a database and run the program on it, as some that answer and one that does the rest."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(testbed.database())
        engine = await stack.enter_async_context(programs.engine(url))
        async with engine.begin() as db:
            await filling.fill(db, accounts, 1, {})
            for statement in _FILL.split(";"):
                await db.execute(sa.text(statement))
        raw = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with raw.connect() as db:
            await db.execute(sa.text("SET statement_timeout = 0"))
            await db.execute(sa.text("VACUUM ANALYZE"))
        await stack.enter_async_context(
            programs.kennel(testbed.folder(), url, node, roles="follow,send,relay")
        )
        answering = [
            await stack.enter_async_context(programs.kennel(testbed.folder(), url, node, roles="http"))
            for _ in range(PROCESSES)
        ]
        bank = Bank([kennel.port("admin API") for kennel in answering], accounts, engine)
        await bank.try_out()
        yield bank
