"""Rates come from real servers: quick ones, slow ones, and those that answer nonsense."""

import asyncio
import logging
from decimal import Decimal
from ipaddress import ip_address

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import rates as rows
from app.domain import rates
from app.events.address_filter import Address, Guard
from app.events.http_post import Poster
from app.rates import rounds, source
from app.rates.rounds import Rounds
from app.rates.source import Source
from app.runtime.lease import Lease
from tests.unit.events.receiver import Behaviour, Receiver, Request, silent, status

MINUTE, TEN_MINUTES = 60, 600


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def saying(body: bytes) -> Behaviour:
    def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    return behave


def of(receiver: Receiver, path: str = "/a", currency: str = "EUR") -> Source:
    return source.parse(f"{currency}={receiver.url(path)}#/price")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(engine: AsyncEngine, client: Poster, clock: Clock, *sources: Source, holder: str = "one") -> Rounds:
    lease = Lease(engine, "rates", holder)
    return Rounds(engine, sources, rounds.over_http(client, 0.5), lease, (MINUTE, TEN_MINUTES), clock)


async def stored(engine: AsyncEngine) -> list[tuple[str, str, Decimal]]:
    query = sa.select(rows.c.pair, rows.c.source, rows.c.value).order_by(
        rows.c.at, rows.c.pair, rows.c.source
    )
    async with engine.connect() as db:
        return [tuple(row) for row in await db.execute(query)]


async def test_a_round_asks_every_source_and_stores_what_each_said_with_one_time(
    engine: AsyncEngine, receiver: Receiver, client: Poster, clock: Clock
) -> None:
    receiver.always |= {"/a": saying(b'{"price":"0.15"}'), "/b": saying(b'{"price":0.2}')}
    sources = [of(receiver), of(receiver, "/b", "USD"), source.parse("EUR=0.16")]

    await made(engine, client, clock, *sources).step()

    assert await stored(engine) == [
        ("DOGE-EUR", "127.0.0.1", Decimal("0.15")),
        ("DOGE-EUR", "fixed", Decimal("0.16")),
        ("DOGE-USD", "127.0.0.1", Decimal("0.2")),
    ]
    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count(sa.distinct(rows.c.at)))) == 1
    assert {request.headers["accept"] for request in receiver.requests} == {"application/json"}


async def test_the_next_round_comes_when_it_is_due_and_in_one_process(
    engine: AsyncEngine, receiver: Receiver, client: Poster, clock: Clock
) -> None:
    receiver.always["/a"] = saying(b'{"price":1}')
    first, second = (made(engine, client, clock, of(receiver), holder=name) for name in ("one", "two"))

    for _ in range(3):
        await first.step()
        await second.step()
    clock.now += MINUTE
    await first.step()

    assert len(receiver.requests) == 2


HUGE = b'{"price":1,"more":"' + b"x" * rounds.ANSWER_BYTES + b'"}'
NONSENSE = {
    "slow": (silent, "no answer within 0.5 seconds"),
    "redirect": (status(301), "it answers with status 301"),
    "limited": (status(429), "it answers with status 429"),
    "html": (saying(b"<html></html>"), "the answer is not JSON"),
    "zero": (saying(b'{"price":0}'), "a rate is from"),
    "negative": (saying(b'{"price":-1}'), "no positive number"),
    "nan": (saying(b'{"price":NaN}'), "the answer is not JSON"),
    "huge": (saying(b'{"price":1e11}'), "a rate is from"),
    "long": (saying(HUGE), "has more than 262144 bytes"),
    "elsewhere": (saying(b"{}"), "nothing at that place"),
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_is_stored_nowhere_and_told_once_and_the_others_count(
    engine: AsyncEngine,
    receiver: Receiver,
    client: Poster,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    receiver.always["/a"], reason = NONSENSE[kind]
    asked = made(engine, client, clock, of(receiver), source.parse("EUR=0.16"))
    caplog.set_level(logging.INFO, "app.rates")

    for _ in range(2):
        await asked.step()
        clock.now += MINUTE
    told = [record.getMessage() for record in caplog.records]
    receiver.always["/a"] = saying(b'{"price":0.15}')
    await asked.step()

    assert [row[1] for row in await stored(engine)] == ["fixed", "fixed", "127.0.0.1", "fixed"]
    assert len(told) == 1
    assert told[0].startswith("no rate of EUR from 127.0.0.1: ")
    assert reason in told[0]
    assert caplog.records[-1].getMessage() == "the rate of EUR from 127.0.0.1 is back"
    assert all(request.path == "/a" for request in receiver.requests)


async def test_a_source_that_is_not_there_is_told_once(
    engine: AsyncEngine, client: Poster, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    asked = made(engine, client, clock, source.parse("EUR=http://127.0.0.1:1/#/price"))

    for _ in range(2):
        await asked.step()
        clock.now += MINUTE

    assert await stored(engine) == []
    assert [record.getMessage() for record in caplog.records] == [
        "no rate of EUR from 127.0.0.1: no connection (Connect call failed ('127.0.0.1', 1))"
    ]


async def test_a_private_address_is_not_asked_unless_it_may_be(
    engine: AsyncEngine, receiver: Receiver, clock: Clock
) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address(host)]

    client = Poster(resolve, guard=Guard())
    await made(engine, client, clock, of(receiver)).step()
    client.close()

    assert receiver.requests == []
    assert await stored(engine) == []


async def test_a_leap_is_refused_while_the_rate_before_it_counts(
    engine: AsyncEngine, receiver: Receiver, client: Poster, clock: Clock
) -> None:
    asked = made(engine, client, clock, of(receiver))
    for price, seconds in (("0.15", 60), ("15", 60), ("0.16", 60), ("0.07", TEN_MINUTES - 60), ("0.07", 60)):
        receiver.always["/a"] = saying(b'{"price":%b}' % price.encode())
        await asked.step()
        clock.now += seconds

    assert [str(row[2].normalize()) for row in await stored(engine)] == ["0.15", "0.16", "0.07"]


async def test_a_process_that_ends_lets_another_go_on_at_once(
    engine: AsyncEngine, receiver: Receiver, client: Poster, clock: Clock
) -> None:
    receiver.always["/a"] = saying(b'{"price":1}')
    first, second = (made(engine, client, clock, of(receiver), holder=name) for name in ("one", "two"))
    await first.step()

    await first.close()
    await second.step()

    assert len(receiver.requests) == 2
    async with engine.connect() as db:
        assert await rates.of_now(db) is None  # no currency is configured: nothing is valued
