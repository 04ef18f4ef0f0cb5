import asyncio
import json
import random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.db.tables import NOBODY, events
from app.db.tables import outbox as outbox_table
from app.domain import outbox
from app.domain.outbox import Event, OutboxEvent, writing
from tests import plans

WRITERS = 50


def event(account: int, number: int) -> OutboxEvent:
    return OutboxEvent(account, f"shop-{account}", "ACC_UPDATED", f'{{"n":{number}}}')


async def emit(engine: AsyncEngine, *new_events: OutboxEvent) -> None:
    async with engine.begin() as db:
        await outbox.emit(db, new_events)


async def sequence(engine: AsyncEngine, limit: int = outbox.BATCH) -> int:
    async with engine.begin() as db:
        return await outbox.sequence(db, limit)


async def stored(engine: AsyncEngine) -> list[sa.Row[tuple[object, ...]]]:
    async with engine.connect() as db:
        return list(await db.execute(sa.select(events).order_by(events.c.position)))


async def test_events_are_numbered_in_the_order_in_which_they_were_emitted(engine: AsyncEngine) -> None:
    await emit(engine, event(1, 1), event(2, 2), event(1, 3))
    await emit(engine, event(NOBODY, 4))

    assert await sequence(engine) == 4
    rows = await stored(engine)
    assert [(row.position, row.account_id, row.sequence, row.message) for row in rows] == [
        (1, 1, 1, '{"n":1}'),
        (2, 2, 1, '{"n":2}'),
        (3, 1, 2, '{"n":3}'),
        (4, NOBODY, 1, '{"n":4}'),
    ]


async def test_numbers_go_on_from_batch_to_batch(engine: AsyncEngine) -> None:
    await emit(engine, *(event(number % 2, number) for number in range(5)))

    assert [await sequence(engine, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    rows = await stored(engine)
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert [(row.account_id, row.sequence) for row in rows] == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]
    async with engine.connect() as db:
        assert await outbox.last_position(db) == 5


async def test_numbering_uses_no_nested_loop_though_postgresql_takes_the_outbox_for_empty(
    engine: AsyncEngine,
) -> None:
    """Whenever it counts the rows of the outbox, there is hardly any."""
    await emit(engine, event(1, 1))
    async with engine.begin() as db:
        await db.execute(sa.text("ANALYZE outbox"))
    await emit(engine, *(event(number % 9, number) for number in range(50)))

    async with engine.begin() as db, plans.watched(db) as watched:
        assert await outbox.sequence(db) == 51

    [moving] = [plan for plan in watched if "Insert on events" in plan]
    assert "Hash Join" in moving
    assert "Nested Loop" not in moving


async def test_event_ids_are_unique_and_the_outbox_is_empty_afterwards(engine: AsyncEngine) -> None:
    await emit(engine, *(event(1, number) for number in range(100)))
    await sequence(engine)

    ids = [row.event_id for row in await stored(engine)]
    assert len(set(ids)) == 100
    assert all(len(name) >= 16 and int(name, 16) >= 0 for name in ids)
    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(outbox_table)) == 0


