"""What is old is forgotten once everybody has been told of it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import attempts, deliveries, webhook_backlogs, webhook_endpoints
from app.db.tables import events as event_rows
from app.domain import outbox, webhooks
from app.domain.outbox import OutboxEvent
from app.domain.webhooks import retention

NOW = timedelta(0)


@pytest.fixture
async def told(engine: AsyncEngine) -> AsyncEngine:
    """Ten events; the last two happened just now, the others a week ago."""
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "shop", "INV_CREATED", "{}") for _ in range(10)])
        await outbox.sequence(db)
        old = sa.update(event_rows).where(event_rows.c.position <= 8)
        await db.execute(old.values(created=sa.func.now() - timedelta(days=7)))
    return engine


async def endpoint(engine: AsyncEngine, position: int, state: str = "active") -> int:
    """An endpoint that stands there; where the active ones stand is one cursor."""
    given = {"url": "http://x", "types": ["ALL"], "secret": "", "state": state, "position": position}
    async with engine.begin() as db:
        if state == "active":
            await outbox.advance(db, webhooks.CURSOR, position)
        made = sa.insert(webhook_endpoints).values(given).returning(webhook_endpoints.c.id)
        return int((await db.execute(made)).scalar_one())


async def forgotten(engine: AsyncEngine, age: timedelta = timedelta(days=6), *places: str) -> list[int]:
    """Forget, and return the positions that are left."""
    async with engine.begin() as db:
        await webhooks.delete_expired(db, age, await webhooks.delivered_up_to(db, places))
        return [event.position for event in (await outbox.page(db, 0)).events]


async def test_what_is_younger_than_the_age_stays(told: AsyncEngine) -> None:
    assert await forgotten(told, timedelta(days=8)) == [*range(1, 11)]
    assert await forgotten(told) == [9, 10]
    assert await forgotten(told, NOW) == []


async def test_what_an_active_endpoint_or_a_place_has_not_been_told_stays(told: AsyncEngine) -> None:
    await endpoint(told, 5)
    await endpoint(told, 2, "disabled")
    async with told.begin() as db:
        await outbox.create_cursor(db, "mqtt", 3)
        await outbox.create_cursor(db, "gone", 1)

        backlog = {"endpoint_id": 1, "position": 2, "until": 5, "again": False}
        await db.execute(sa.insert(webhook_backlogs).values(backlog))

    assert await forgotten(told, NOW, "mqtt") == [*range(3, 11)]
    async with told.begin() as db:
        await db.execute(sa.delete(webhook_backlogs))
    assert await forgotten(told, NOW, "mqtt") == [*range(4, 11)]
    assert await forgotten(told, NOW) == [*range(6, 11)]


async def test_what_waits_to_be_delivered_stays_with_all_that_follows_it(told: AsyncEngine) -> None:
    number = await endpoint(told, 10)
    states = {3: "delivered", 4: "failed", 6: "due", 7: "delivered"}
    async with told.begin() as db:
        given = [
            {"endpoint_id": number, "position": place, "state": state} for place, state in states.items()
        ]
        await db.execute(sa.insert(deliveries), given)
        tried = {"endpoint_id": number, "number": 1, "at": sa.func.now(), "milliseconds": 1, "response": ""}
        for place in states:
            await db.execute(sa.insert(attempts).values(position=place, **tried))

    assert await forgotten(told, NOW) == [*range(6, 11)]

    async with told.connect() as db:
        for rows in (deliveries, attempts):
            assert (await db.scalars(sa.select(rows.c.position).order_by(rows.c.position))).all() == [6, 7]


async def test_a_reader_whose_cursor_is_older_goes_on_with_the_oldest_that_is_kept(told: AsyncEngine) -> None:
    await forgotten(told)

    async with told.connect() as db:
        page = await outbox.page(db, 2)

    assert [event.position for event in page.events] == [9, 10]


async def test_a_delivery_whose_event_has_gone_holds_nothing_back(told: AsyncEngine) -> None:
    """A replay may make deliveries of events that are being forgotten just then."""
    number = await endpoint(told, 10)
    assert await forgotten(told) == [9, 10]
    async with told.begin() as db:
        await db.execute(sa.insert(deliveries).values(endpoint_id=number, position=3))

    for _ in range(2):
        left = await forgotten(told, NOW)

    assert left == []
    async with told.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


async def test_one_step_removes_so_many_deliveries_and_attempts_and_says_whether_there_are_more(
    told: AsyncEngine,
) -> None:
    numbers = [await endpoint(told, 10), await endpoint(told, 10)]
    old = f"FROM unnest(ARRAY{numbers}) AS id, generate_series(-{retention.ROWS - 1}, 0) AS n"
    async with told.begin() as db:
        await db.execute(
            sa.text(f"INSERT INTO deliveries (endpoint_id, position, state) SELECT id, n, 'delivered' {old}")
        )
        await db.execute(
            sa.text(
                "INSERT INTO attempts (endpoint_id, position, number, at, milliseconds, response)"
                f" SELECT id, n, 1, now(), 1, '' {old} WHERE id = {numbers[0]}"
            )
        )

    steps = []
    for _ in range(3):
        async with told.begin() as db:
            more = await webhooks.delete_expired(db, NOW, 0)
            counts = [
                await db.scalar(sa.select(sa.func.count()).select_from(rows))
                for rows in (deliveries, attempts)
            ]
            steps.append((more, *counts))

    assert steps == [(True, retention.ROWS, 0), (True, 0, 0), (False, 0, 0)]


async def test_forgetting_waits_for_no_delivery_that_somebody_records(told: AsyncEngine) -> None:
    """Recording locks several rows by their keys: waiting in another order would end in a deadlock."""
    number = await endpoint(told, 10)
    rows = [{"endpoint_id": number, "position": place, "state": "delivered"} for place in (3, 4)]
    async with told.begin() as db:
        await db.execute(sa.insert(deliveries), rows)
    recording = await told.connect()
    await recording.execute(sa.select(deliveries).where(deliveries.c.position == 3).with_for_update())

    async with told.begin() as db:
        await db.execute(sa.text("SET LOCAL lock_timeout = 1"))
        await webhooks.delete_expired(db, NOW, None)
        left = (await db.scalars(sa.select(deliveries.c.position).order_by(deliveries.c.position))).all()
    await recording.close()

    assert left == [3]
    assert await forgotten(told, NOW) == []
    async with told.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


async def test_an_account_counts_on_where_its_events_were_forgotten(told: AsyncEngine) -> None:
    async def tell() -> list[tuple[int, int]]:
        async with told.begin() as db:
            await outbox.emit(
                db, [OutboxEvent(1, "shop", "INV_CREATED", "{}"), OutboxEvent(2, "cafe", "INV_CREATED", "{}")]
            )
            await outbox.sequence(db)
            return [(event.account_id, event.sequence) for event in (await outbox.page(db, 0)).events]

    assert await forgotten(told, NOW) == []
    assert await tell() == [(1, 11), (2, 1)]
    assert await forgotten(told, NOW) == []
    assert await forgotten(told, NOW) == []
    assert await tell() == [(1, 12), (2, 2)]
    assert await tell() == [(1, 12), (2, 2), (1, 13), (2, 3)]


async def test_what_is_kept_and_what_is_due_cost_nothing_however_much_it_is(told: AsyncEngine) -> None:
    number = await endpoint(told, 10)
    many = "SELECT generate_series(100, 30000) AS n"
    async with told.begin() as db:
        await db.execute(
            sa.text(f"INSERT INTO deliveries (endpoint_id, position) SELECT {number}, n FROM ({many}) AS x")
        )
        event = "1, n, n, 'shop', 'id', 'INV_CREATED', '{}', now()"
        columns = "account_id, sequence, position, foreign_id, event_id, type, message, created"
        await db.execute(sa.text(f"INSERT INTO events ({columns}) SELECT {event} FROM ({many}) AS x"))
        await db.execute(sa.text("ANALYZE events, deliveries, webhook_endpoints"))
    await forgotten(told)
    counted = sa.text("SELECT sum(seq_tup_read + idx_tup_fetch + idx_scan) FROM pg_stat_xact_user_tables")

    async with told.begin() as db:
        assert not await webhooks.delete_expired(
            db, timedelta(days=6), await webhooks.delivered_up_to(db, [])
        )
        assert (await db.execute(counted)).scalar_one() < 3 * webhooks.EVENTS_SLICE
