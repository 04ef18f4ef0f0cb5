"""Old events are deleted once every receiver has got them."""

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
async def emitted(engine: AsyncEngine) -> AsyncEngine:
    """Ten events; the last two happened just now, the others a week ago."""
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "shop", "INV_CREATED", "{}") for _ in range(10)])
        await outbox.sequence(db)
        old = sa.update(event_rows).where(event_rows.c.position <= 8)
        await db.execute(old.values(created=sa.func.now() - timedelta(days=7)))
    return engine


async def endpoint(engine: AsyncEngine, position: int, state: str = "active") -> int:
    """An endpoint at this position; active ones share one cursor."""
    values = {"url": "http://x", "types": ["ALL"], "secret": "", "state": state, "position": position}
    async with engine.begin() as db:
        if state == "active":
            await outbox.advance(db, webhooks.CURSOR, position)
        row = sa.insert(webhook_endpoints).values(values).returning(webhook_endpoints.c.id)
        return int((await db.execute(row)).scalar_one())


async def after_deleting(engine: AsyncEngine, age: timedelta = timedelta(days=6), *sinks: str) -> list[int]:
    """Delete what has expired, and return the positions of the other events."""
    async with engine.begin() as db:
        await webhooks.delete_expired(db, age, await webhooks.delivered_up_to(db, sinks))
        return [event.position for event in (await outbox.page(db, 0)).events]


async def test_what_is_younger_than_the_age_stays(emitted: AsyncEngine) -> None:
    assert await after_deleting(emitted, timedelta(days=8)) == [*range(1, 11)]
    assert await after_deleting(emitted) == [9, 10]
    assert await after_deleting(emitted, NOW) == []


async def test_events_that_an_active_endpoint_or_a_sink_has_not_got_stay(emitted: AsyncEngine) -> None:
    await endpoint(emitted, 5)
    await endpoint(emitted, 2, "disabled")
    async with emitted.begin() as db:
        await outbox.create_cursor(db, "mqtt", 3)
        await outbox.create_cursor(db, "gone", 1)

        backlog = {"endpoint_id": 1, "position": 2, "until": 5, "redelivers": False}
        await db.execute(sa.insert(webhook_backlogs).values(backlog))

    assert await after_deleting(emitted, NOW, "mqtt") == [*range(3, 11)]
    async with emitted.begin() as db:
        await db.execute(sa.delete(webhook_backlogs))
    assert await after_deleting(emitted, NOW, "mqtt") == [*range(4, 11)]
    assert await after_deleting(emitted, NOW) == [*range(6, 11)]


async def test_an_event_with_a_due_delivery_stays_and_so_do_all_later_ones(emitted: AsyncEngine) -> None:
    number = await endpoint(emitted, 10)
    states = {3: "delivered", 4: "failed", 6: "due", 7: "delivered"}
    async with emitted.begin() as db:
        rows = [{"endpoint_id": number, "position": n, "state": state} for n, state in states.items()]
        await db.execute(sa.insert(deliveries), rows)
        tried = {"endpoint_id": number, "number": 1, "at": sa.func.now(), "milliseconds": 1, "response": ""}
        for position in states:
            await db.execute(sa.insert(attempts).values(position=position, **tried))

    assert await after_deleting(emitted, NOW) == [*range(6, 11)]

    async with emitted.connect() as db:
        for table in (deliveries, attempts):
            positions = sa.select(table.c.position).order_by(table.c.position)
            assert (await db.scalars(positions)).all() == [6, 7]


async def test_a_reader_with_an_older_cursor_goes_on_with_the_oldest_event(emitted: AsyncEngine) -> None:
    await after_deleting(emitted)

    async with emitted.connect() as db:
        page = await outbox.page(db, 2)

    assert [event.position for event in page.events] == [9, 10]


async def test_a_delivery_whose_event_was_deleted_holds_nothing_back(emitted: AsyncEngine) -> None:
    """A replay may make deliveries of events that are deleted at the same time."""
    number = await endpoint(emitted, 10)
    assert await after_deleting(emitted) == [9, 10]
    async with emitted.begin() as db:
        await db.execute(sa.insert(deliveries).values(endpoint_id=number, position=3))

    for _ in range(2):
        positions = await after_deleting(emitted, NOW)

    assert positions == []
    async with emitted.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