async def test_without_events_there_is_no_statement(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await outbox.emit(db, [])
        assert not db.in_transaction()


async def test_an_event_whose_transaction_is_rolled_back_is_never_emitted(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await outbox.emit(db, [event(1, 1)])
        await db.rollback()

    assert await sequence(engine) == 0


async def test_readers_by_position_get_every_event_of_50_late_writers_once_and_in_order(
    database: str,
) -> None:
    engine = open_engine(database, connections=WRITERS + 6)  # so that all of them write at once
    chance = random.Random(7)
    writing = asyncio.Event()
    committed: list[str] = []

    async def write(writer: int) -> None:
        for number in range(8):
            new_events = [
                event(writer % 5, writer * 1_000 + number * 10 + nth) for nth in range(chance.randint(1, 3))
            ]
            async with engine.connect() as db:
                await outbox.emit(db, new_events)
                await asyncio.sleep(chance.random() * 0.05)  # ids are given, the commit comes late
                if chance.random() < 0.1:
                    continue  # or never
                await db.commit()
            committed.extend(event.message for event in new_events)

    async def move() -> None:
        while not writing.is_set() or await sequence(engine, limit=17):
            await sequence(engine, limit=17)

    async with asyncio.TaskGroup() as group:
        moving = asyncio.gather(move(), move())  # two sequencers at once are only slower
        readers = [group.create_task(read(engine, limit, moving)) for limit in (1, 10, 1_000)]
        async with asyncio.TaskGroup() as writers:
            for writer in range(WRITERS):
                writers.create_task(write(writer))
        writing.set()
        await moving
    await engine.dispose()

    for reader in readers:
        assert_once_and_in_order(reader.result(), committed)


async def read(engine: AsyncEngine, limit: int, moving: asyncio.Future[Any]) -> list[Event]:
    """Read page after page from the position that the last one ended with, until nothing more can come."""
    events_read: list[Event] = []
    position, over = 0, False
    while not over:
        over, full = moving.done(), True
        while full:
            async with engine.connect() as db:
                page = await outbox.page(db, position, limit)
            full, position = len(page.events) == limit, page.position
            events_read.extend(page.events)
    return events_read


def assert_once_and_in_order(events_read: list[Event], committed: list[str]) -> None:
    """Every event once; no gaps by position and by account; those of one writer in its order."""
    assert [event.position for event in events_read] == list(range(1, len(committed) + 1))
    assert sorted(event.message for event in events_read) == sorted(committed)
    for account in range(5):
        of_account = [event.sequence for event in events_read if event.account_id == account]
        assert of_account == list(range(1, len(of_account) + 1))
    for writer in range(WRITERS):
        own = [
            number for event in events_read if (number := json.loads(event.message)["n"]) // 1_000 == writer
        ]
        assert own == sorted(own)


@pytest.mark.parametrize(
    "text", ["", "\\", "\\N", "\\.", "a\tb", "a\nb\r\n", "\\t", '{"a":"\\u00e9 \\\\ Đ 🐕"}', "\x7f\u2028"]
)
async def test_an_event_is_stored_as_it_was_written(engine: AsyncEngine, text: str) -> None:
    async with engine.begin() as db:
        await outbox.emit(
            db, [OutboxEvent(7, text, "INV_CREATED", "{}"), OutboxEvent(-3, "plain", text, text)]
        )

    async with engine.connect() as db:
        columns = [outbox_table.c[name] for name in ("account_id", "foreign_id", "type", "message")]
        rows = await db.execute(sa.select(*columns).order_by(outbox_table.c.id))
        assert [tuple(row) for row in rows] == [(7, text, "INV_CREATED", "{}"), (-3, "plain", text, text)]


async def sequence_few(engine: AsyncEngine, *new_events: OutboxEvent) -> bool:
    async with engine.begin() as db:
        await outbox.emit(db, new_events)
        return await outbox.sequence_few(db, stride=1)


async def test_a_transaction_can_number_its_own_events_and_those_that_wait(engine: AsyncEngine) -> None:
    await emit(engine, event(1, 1))
    async with engine.connect() as db:
        await outbox.emit(db, [event(1, 2)])
        assert await outbox.sequence_few(db, stride=1)
        await db.rollback()
    rolled_back = await stored(engine)

    numbered = await sequence_few(engine, event(1, 3), event(2, 4))

    rows = await stored(engine)
    assert (rolled_back, numbered, await sequence(engine)) == ([], True, 0)
    assert [(row.position, row.account_id, row.sequence) for row in rows] == [(1, 1, 1), (2, 1, 2), (3, 2, 1)]


async def test_who_meets_another_that_numbers_waits_for_nothing_and_leaves_it_the_events(
    engine: AsyncEngine,
) -> None:
    await emit(engine, event(1, 1))
    async with engine.begin() as db:
        await outbox.sequence(db)
        numbered = await asyncio.wait_for(sequence_few(engine, event(1, 2)), timeout=5)

    assert (numbered, await sequence(engine)) == (False, 1)
    assert [(row.position, row.sequence) for row in await stored(engine)] == [(1, 1), (2, 2)]


async def test_of_many_events_a_transaction_numbers_the_first_few(engine: AsyncEngine) -> None:
    await emit(engine, *(event(1, number) for number in range(writing.FEW)))

    numbered = await sequence_few(engine, event(1, writing.FEW))

    assert (numbered, await sequence(engine)) == (False, 1)
    assert [row.sequence for row in await stored(engine)] == list(range(1, writing.FEW + 2))
