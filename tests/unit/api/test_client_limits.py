"""What one client of the public listener may take, over real sockets, and whose request it is."""

import asyncio
import ipaddress
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, client_address, client_limits, context
from app.api.client_address import Proxies
from app.api.client_limits import ClientLimits
from app.api.serving import serving
from app.domain.invoices import Invoice
from app.runtime import open_files
from app.runtime.http.limits import Limits
from app.runtime.loop import Loop, ProcessHealth
from app.workers.roles import DATABASE_TROUBLE
from tests import scenario

Answer = tuple[int, bytes, asyncio.StreamWriter]


@pytest.fixture
async def made(engine: AsyncEngine, kennel: context.AppContext) -> Invoice:
    await scenario.open_account(engine)
    return await scenario.invoice(engine, value=10)


@asynccontextmanager
async def listening(kennel: context.AppContext, **limits: Any) -> AsyncIterator[int]:
    """The public listener with these limits of clients."""
    watch = kennel.invoice_watch
    running = asyncio.create_task(
        Loop("payers", watch.step, watch.wake_up, 0.05, DATABASE_TROUBLE).run(ProcessHealth())
    )
    app = application.public(kennel, lambda: "id", clients=ClientLimits(**limits))
    async with serving(app, "127.0.0.1", 0, Limits(connections=5_000)) as port:
        yield port
        watch.end()
    running.cancel()


