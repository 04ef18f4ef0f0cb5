"""The limits of a listener: no client can block it for others or fill its memory, whatever it sends."""

import asyncio
import math
import subprocess
import sys
import tracemalloc
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api import middleware
from app.runtime import open_files
from app.runtime.http.chunks import PART_BYTES, Chunks
from app.runtime.http.limits import is_shared
from tests.unit.runtime.http.shop import CHUNKED, HOST, LAST, PAY, Shop, connected, listening, speak, statuses

ROOT = Path(__file__).parents[4]
GET_HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
FIELD = b"A: b\r\n"


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 40_000,
        GET_HEALTH[:-2] + FIELD * 200 + b"\r\n",
        GET_HEALTH[:-2] + FIELD * 10_000,
        GET_HEALTH[:-2] + b"A: " + b"b" * 40_000,
        GET_HEALTH[:-2] + b"A" * 40_000,
    ],
)
async def test_a_head_that_is_too_large_is_431(shop: Shop, head: bytes) -> None:
    async with listening(shop) as port:
        answer = await speak(port, head)

    assert statuses(answer) == [431]
    assert b'"code":"headers-too-large"' in answer
    assert shop.health_requests == 0


async def test_a_head_of_ordinary_size_is_taken(shop: Shop) -> None:
    head = LAST[:-2] + FIELD * 80 + b"Authorization: Bearer " + b"x" * 8_000 + b"\r\n\r\n"
    async with listening(shop) as port:
        assert statuses(await speak(port, head)) == [200]


async def test_who_takes_no_answers_is_not_read_from_and_is_cut_off(shop: Shop) -> None:
    sent = 200_000
    async with (
        listening(shop, write_seconds=0.1) as port,
        connected(port) as (_, writer),
        asyncio.timeout(60),
    ):
        writer.write(GET_HEALTH * sent)  # 13 MB; the kernel buffers a part of it, and no more
        with pytest.raises(ConnectionError):
            await writer.drain()

        assert 0 < shop.health_requests < sent / 2
        assert statuses(await speak(port, LAST)) == [200]


async def test_a_head_that_does_not_arrive_in_time_is_408(shop: Shop) -> None:
    async with listening(shop, head_seconds=0.1) as port:
        answer = await speak(port, PAY[:30])

    assert statuses(answer) == [408]
    assert b'"code":"timeout"' in answer


async def test_a_body_that_does_not_arrive_in_time_is_408_and_does_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.request_body.MAX_SECONDS", 0.1)
    async with listening(shop) as port:
        answers = [await speak(port, part) for part in (PAY[:-1], CHUNKED + b"1\r\n{\r\n")]

    assert [statuses(answer) for answer in answers] == [[408], [408]]
    assert shop.paid == []


async def test_an_answer_on_its_way_is_not_cut_off_where_the_connection_is_to_close() -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"x" * 20_000_000)(scope, receive, send)

    async with (
        listening(answers, linger_seconds=0.1, head_seconds=0.2) as port,
        connected(port) as (reader, writer),
        asyncio.timeout(60),
    ):
        writer.write(LAST)
        begin = await reader.readuntil(b"\r\n\r\n")
        assert statuses(await speak(port, PAY[:30])) == [408]  # after the linger time

        assert begin.endswith(b"connection: close\r\n\r\n")
        assert len(await reader.read()) == 20_000_000


async def test_a_connection_that_is_silent_holds_none_of_what_it_sent(shop: Shop) -> None:
    async with listening(shop) as port, AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(port)) for _ in range(20)]
        tracemalloc.start()
        try:
            for reader, writer in opened:
                writer.write(b"\r\n" * 100_000 + GET_HEALTH)
                await reader.readuntil(b"well")
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert held < 20 * 50_000


async def test_a_body_that_looks_like_many_ends_is_parsed_in_few_parts() -> None:
    looks, parts = b"0\r\n\r\n" * 100_000, 0
    data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(looks), looks)
    chunks, at = Chunks(), 0
    while at < len(data):
        at, parts = chunks.end_of_part(data, at), parts + 1

    assert (at, parts) == (len(data), math.ceil(len(data) / PART_BYTES))


async def test_a_connection_that_asks_nothing_is_closed(shop: Shop) -> None:
    async with listening(shop, idle_seconds=0.1) as port:
        assert await speak(port) == b""
        assert statuses(await speak(port, GET_HEALTH)) == [200]


async def test_connections_that_ask_nothing_make_room_for_one_that_does(shop: Shop) -> None:
    async with listening(shop, connections=8) as port, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(connected(port)) for _ in range(20)]

        assert statuses(await speak(port, LAST)) == [200]
        assert await silent[0][0].read() == b""


async def test_connections_that_are_being_answered_are_not_closed_for_a_new_one(shop: Shop) -> None:
    shop.gate.clear()
    async with listening(shop, connections=2) as port:
        paying = [asyncio.create_task(speak(port, PAY, half_closed=True)) for _ in range(2)]
        await shop.waits_for(2)

        refused = await speak(port)
        shop.gate.set()

        assert statuses(refused) == [503]
        assert b"\r\nretry-after: 1\r\n" in refused
        assert [statuses(await task) for task in paying] == [[200], [200]]


@pytest.mark.parametrize("behind_a_proxy", [True, False])
async def test_one_address_does_not_have_all_connections_but_a_proxy_may(
    shop: Shop, *, behind_a_proxy: bool
) -> None:
    shop.gate.clear()
    async with listening(shop, connections_per_address=2, shared=lambda _: behind_a_proxy) as port:
        paying = [asyncio.create_task(speak(port, PAY, half_closed=True)) for _ in range(2)]
        await shop.waits_for(2)

        third = await speak(port, LAST)
        shop.gate.set()
        await asyncio.gather(*paying)

    assert statuses(third) == [200 if behind_a_proxy else 503]


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("172.18.0.1", True),
        ("192.168.1.7", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_an_address_of_this_network_may_be_a_proxys(address: str, *, shared: bool) -> None:
    assert is_shared(address) is shared


async def test_so_many_requests_are_answered_at_once_and_the_others_in_their_turn(shop: Shop) -> None:
    shop.gate.clear()
    application = middleware.ConcurrencyLimit(shop.application(), 3)
    async with listening(application) as port:
        paying = [asyncio.create_task(speak(port, PAY, half_closed=True)) for _ in range(10)]
        await shop.waits_for(3)
        assert shop.waiting == 3

        shop.gate.set()

        assert [statuses(await task) for task in paying] == [[200]] * 10
    assert shop.most_waiting == 3


def test_the_limit_of_open_files_is_raised_and_connections_fit_into_it() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024));"
        "from app.runtime import open_files; limit = open_files.raise_limit();"
        "print(limit, *open_files.shares((1000, 2000), limit))"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["1024", "170", "341"]
    assert "1024 files open: its listeners take 170 and 341 connections, not 1000 and 2000" in ran.stderr
    assert open_files.shares((1000, 2000), 100_000) == [1000, 2000]
