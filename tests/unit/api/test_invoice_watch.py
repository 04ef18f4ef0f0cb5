"""Payers that wait for their invoices, over real sockets: one statement reads for all of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context, invoice_watch
from app.api.serving import serving
from app.domain import invoices, outbox
from app.domain.invoices import CancelOrder, Invoice, cancelling
from app.runtime.loop import Loop, ProcessHealth
from app.workers.roles import DATABASE_TROUBLE
from tests import scenario
from tests.scenario import Chain, doge
from tests.statements import hear_all

UNKNOWN = "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb"


@pytest.fixture
async def payers(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """The public listener, whose watch steps every 10 milliseconds."""
    watch = kennel.invoice_watch
    running = asyncio.create_task(
        Loop("payers", watch.step, watch.wake_up, 0.01, DATABASE_TROUBLE).run(ProcessHealth())
    )
    limits = httpx.Limits(max_connections=None)
    async with (
        serving(application.public(kennel, lambda: "id"), "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, limits=limits) as opened,
    ):
        yield opened
        watch.end()
    running.cancel()


@pytest.fixture
async def made(engine: AsyncEngine, kennel: context.AppContext) -> Invoice:
    """An invoice of 10 DOGE and 3 confirmations."""
    await scenario.open_account(engine)
    return await scenario.invoice(engine, value=10, required_confirmations=3)


async def number_events(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await outbox.sequence(db)


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, invoice: Invoice
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The statuses that the stream of an invoice tells."""
    async with client.stream("GET", f"/invoice/{invoice.address}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), await answer.aread()
        assert answer.headers["cache-control"] == "no-store"
        yield _statuses(answer.aiter_lines())


async def _statuses(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            assert name == "status"
            yield json.loads(line.removeprefix("data: "))


async def told(statuses: AsyncIterator[dict[str, Any]]) -> tuple[Any, ...]:
    async with asyncio.timeout(20):
        status = await anext(statuses)
    return status["state"], status["received"], status["confirmations"], status["remaining"]


async def test_a_stream_tells_each_change_until_the_invoice_is_paid_and_each_block(
    payers: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    chain = await Chain(engine).start()

    async with following(payers, made) as statuses:
        assert await told(statuses) == ("unpaid", "0", 0, "10")
        await chain.mine((made.address, doge(4)))
        assert await told(statuses) == ("partial", "4", 1, "6")
        await chain.deepen(1)  # no event is told of it
        assert await told(statuses) == ("partial", "4", 2, "6")
        await chain.mine((made.address, doge(6)))
        assert await told(statuses) == ("detected", "10", 1, "0")
        await chain.disconnect()
        assert await told(statuses) == ("partial", "4", 2, "6")
        await chain.mine((made.address, doge(6)), salt="again")
        assert await told(statuses) == ("detected", "10", 1, "0")
        await chain.deepen(2)
        assert await told(statuses) == ("confirmed", "10", 3, "0")


async def test_the_stream_and_the_status_say_the_same(payers: httpx.AsyncClient, made: Invoice) -> None:
    async with following(payers, made) as statuses:
        async with asyncio.timeout(20):
            first = await anext(statuses)

    assert first == (await payers.get(f"/invoice/{made.address}/status")).json()


async def test_a_change_that_no_block_brings_is_told_when_its_event_has_its_number(
    payers: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    async with following(payers, made) as statuses:
        assert (await told(statuses))[0] == "unpaid"
        async with engine.begin() as db:
            await cancelling.cancel(db, [CancelOrder("shop", made.address)], scenario.INSTALLATION)
        await number_events(engine)
        assert (await told(statuses))[0] == "cancelled"


async def test_a_quiet_stream_keeps_its_connection_and_ends_with_the_program(
    payers: httpx.AsyncClient, kennel: context.AppContext, made: Invoice
) -> None:
    kennel.invoice_watch.beat_seconds = 0.01

    async with payers.stream("GET", f"/invoice/{made.address}/events") as answer, asyncio.timeout(20):
        lines = [line async for line in _until_end(answer, kennel)]

    assert lines[0] == "retry: 1000"
    assert lines.count(":") >= 3
    assert lines.count("event: status") == 1


async def _until_end(answer: httpx.Response, kennel: context.AppContext) -> AsyncIterator[str]:
    beats = 0
    async for line in answer.aiter_lines():
        beats += line == ":"
        if beats == 3:
            kennel.invoice_watch.end()
        yield line


async def test_who_knows_another_state_is_answered_at_once(payers: httpx.AsyncClient, made: Invoice) -> None:
    for query in ("", "?state=", "?state=seen&timeout=60", "?state=confirmed"):
        async with asyncio.timeout(10):
            answer = await payers.get(f"/invoice/{made.address}/poll{query}")

        assert (answer.status_code, answer.json()["state"]) == (200, "unpaid")
        assert answer.headers["cache-control"] == "no-store"


async def test_who_knows_the_state_is_answered_at_the_next_change(
    payers: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    chain = await Chain(engine).start()
    poll = asyncio.create_task(payers.get(f"/invoice/{made.address}/poll?state=unpaid&timeout=60"))
    await asyncio.sleep(0.2)
    waited = not poll.done()

    await chain.mine((made.address, doge(10)))

    async with asyncio.timeout(20):
        answer = await poll
    assert waited
    assert (answer.json()["state"], answer.json()["confirmations"]) == ("detected", 1)


async def test_when_nothing_changes_the_time_ends_the_wait(payers: httpx.AsyncClient, made: Invoice) -> None:
    began = asyncio.get_running_loop().time()

    answer = await payers.get(f"/invoice/{made.address}/poll?state=unpaid&timeout=1")

    assert 0.9 < asyncio.get_running_loop().time() - began < 10
    assert (answer.status_code, answer.json()["state"]) == (200, "unpaid")


@pytest.mark.parametrize("query", ["timeout=0", "timeout=61", "timeout=x", "timeout=1.5", "state=paid"])
async def test_a_parameter_that_is_none_is_refused_by_its_name(
    payers: httpx.AsyncClient, made: Invoice, query: str
) -> None:
    answer = await payers.get(f"/invoice/{made.address}/poll?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("way", ["poll", "events"])
@pytest.mark.parametrize("text", [UNKNOWN, "junk", "%00", "a" * 300])
async def test_what_is_no_invoice_is_not_waited_for(payers: httpx.AsyncClient, way: str, text: str) -> None:
    answer = await payers.get(f"/invoice/{text}/{way}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not-found")


async def test_the_head_of_a_stream_opens_none(
    payers: httpx.AsyncClient, kennel: context.AppContext, made: Invoice
) -> None:
    answer = await payers.head(f"/invoice/{made.address}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert kennel.invoice_watch._callers == set()


async def test_many_who_wait_are_read_in_one_statement_and_nothing_is_asked_while_nobody_waits(
    engine: AsyncEngine, kennel: context.AppContext, made: Invoice
) -> None:
    watch, statements = kennel.invoice_watch, list[str]()
    await Chain(engine).start()
    hear_all(engine, statements.append)

    await watch.step()
    unasked = list(statements)
    first = [asyncio.create_task(watch.first(made.address)) for _ in range(500)]
    await asyncio.sleep(0)
    await watch.step()
    statuses = await asyncio.gather(*first)
    status = statuses[0]
    waiting = [asyncio.create_task(watch.change(status, 60)) for _ in range(500)]
    await asyncio.sleep(0)
    await watch.step()
    statements.clear()
    await watch.step()
    watch.end()

    assert unasked == []
    assert [("FROM invoices" in statement) for statement in statements] == [False, False]
    assert statuses == await asyncio.gather(*waiting) == [status] * 500


async def test_what_changed_between_the_answer_and_the_wait_is_heard(
    engine: AsyncEngine, kennel: context.AppContext, made: Invoice
) -> None:
    watch, chain = kennel.invoice_watch, await Chain(engine).start()
    other = asyncio.create_task(watch.change((await read(engine, made)), 60))
    known = await read(engine, made)
    await asyncio.sleep(0)
    await chain.mine((made.address, doge(10)))
    await watch.step()  # another payer's step has seen what happened

    waiting = asyncio.create_task(watch.change(known, 60))
    await asyncio.sleep(0)
    await watch.step()

    async with asyncio.timeout(10):
        assert (await waiting).state == (await other).state == "detected"


async def test_a_block_without_events_is_heard_by_those_who_wait_for_long(
    engine: AsyncEngine, kennel: context.AppContext, made: Invoice
) -> None:
    watch, chain = kennel.invoice_watch, await Chain(engine).start()
    await chain.mine((made.address, doge(4)))
    waiting = asyncio.create_task(watch.change(await read(engine, made), 60))
    await asyncio.sleep(0)
    await watch.step()
    await watch.step()
    still = not waiting.done()

    await chain.deepen(1)
    await watch.step()

    async with asyncio.timeout(10):
        assert (await waiting).confirmations == 2
    assert still


async def read(engine: AsyncEngine, made: Invoice) -> invoices.InvoiceStatus:
    async with engine.connect() as db:
        return await scenario.fetch(db, invoices.STATUS, made.address)


async def test_while_the_database_is_away_a_payer_is_told_to_try_again(
    kennel: context.AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoice_watch, "FIRST_SECONDS", 0.05)

    with pytest.raises(invoice_watch.NotRead):
        await kennel.invoice_watch.first(UNKNOWN)