async def ask(port: int, path: str, host: str = "127.0.0.1", forwarded: str = "") -> Answer:
    """Ask from the address `host`; returns the status and the first bytes, and leaves the connection open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
    header = f"X-Forwarded-For: {forwarded}\r\n" if forwarded else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head + await reader.read(1_000), writer


def close(answers: list[Answer]) -> None:
    for _, _, writer in answers:
        writer.close()


def retry_after(answer: bytes) -> int:
    [line] = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"retry-after:")]
    return int(line.split(b":")[1])


# ---------------------------------------------------------------- answers that wait


async def test_of_a_thousand_streams_from_one_address_those_beyond_the_limit_are_refused_and_others_are_served(
    kennel: context.AppContext, made: Invoice
) -> None:
    open_files.raise_limit()
    path, limit = f"/invoice/{made.address}/events", 100
    async with listening(kennel, requests_per_address=10_000, requests=10_000) as port:
        answers = await asyncio.gather(*(ask(port, path) for _ in range(1_000)))
        other = await ask(port, path, "127.0.0.2")
        polls = await ask(port, f"/invoice/{made.address}/poll?state=unpaid")
        short = await ask(port, f"/invoice/{made.address}/status")
        close([*answers, other, polls, short])

    assert Counter(status for status, _, _ in answers) == {200: limit, 429: 1_000 - limit}
    refused = next(text for status, text, _ in answers if status == 429)
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["error"]["code"] == "rate-limited"
    assert retry_after(refused) == 1
    assert (other[0], polls[0], short[0]) == (200, 429, 200)


async def test_a_stream_that_is_closed_makes_room_for_another(
    kennel: context.AppContext, made: Invoice
) -> None:
    path = f"/invoice/{made.address}/events"
    async with listening(kennel, streams_per_address=1) as port:
        first, second = await ask(port, path), await ask(port, path)
        close([first])
        async with asyncio.timeout(20):
            while (third := await ask(port, path))[0] == 429:
                close([third])
                await asyncio.sleep(0.1)
        close([second, third])

    assert (first[0], second[0], third[0]) == (200, 429, 200)


async def test_all_together_have_a_limit_and_other_requests_are_answered_meanwhile(
    kennel: context.AppContext, made: Invoice
) -> None:
    path = f"/invoice/{made.address}/events"
    async with listening(kennel, streams=40) as port:
        answers = [await ask(port, path, f"127.0.1.{1 + number % 8}") for number in range(42)]
        short = await ask(port, f"/invoice/{made.address}")
        close([*answers, short])

    assert [status for status, _, _ in answers] == [200] * 40 + [503] * 2
    assert short[0] == 200


# ---------------------------------------------------------------- requests


async def test_who_asks_too_often_is_told_when_to_come_again_and_nobody_else_is(
    kennel: context.AppContext, made: Invoice
) -> None:
    async with listening(kennel, requests_per_address=2) as port, AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}",
                    transport=httpx.AsyncHTTPTransport(local_address=host),
                )
            )
            for host in ("127.0.0.1", "127.0.0.2")
        ]
        answers = [await one.get(f"/invoice/{made.address}") for _ in range(20)]
        health = await one.get("/health")
        others = await other.get(f"/invoice/{made.address}")

    statuses = [answer.status_code for answer in answers]
    assert statuses[:8] == [200] * 8
    assert statuses[-1] == 429
    assert answers[-1].json()["error"]["code"] == "rate-limited"
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["cache-control"] == "no-store"
    assert (health.status_code, others.status_code) == (200, 200)


async def test_all_together_ask_only_so_often(kennel: context.AppContext, made: Invoice) -> None:
    async with listening(kennel, requests=2) as port:
        answers = [
            await ask(port, f"/invoice/{made.address}", f"127.0.2.{number}") for number in range(1, 13)
        ]
        close(answers)

    assert [status for status, _, _ in answers][:8] == [200] * 8
    assert answers[-1][0] == 503


def test_a_rate_lets_a_burst_pass_then_so_many_a_second_and_forgets_who_was_quiet() -> None:
    now = 0.0
    rate = client_limits.Rate(8, lambda: now)

    burst = [rate.take("a") for _ in range(33)]
    waited = rate.take("a")
    now = 0.125
    again = [rate.take("a"), rate.take("a")]
    now = 1_000.0
    rested = [rate.take("a") for _ in range(33)]

    assert burst == [0] * 32 + [0.125]
    assert waited == 0.125  # who is refused does not wait longer for it
    assert again == [0, 0.125]
    assert rested == burst


def test_only_so_many_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_limits, "REMEMBERED", 3)
    rate = client_limits.Rate(1, lambda: 0.0)

    for client in ("a", "b", "c", "a", "d", "e"):
        rate.take(client)

    assert list(rate._full_at) == ["a", "d", "e"]


# ---------------------------------------------------------------- whose request it is


def seen_as(peer: str, forwarded: str | list[str], *networks: str) -> str:
    lines = [forwarded] if isinstance(forwarded, str) else forwarded
    headers = [(b"x-forwarded-for", line.encode()) for line in lines if line]
    proxies = Proxies(tuple(map(ipaddress.ip_network, networks)))
    return proxies.client({"client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "networks", "client"),
    [
        ("9.9.9.9", "", [], "9.9.9.9"),
        ("9.9.9.9", "198.51.100.1", [], "9.9.9.9"),  # an invention
        ("10.0.0.7", "198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", "1.2.3.4, 198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", "198.51.100.1, 10.0.0.8", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", ["1.2.3.4", "198.51.100.1"], ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", "198.51.100.1:4711", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", "[2001:db8:1:2:3::4]:4711", ["10.0.0.0/8"], "2001:db8:1:2::/64"),
        ("10.0.0.7", "2001:db8:1:2:3::4", ["10.0.0.0/8"], "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.7", "198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.7", "nonsense", ["10.0.0.0/8"], "10.0.0.7"),
        ("10.0.0.7", "", ["10.0.0.0/8"], "10.0.0.7"),
        ("fd00::7", "198.51.100.1", ["fd00::/8", "10.0.0.0/8"], "198.51.100.1"),
        ("127.0.0.1", "", [], "127.0.0.1"),
        ("", "", [], ""),
    ],
)
def test_a_forwarded_address_is_believed_only_from_proxies_that_are_named(
    peer: str, forwarded: str | list[str], networks: list[str], client: str
) -> None:
    assert seen_as(peer, forwarded, *networks) == client


def test_payers_behind_a_proxy_that_is_not_named_share_no_limit_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_address, "_warned", set[str]())

    with caplog.at_level(logging.WARNING):
        clients = {seen_as("10.0.0.7", f"203.0.113.{number}") for number in range(5)}

    assert clients == {""}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "KENNEL_TRUSTED_PROXIES" in caplog.text


def test_however_long_the_list_of_addresses_is_only_its_end_is_looked_at() -> None:
    assert seen_as("10.0.0.7", ", ".join(["198.51.100.1"] + ["10.0.0.8"] * 5_000), "10.0.0.0/8") == "10.0.0.8"


async def test_each_payer_behind_a_proxy_has_limits_of_their_own(
    kennel: context.AppContext, made: Invoice
) -> None:
    proxies, path = Proxies((ipaddress.ip_network("127.0.0.0/8"),)), f"/invoice/{made.address}/events"
    async with listening(kennel, proxies=proxies, streams_per_address=1) as port:
        answers = [
            await ask(port, path, forwarded=f"1.1.1.1, 198.51.100.{number}") for number in (1, 2, 1, 3)
        ]
        close(answers)

    assert [status for status, _, _ in answers] == [200, 200, 429, 200]
