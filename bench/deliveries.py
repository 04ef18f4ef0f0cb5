"""Webhooks of one process: deliveries a second from commit to answer, what a dead endpoint costs, latency."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from statistics import quantiles

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.domain.outbox import OutboxEvent
from app.events import address_filter
from app.events.http_post import Poster
from app.events.sequencer import Sequencer
from app.events.webhooks import Webhooks, WebhookTerms
from app.runtime.http_client import HttpAnswer
from app.runtime.lease import Lease
from app.runtime.loop import Loop, ProcessHealth, WakeUp
from bench import figures, programs
from bench.figures import Figure
from bench.programs import Testbed

ROUNDS = 3
ENDPOINTS = (1, 100, 1_000)
EVENTS = 5_000
A_SECOND = 1_000
LIMIT_MILLISECONDS = 250
STREAM_EVENTS = 1_000
STREAM_PAUSE_SECONDS = 0.005
IDLE_SECONDS = 0.2

_ENDPOINTS = sa.text("""
    INSERT INTO webhook_endpoints (url, types, foreign_id, secret, position)
    SELECT CASE WHEN n < :dead THEN :url || 'dead' ELSE :url END, '{ALL}', 'shop-' || n,
        'whsec_' || repeat('a', 32), 0
    FROM generate_series(0, :endpoints - 1) AS n
""").bindparams(
    sa.bindparam("dead", type_=sa.Integer),
    sa.bindparam("url", type_=sa.Text),
    sa.bindparam("endpoints", type_=sa.Integer),
)
_FILL = sa.text("""
    INSERT INTO outbox (account_id, foreign_id, event_id, type, message)
    SELECT n % :endpoints, 'shop-' || n % :endpoints, md5(n::text), 'INV_CREATED',
        '"' || repeat('x', 500) || '"'
    FROM generate_series(1, :events) AS n
""").bindparams(sa.bindparam("endpoints", type_=sa.Integer), sa.bindparam("events", type_=sa.Integer))


class CountingPoster(Poster):
    """Counts the answers to its posts."""

    answers = 0
    awaited = 0
    reached: asyncio.Event

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        answer = await super().post(url, headers, body)
        self.answers += 1
        if self.answers == self.awaited:
            self.reached.set()
        return answer

    async def hears(self, count: int) -> None:
        """Wait until `count` posts were answered."""
        self.reached, self.awaited = asyncio.Event(), count
        if self.answers < count:
            await self.reached.wait()


async def measure(testbed: Testbed) -> list[Figure]:
    """Each endpoint has an account of its own; the dead one takes its posts and never answers."""
    measured: list[Figure] = []
    async with programs.running("bench.receiver") as receiver:
        port = receiver.port("port")
        for endpoints in ENDPOINTS:
            alive, one_dead = [], []
            for _ in range(ROUNDS):
                alive.append(await _rate(testbed, port, endpoints, 0))
                if endpoints > 1:
                    one_dead.append(await _rate(testbed, port, endpoints, 1))
            goal = figures.Terms(f"deliveries_{endpoints}", "deliveries/s", 1)
            measured.append(figures.of_rounds(goal, alive, [A_SECOND] * ROUNDS))
            if one_dead:
                dead = figures.Terms(f"deliveries_{endpoints}_one_dead", "deliveries/s", 0.95)
                measured.append(figures.of_rounds(dead, one_dead, alive))
            measured += await _latency(testbed, port, endpoints)
    return measured


async def _rate(testbed: Testbed, port: int, endpoints: int, dead: int) -> float:
    """Return the deliveries a second to the living endpoints, from the commit of all events on."""
    living = EVENTS - EVENTS // endpoints * dead
    async with testbed.database() as url, programs.engine(url) as engine:
        await _prepare(engine, port, endpoints, dead)
        async with engine.begin() as db:
            await db.execute(_FILL, {"endpoints": endpoints, "events": EVENTS})
        began = asyncio.get_running_loop().time()
        async with _relaying(engine) as (poster, _):
            await poster.hears(living)
            return living / (asyncio.get_running_loop().time() - began)


async def _latency(testbed: Testbed, port: int, endpoints: int) -> list[Figure]:
    """Commit events one by one, and measure the age of each when it comes. One endpoint of many is dead."""
    dead = int(endpoints > 1)
    async with (
        testbed.database() as url,
        programs.engine(url) as engine,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await _prepare(engine, port, endpoints, dead)
        await client.get(f"http://127.0.0.1:{port}/ages")
        async with _relaying(engine) as (poster, wake_up):
            for number in range(STREAM_EVENTS):
                shop = dead + number % (endpoints - dead)
                async with engine.begin() as db:
                    await outbox.emit(db, [OutboxEvent(shop, f"shop-{shop}", "INV_CREATED", "{}")])
                wake_up.wake()
                await asyncio.sleep(STREAM_PAUSE_SECONDS)
            await poster.hears(STREAM_EVENTS)
        ages = (await client.get(f"http://127.0.0.1:{port}/ages")).json()
    cuts = quantiles(ages, n=100)
    name = f"delivery_latency_{endpoints}"
    return [
        Figure(name, "ms, p99", cuts[98], LIMIT_MILLISECONDS, 1, at_most=True),
        Figure(f"{name}_median", "ms, p50", cuts[49], LIMIT_MILLISECONDS, 1, at_most=True),
    ]


async def _prepare(engine: AsyncEngine, port: int, endpoints: int, dead: int) -> None:
    async with engine.begin() as db:
        await db.execute(
            _ENDPOINTS, {"dead": dead, "url": f"http://127.0.0.1:{port}/", "endpoints": endpoints}
        )
    async with engine.connect() as db:
        await (await db.execution_options(isolation_level="AUTOCOMMIT")).execute(
            sa.text("ANALYZE webhook_endpoints")
        )


@asynccontextmanager
async def _relaying(engine: AsyncEngine) -> AsyncIterator[tuple[CountingPoster, WakeUp]]:
    """The sequencer and the webhooks of one process, and the wake-up of the first."""
    facts, hooks, health = WakeUp(), WakeUp(), ProcessHealth()
    with ThreadPoolExecutor(4) as threads:
        poster = CountingPoster(
            address_filter.resolver(threads), guard=address_filter.Guard(address_filter.EVERYWHERE)
        )
        sequencer = Sequencer(engine, Lease(engine, "sequencer", "bench"), hooks.wake)
        webhooks = Webhooks(engine, poster, WebhookTerms((60,)), hooks)
        loops = [
            Loop("sequencer", sequencer.step, facts, IDLE_SECONDS, ()),
            Loop("webhooks", webhooks.step, hooks, IDLE_SECONDS, ()),
        ]
        tasks = [asyncio.create_task(loop.run(health)) for loop in loops]
        try:
            yield poster, facts
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await webhooks.close()
