"""Events as they happen, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.cells import event_signal
from app.api.serving import serving
from app.db.tables import accounts
from app.domain import outbox
from app.domain.outbox import OutboxEvent
from tests import scenario

Heard = tuple[int, str]


@pytest.fixture
async def client(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(application.admin(kennel, lambda: "id"), "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as opened,
    ):
        yield opened
        kennel.event_signal.end()


async def happen(engine: AsyncEngine, kennel: context.AppContext, *types: str, account: int = 1) -> None:
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(account, "", kind, '{"a":"b\\n"}') for kind in types])
        await outbox.sequence(db)
    await kennel.event_signal.step()


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[AsyncIterator[Heard]]:
    async with client.stream("GET", f"/events/stream{query}", headers=headers or {}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), await answer.aread()
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith("id: "):  # it listens from here on
            pass
        yield _events(lines)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Heard]:
    position = ""
    async for line in lines:
        if line.startswith("id: "):
            position = line.removeprefix("id: ")
        if line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert position == str(event["position"])
            yield int(position), event["event_type"]


async def heard(events: AsyncIterator[Heard], count: int) -> list[Heard]:
    async with asyncio.timeout(20):
        return [await anext(events) for _ in range(count)]


async def test_a_stream_begins_with_what_happens_next(
    client: httpx.AsyncClient, kennel: context.AppContext, engine: AsyncEngine
) -> None:
    await happen(engine, kennel, "INV_CREATED")

    async with listening(client) as events:
        await happen(engine, kennel, "ACC_CREATED", "INV_CREATED")
        assert await heard(events, 2) == [(2, "ACC_CREATED"), (3, "INV_CREATED")]
        await happen(engine, kennel, "PAYMENT_SENT")
        assert await heard(events, 1) == [(4, "PAYMENT_SENT")]


@pytest.mark.parametrize("how", ["header", "cursor", "both"])
async def test_a_listener_that_comes_again_goes_on_where_it_was(
    client: httpx.AsyncClient, kennel: context.AppContext, engine: AsyncEngine, how: str
) -> None:
    await happen(engine, kennel, *["INV_CREATED"] * 150)
    query = {"header": "", "cursor": "?cursor=20", "both": "?cursor=5"}[how]

    async with listening(client, query, {} if how == "cursor" else {"Last-Event-ID": "20"}) as events:
        assert [position for position, _ in await heard(events, 130)] == [*range(21, 151)]


async def test_a_stream_is_filtered_by_type_and_account(
    client: httpx.AsyncClient, kennel: context.AppContext, engine: AsyncEngine
) -> None:
    async with engine.begin() as db:
        await db.execute(sa.insert(accounts).values(id=2, foreign_id="cafe", xpub="", address=""))

    async with listening(client, "?types=INV,ACC_CREATED&foreign_id=cafe&cursor=0") as events:
        await happen(engine, kennel, "INV_CREATED", "PAYMENT_SENT")
        await happen(engine, kennel, "PAYMENT_SENT", "ACC_UPDATED", "ACC_CREATED", "INV_CREATED", account=2)
        assert await heard(events, 2) == [(5, "ACC_CREATED"), (6, "INV_CREATED")]


async def test_what_sounds_while_nothing_happens_keeps_the_connection(
    client: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    kennel.event_signal.beat_seconds = 0.01

    async with client.stream("GET", "/events/stream") as answer:
        async with asyncio.timeout(20):
            beats = [line async for line in _first(answer.aiter_lines(), 12)]

    assert beats.count(": 0") >= 2


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    for _ in range(count):
        yield await anext(lines)


async def test_streams_end_with_the_program(client: httpx.AsyncClient, kennel: context.AppContext) -> None:
    async with listening(client) as events:
        kennel.event_signal.end()

        assert [event async for event in events] == []


async def test_too_many_streams_are_turned_away_until_one_is_closed(
    client: httpx.AsyncClient, kennel: context.AppContext
) -> None:
    with ExitStack() as stack:
        for _ in range(event_signal.LISTENERS):
            stack.enter_context(kennel.event_signal.listener())

        refused = await client.get("/events/stream")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not-available")
    async with listening(client):
        pass


async def test_who_wants_only_the_head_of_a_stream_gets_it_and_opens_none(client: httpx.AsyncClient) -> None:
    answers = [await client.head("/events/stream") for _ in range(event_signal.LISTENERS + 1)]

    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["content-type"].startswith("text/event-stream")


async def test_streams_that_catch_up_together_use_few_connections(
    client: httpx.AsyncClient, kennel: context.AppContext, engine: AsyncEngine
) -> None:
    await happen(engine, kennel, *["INV_CREATED"] * 250)
    out = most = 0

    def taken(*_: object) -> None:
        nonlocal out, most
        out += 1
        most = max(most, out)

    def returned(*_: object) -> None:
        nonlocal out
        out -= 1

    sa.event.listen(engine.sync_engine, "checkout", taken)
    sa.event.listen(engine.sync_engine, "checkin", returned)

    async def catch_up() -> None:
        async with listening(client, "?cursor=0") as events:
            assert [position for position, _ in await heard(events, 250)] == [*range(1, 251)]

    await asyncio.gather(*(catch_up() for _ in range(40)))

    assert 0 < most <= event_signal.CATCHING_UP


async def test_a_stream_that_the_database_breaks_ends_with_one_line_in_the_log(
    client: httpx.AsyncClient,
    kennel: context.AppContext,
    engine: AsyncEngine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await happen(engine, kennel, "INV_CREATED")

    async with listening(client, "?cursor=0") as events:
        await heard(events, 1)
        async with engine.begin() as db:
            await outbox.emit(db, [OutboxEvent(1, "", "INV_CREATED", "{}")])
            await outbox.sequence(db)
        async with engine.connect() as blocker:
            await blocker.execute(sa.text("LOCK TABLE events"))
            await kennel.event_signal.step()
            ended = sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            async with asyncio.timeout(scenario.DEADLINE_SECONDS), engine.connect() as db:
                while not (await db.execute(ended)).all():
                    await db.rollback()  # the activity that a transaction sees does not change

        assert [event async for event in events] == []

    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
    assert "a stream of events broke off behind position 1" in caplog.text


async def test_a_stream_that_cannot_begin_is_refused(homeless: httpx.AsyncClient) -> None:
    answer = await homeless.get("/events/stream")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not-available")


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?cursor=x", {}, "cursor"),
        ("?cursor=-1", {}, "cursor"),
        ("?cursor=99", {}, "cursor"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "99"}, "Last-Event-ID"),
        ("?types=inv!", {}, "types"),
        ("?foreign_id=a%00b", {}, "foreign_id"),
    ],
)
async def test_a_wrong_place_or_filter_is_refused_by_name(
    client: httpx.AsyncClient, query: str, headers: dict[str, str], field: str
) -> None:
    refused = await client.get(f"/events/stream{query}", headers=headers)

    assert (refused.status_code, refused.json()["error"].get("field", "").lower()) == (400, field.lower())


async def test_nobody_asks_where_the_events_end_while_nobody_listens(
    kennel: context.AppContext, engine: AsyncEngine
) -> None:
    await happen(engine, kennel, "INV_CREATED")

    assert await kennel.event_signal.rises({0: 0}, 0) is False
    with kennel.event_signal.listener():
        await kennel.event_signal.step()
    assert await kennel.event_signal.rises({0: 0}, 0) is True