async def test_one_step_deletes_a_limited_number_of_deliveries_and_attempts_and_says_whether_there_are_more(
    emitted: AsyncEngine,
) -> None:
    numbers = [await endpoint(emitted, 10), await endpoint(emitted, 10)]
    old = f"FROM unnest(ARRAY{numbers}) AS id, generate_series(-{retention.ROWS - 1}, 0) AS n"
    async with emitted.begin() as db:
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
        async with emitted.begin() as db:
            goes_on = await webhooks.delete_expired(db, NOW, 0)
            counts = [
                await db.scalar(sa.select(sa.func.count()).select_from(rows))
                for rows in (deliveries, attempts)
            ]
            steps.append((goes_on, *counts))

    assert steps == [(True, retention.ROWS, 0), (True, 0, 0), (False, 0, 0)]


async def test_deletion_skips_a_delivery_that_is_being_recorded(emitted: AsyncEngine) -> None:
    """Recording locks several rows by their keys: waiting in another order would end in a deadlock."""
    number = await endpoint(emitted, 10)
    rows = [{"endpoint_id": number, "position": n, "state": "delivered"} for n in (3, 4)]
    async with emitted.begin() as db:
        await db.execute(sa.insert(deliveries), rows)
    recording = await emitted.connect()
    await recording.execute(sa.select(deliveries).where(deliveries.c.position == 3).with_for_update())

    async with emitted.begin() as db:
        await db.execute(sa.text("SET LOCAL lock_timeout = 1"))
        await webhooks.delete_expired(db, NOW, None)
        positions = (await db.scalars(sa.select(deliveries.c.position).order_by(deliveries.c.position))).all()
    await recording.close()

    assert positions == [3]
    assert await after_deleting(emitted, NOW) == []
    async with emitted.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


async def test_the_sequence_of_an_account_goes_on_after_its_events_were_deleted(emitted: AsyncEngine) -> None:
    async def emit() -> list[tuple[int, int]]:
        async with emitted.begin() as db:
            await outbox.emit(
                db, [OutboxEvent(1, "shop", "INV_CREATED", "{}"), OutboxEvent(2, "cafe", "INV_CREATED", "{}")]
            )
            await outbox.sequence(db)
            return [(event.account_id, event.sequence) for event in (await outbox.page(db, 0)).events]

    assert await after_deleting(emitted, NOW) == []
    assert await emit() == [(1, 11), (2, 1)]
    assert await after_deleting(emitted, NOW) == []
    assert await after_deleting(emitted, NOW) == []
    assert await emit() == [(1, 12), (2, 2)]
    assert await emit() == [(1, 12), (2, 2), (1, 13), (2, 3)]


async def test_events_that_stay_and_due_deliveries_cost_nothing_however_many_there_are(
    emitted: AsyncEngine,
) -> None:
    number = await endpoint(emitted, 10)
    many = "SELECT generate_series(100, 30000) AS n"
    async with emitted.begin() as db:
        await db.execute(
            sa.text(f"INSERT INTO deliveries (endpoint_id, position) SELECT {number}, n FROM ({many}) AS x")
        )
        event = "1, n, n, 'shop', 'id', 'INV_CREATED', '{}', now()"
        columns = "account_id, sequence, position, foreign_id, event_id, type, message, created"
        await db.execute(sa.text(f"INSERT INTO events ({columns}) SELECT {event} FROM ({many}) AS x"))
        await db.execute(sa.text("ANALYZE events, deliveries, webhook_endpoints"))
    await after_deleting(emitted)
    counted = sa.text("SELECT sum(seq_tup_read + idx_tup_fetch + idx_scan) FROM pg_stat_xact_user_tables")

    async with emitted.begin() as db:
        assert not await webhooks.delete_expired(
            db, timedelta(days=6), await webhooks.delivered_up_to(db, [])
        )
        assert (await db.execute(counted)).scalar_one() < 3 * webhooks.EVENTS_SLICE
