import json
import random
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import NOBODY, accounts, webhook_endpoints
from app.db.tables import events as event_rows
from app.domain import outbox, webhooks
from app.domain.accounts import account
from app.domain.outbox import Event, OutboxEvent, Page, log
from app.domain.webhooks import Callback

EVENTS = [
    OutboxEvent(1, "one", "ACC_CREATED", "{}"),
    OutboxEvent(2, "two", "ACC_CREATED", "{}"),
    OutboxEvent(1, "one", "INV_CREATED", "{}"),
    OutboxEvent(1, "one", "PAYMENT_SENT", "{}"),
    OutboxEvent(NOBODY, "", "SYS_STARTUP", '"hello"'),
    OutboxEvent(2, "two", "ACC_UPDATED", "{}"),
]


@pytest.fixture
async def written(engine: AsyncEngine) -> AsyncEngine:
    async with engine.begin() as db:
        for number, name in ((1, "one"), (2, "two"), (3, "three")):
            await db.execute(sa.insert(accounts).values(id=number, foreign_id=name, xpub="", address=""))
        await outbox.emit(db, EVENTS)
        await outbox.sequence(db)
    return engine


async def page(engine: AsyncEngine, after: int = 0, limit: int = 100, **filters: object) -> Page:
    async with engine.connect() as db:
        return await outbox.page(db, after, limit, **filters)  # type: ignore[arg-type]


def positions(page: Page) -> list[int]:
    return [event.position for event in page.events]


async def test_pages_follow_each_other_without_gap_or_overlap(written: AsyncEngine) -> None:
    first = await page(written, 0, 4)
    second = await page(written, first.position, 4)
    third = await page(written, second.position, 4)

    assert [positions(read) for read in (first, second, third)] == [[1, 2, 3, 4], [5, 6], []]
    assert [read.position for read in (first, second, third)] == [4, 6, 6]
    assert first.events[2].type == "INV_CREATED"
    assert first.events[2].sequence == 2


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["ALL"], [1, 2, 3, 4, 5, 6]),
        (["ACC"], [1, 2, 6]),
        (["PAYMENT"], [4]),
        (["SYS", "INV_CREATED"], [3, 5]),
        (["ACC_UPDATED"], [6]),
        (["NET"], []),
        (["ACC", "ALL"], [1, 2, 3, 4, 5, 6]),
    ],
)
async def test_filters_are_all_classes_or_single_types(
    written: AsyncEngine, types: list[str], expected: list[int]
) -> None:
    matching = await page(written, types=types)

    assert positions(matching) == expected
    assert [n for n, event in enumerate(EVENTS, 1) if outbox.matches_filter(types, event.type)] == expected
    assert matching.position == 6


async def test_one_accounts_events_are_found_by_its_foreign_id(written: AsyncEngine) -> None:
    assert positions(await page(written, foreign_id="two")) == [2, 6]
    assert positions(await page(written, 2, foreign_id="two", types=["ACC"])) == [6]
    assert positions(await page(written, foreign_id="nobody")) == []


async def test_an_account_that_was_renamed_keeps_its_events(written: AsyncEngine) -> None:
    async with written.begin() as db:
        await account.rename(db, "two", "second")
        await outbox.sequence(db)

    assert positions(await page(written, foreign_id="second")) == [2, 6, 7]
    assert positions(await page(written, foreign_id="two")) == []


async def test_an_account_is_read_from_any_position_whatever_was_forgotten_of_it(
    written: AsyncEngine,
) -> None:
    chance = random.Random(11)
    async with written.begin() as db:
        new_events = [
            OutboxEvent(number := chance.choice([1, 1, 1, 3]), str(number), "ACC_UPDATED", "{}")
            for _ in range(60)
        ]
        await outbox.emit(db, new_events)
        await outbox.sequence(db)

    for forgotten in (0, 1, 3, 30, 66):
        async with written.begin() as db:
            await db.execute(sa.delete(event_rows).where(event_rows.c.position <= forgotten))
        everything = (await page(written)).events
        for name, number in (("one", 1), ("three", 3)):
            own = [event.position for event in everything if event.account_id == number]
            for after in range(68):
                assert (
                    positions(await page(written, after, 7, foreign_id=name))
                    == [at for at in own if at > after][:7]
                )


async def test_a_reader_never_goes_on_behind_what_it_was_shown(written: AsyncEngine) -> None:
    """A filter that lets nothing through still moves the cursor; a position beyond the end stays."""
    assert (await page(written, 0, 1, types=["PAYMENT"])).position == 4
    assert (await page(written, 0, types=["NET"])).position == 6
    assert (await page(written, 99)).position == 99


