import asyncio
import random

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox
from app.domain.outbox import Fact
from app.tables import NOBODY, events
from app.tables import outbox as outbox_table

WRITERS = 50


def fact(account: int, number: int) -> Fact:
    return Fact(account, f"shop-{account}", "ACC_UPDATED", f'{{"n":{number}}}')


async def emit(engine: AsyncEngine, *facts: Fact) -> None:
    async with engine.begin() as db:
        await outbox.emit(db, facts)


async def sequence(engine: AsyncEngine, limit: int = outbox.BATCH) -> int:
    async with engine.begin() as db:
        return await outbox.sequence(db, limit)


async def stored(engine: AsyncEngine) -> list[sa.Row[tuple[object, ...]]]:
    async with engine.connect() as db:
        return list(await db.execute(sa.select(events).order_by(events.c.position)))


async def test_facts_are_numbered_in_the_order_they_were_emitted(engine: AsyncEngine) -> None:
    await emit(engine, fact(1, 1), fact(2, 2), fact(1, 3))
    await emit(engine, fact(NOBODY, 4))

    assert await sequence(engine) == 4
    rows = await stored(engine)
    assert [(row.position, row.account_id, row.sequence, row.message) for row in rows] == [
        (1, 1, 1, '{"n":1}'),
        (2, 2, 1, '{"n":2}'),
        (3, 1, 2, '{"n":3}'),
        (4, NOBODY, 1, '{"n":4}'),
    ]


async def test_numbers_go_on_from_batch_to_batch(engine: AsyncEngine) -> None:
    await emit(engine, *(fact(number % 2, number) for number in range(5)))

    assert [await sequence(engine, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    rows = await stored(engine)
    assert [row.position for row in rows] == [1, 2, 3, 4, 5]
    assert [(row.account_id, row.sequence) for row in rows] == [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]
    async with engine.connect() as db:
        assert await outbox.last_position(db) == 5


async def test_event_ids_are_unique_and_the_outbox_is_empty_afterwards(engine: AsyncEngine) -> None:
    await emit(engine, *(fact(1, number) for number in range(100)))
    await sequence(engine)

    ids = [row.event_id for row in await stored(engine)]
    assert len(set(ids)) == 100
    assert all(len(name) >= 16 and int(name, 16) >= 0 for name in ids)
    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(outbox_table)) == 0


async def test_nothing_happened_is_no_statement(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await outbox.emit(db, [])
        assert not db.in_transaction()


async def test_a_fact_whose_transaction_is_undone_was_never_told(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await outbox.emit(db, [fact(1, 1)])
        await db.rollback()

    assert await sequence(engine) == 0


async def test_a_reader_by_position_sees_every_fact_of_50_late_writers_once_and_in_order(engine: AsyncEngine) -> None:
    chance = random.Random(7)
    writing = asyncio.Event()
    seen: list[tuple[int, int, int]] = []

    async def write(writer: int) -> None:
        for number in range(6):
            async with engine.begin() as db:
                await outbox.emit(db, [fact(writer % 5, writer * 100 + number)] * chance.randint(1, 3))
                await asyncio.sleep(chance.random() * 0.02)  # ids are given, the commit comes late

    async def move() -> None:
        while not writing.is_set() or await sequence(engine, limit=17):
            await sequence(engine, limit=17)

    async def read() -> None:
        done = False
        while not done:
            done = writing.is_set()
            position = seen[-1][0] if seen else 0
            query = sa.select(events.c.position, events.c.account_id, events.c.sequence)
            async with engine.connect() as db:
                found = await db.execute(query.where(events.c.position > position).order_by(events.c.position))
            seen.extend((row.position, row.account_id, row.sequence) for row in found)

    async with asyncio.TaskGroup() as readers:
        readers.create_task(read())
        async with asyncio.TaskGroup() as movers:
            movers.create_task(move())
            movers.create_task(move())  # two sequencers at once are only slower
            async with asyncio.TaskGroup() as writers:
                for writer in range(WRITERS):
                    writers.create_task(write(writer))
            writing.set()
    await read()

    assert len(seen) >= WRITERS * 6
    assert [position for position, _, _ in seen] == list(range(1, len(seen) + 1))
    for account in range(5):
        sequences = [number for _, owner, number in seen if owner == account]
        assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.parametrize(
    "text", ["", "\\", "\\N", "\\.", "a\tb", "a\nb\r\n", "\\t", '{"a":"\\u00e9 \\\\ Đ 🐕"}', "\x7f\u2028"]
)
async def test_a_fact_is_kept_as_it_was_written(engine: AsyncEngine, text: str) -> None:
    async with engine.begin() as db:
        await outbox.emit(db, [Fact(7, text, "INV_CREATED", "{}"), Fact(-3, "plain", text, text)])

    async with engine.connect() as db:
        columns = [outbox_table.c[name] for name in ("account_id", "foreign_id", "type", "message")]
        rows = await db.execute(sa.select(*columns).order_by(outbox_table.c.id))
        assert [tuple(row) for row in rows] == [(7, text, "INV_CREATED", "{}"), (-3, "plain", text, text)]