@pytest.mark.parametrize("foreign_id", [None, "one"])
async def test_rare_types_are_looked_for_in_so_many_events_a_page(
    written: AsyncEngine, monkeypatch: pytest.MonkeyPatch, foreign_id: str | None
) -> None:
    monkeypatch.setattr(log, "WINDOW", 2)

    first = await page(written, types=["PAYMENT"], foreign_id=foreign_id)
    second = await page(written, first.position, types=["PAYMENT"], foreign_id=foreign_id)
    third = await page(written, 4, types=["PAYMENT"], foreign_id=foreign_id)

    assert (positions(first), first.position) == ([], 2 if foreign_id is None else 3)
    assert positions(second) == [4]
    assert (positions(third), third.position) == ([], 6)


@pytest.mark.parametrize("types", [["ALL"], ["PAYMENT", "SYS"]])
async def test_a_reader_from_the_beginning_passes_what_is_forgotten_in_one_page(
    written: AsyncEngine, types: list[str]
) -> None:
    far = 10 * outbox.WINDOW
    async with written.begin() as db:
        await db.execute(sa.text(f"UPDATE events SET position = position + {far}"))
        await db.execute(sa.text(f"UPDATE sequencer SET last = last + {far} WHERE account_id < 0"))

    assert (await page(written, types=types)).events[-1].position > far


async def test_an_account_costs_its_reader_nothing_more_however_many_events_it_and_the_others_have(
    written: AsyncEngine,
) -> None:
    reads = sa.text(
        "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname = 'events'"
    )

    async def cost(foreign_id: str, after: int) -> int:
        async with written.connect() as db:
            rows = await db.scalar(reads)
            await outbox.page(db, after, 10, foreign_id=foreign_id)
            return int((await db.execute(reads)).scalar_one() - rows)

    async with written.begin() as db:
        for _ in range(5):
            await outbox.emit(db, [OutboxEvent(1, "one", "ACC_UPDATED", "{}")] * 2000)
            await outbox.sequence(db, 2000)
        await db.execute(sa.text("ANALYZE events"))

    costs = [await cost("two", 0), *[await cost("one", after) for after in (0, 5_000, 9_999)]]
    assert max(costs) < 40  # both ends, 14 for halving ten thousand, the page itself, and the planner's reads


def test_the_message_leaves_as_it_was_written() -> None:
    message = '{"b":1.0,"a":"wow \u00d0","amount":"0.10000000", "a":2}'
    event = Event(7, 1, 3, "one", "ab12", "ACC_UPDATED", message, datetime(2026, 11, 21, 4, 5, 6, 789, UTC))

    rendered = outbox.envelope(event)

    assert rendered.startswith(
        b'{"event_type":"ACC_UPDATED","message":' + message.encode() + b',"event_id":"ab12",'
    )
    assert list(json.loads(rendered)) == [
        "event_type",
        "message",
        "event_id",
        "sequence",
        "position",
        "created",
    ]
    assert json.loads(rendered)["created"] == "2026-11-21T04:05:06.000789+00:00"


async def test_new_receivers_begin_at_zero_in_the_first_start_and_at_the_end_later(
    written: AsyncEngine,
) -> None:
    async with written.begin() as db:
        starts = [await outbox.start(db), await outbox.start(db)]
        await outbox.create_cursor(db, "mqtt", 3)
        await outbox.create_cursor(db, "mqtt", 6)
        await outbox.advance(db, "mqtt", 5)
        await outbox.advance(db, "mqtt", 4)

        assert starts == [0, 6]
        assert await outbox.cursor_position(db, "mqtt") == 5


async def test_endpoints_follow_the_configuration_and_keep_their_place(engine: AsyncEngine) -> None:
    shop, audit = Callback("shop", "http://a/1", ("INV",), "one"), Callback("audit", "http://b/")

    async def reconcile(*callbacks: Callback, start: int) -> list[tuple[object, ...]]:
        async with engine.begin() as db:
            await webhooks.reconcile(db, callbacks, start)
            rows = await db.execute(sa.select(webhook_endpoints).order_by(webhook_endpoints.c.id))
            return [(row.name, row.url, row.types, row.secret, row.state, row.position) for row in rows]

    first = await reconcile(shop, start=0)
    second = await reconcile(Callback("shop", "http://a/2", ("ALL",), "two"), audit, start=9)
    third = await reconcile(audit, start=12)
    fourth = await reconcile(shop, audit, start=20)

    assert first == [("shop", "http://a/1", ["INV"], "one", "active", 0)]
    assert [row[:3] for row in second] == [("shop", "http://a/2", ["ALL"]), ("audit", "http://b/", ["ALL"])]
    assert [row[5] for row in second] == [0, 9]
    assert [row[4] for row in third] == ["disabled", "active"]
    assert fourth == [first[0], ("audit", "http://b/", ["ALL"], "", "active", 9)]
    assert "two" not in repr(Callback("shop", "http://a/two", ("ALL",), "two"))
