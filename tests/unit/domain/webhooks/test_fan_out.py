"""Every event becomes one delivery to each endpoint whose filter it matches."""

import asyncio
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import deliveries, events, sequencer, webhook_endpoints
from app.domain import accounts, outbox, webhooks
from app.domain.outbox import OutboxEvent
from app.domain.pages import PageRequest
from app.domain.webhooks import Callback, Change, Endpoint, Load, NewEndpoint, Outcome, Range, fan_out
from tests import scenario

ROUNDS = 40
EVENTS = 3


async def make(engine: AsyncEngine, *types: str) -> int:
    async with engine.begin() as db:
        endpoint = await webhooks.create(db, NewEndpoint("http://shop.example/", types, "x" * 24))
    assert isinstance(endpoint, Endpoint)
    return endpoint.id


async def emit(engine: AsyncEngine, count: int = EVENTS) -> None:
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "shop", "INV_CREATED", "{}")] * count)
    async with engine.begin() as db:
        await outbox.sequence(db)


async def step(engine: AsyncEngine) -> bool:
    async with engine.begin() as db:
        return await webhooks.step(db)


async def positions(engine: AsyncEngine, endpoint: int) -> list[int]:
    async with engine.connect() as db:
        mine = sa.select(deliveries.c.position).where(deliveries.c.endpoint_id == endpoint)
        return list(await db.scalars(mine.order_by(deliveries.c.position)))


async def test_an_endpoint_that_is_disabled_and_enabled_while_two_processes_fan_out_misses_nothing(
    engine: AsyncEngine,
) -> None:
    steady, nervous, other = [await make(engine, kind) for kind in ("ALL", "INV_CREATED", "PAYMENT")]
    over = asyncio.Event()

    async def happen() -> None:
        for _ in range(ROUNDS):
            await emit(engine)
        over.set()

    async def fan() -> None:
        while not over.is_set():
            await step(engine)

    async def toggle() -> None:
        while not over.is_set():
            for state in ("disabled", "active"):
                async with engine.begin() as db:
                    await webhooks.change(db, Change(nervous, {"state": state}))

    await asyncio.gather(happen(), fan(), fan(), toggle())
    while await step(engine):
        pass

    every = list(range(1, ROUNDS * EVENTS + 1))
    assert await positions(engine, steady) == every
    assert await positions(engine, nervous) == every
    assert await positions(engine, other) == []


async def test_an_endpoint_that_is_created_between_two_fan_outs_gets_all_later_events(
    engine: AsyncEngine,
) -> None:
    first = await make(engine, "ALL")
    await emit(engine)
    second = await make(engine, "ALL")
    await emit(engine)
    while await step(engine):
        pass

    assert await positions(engine, first) == [1, 2, 3, 4, 5, 6]
    assert await positions(engine, second) == [4, 5, 6]


async def test_an_endpoint_of_the_configuration_that_joins_others_misses_nothing_after_its_position(
    engine: AsyncEngine,
) -> None:
    await make(engine, "ALL")
    async with engine.begin() as db:
        await outbox.start(db)
    await emit(engine)

    async with engine.begin() as db:
        start = await outbox.start(db)
        await emit(engine)
        while await step(engine):  # another process, that knows nothing of the new one
            pass
        await webhooks.reconcile(db, [Callback("late", "http://late.example/")], start)
        await emit(engine)
        assert not await step(engine)
    while await step(engine):
        pass

    async with engine.connect() as db:
        page = await webhooks.page(db, PageRequest(None, 10))
        [late] = [endpoint for endpoint in page.items if endpoint.name == "late"]
        [start_position] = await db.scalars(
            sa.select(webhook_endpoints.c.position).where(webhook_endpoints.c.id == late.id)
        )
    assert await positions(engine, late.id) == [*range(start_position + 1, 10)] == [7, 8, 9]


async def test_the_first_endpoint_does_not_wait_until_the_fan_out_has_passed_all_earlier_events(
    engine: AsyncEngine,
) -> None:
    await emit(engine, 1_000)
    async with engine.begin() as db:
        await webhooks.reconcile(db, [Callback("first", "http://first.example/")], 1_000)
    await emit(engine)
    await step(engine)

    assert await positions(engine, 1) == [1_001, 1_002, 1_003]


async def test_an_endpoint_of_a_renamed_account_gets_events_of_its_old_name_too(
    engine: AsyncEngine,
) -> None:
    account = await scenario.open_account(engine, "recovered-0")
    await scenario.event_types(engine)
    async with engine.begin() as db:
        new = NewEndpoint("http://shop.example/", ("ALL",), "x" * 24, "recovered-0")
        endpoint = scenario.accepted(await webhooks.create(db, new))
        await outbox.emit(db, [OutboxEvent(account.id, "recovered-0", "INV_CREATED", "{}")])

    async with engine.begin() as db:
        await accounts.rename(db, "recovered-0", "shop")
        await webhooks.rename(db, "recovered-0", "shop")
        await outbox.sequence(db)
    await step(engine)
    assert await positions(engine, endpoint.id) == [1, 2]

    async with engine.begin() as db:
        await db.execute(sa.delete(deliveries))
        scenario.accepted(await webhooks.replay(db, Range(endpoint.id, 0)))
    await step(engine)
    assert await positions(engine, endpoint.id) == [1, 2]


async def test_recording_an_attempt_and_sending_it_again_do_not_deadlock(
    engine: AsyncEngine,
) -> None:
    endpoint = await make(engine, "ALL")
    await emit(engine, 1)
    await step(engine)

    async with engine.connect() as other:
        async with engine.begin() as recording:
            [claimed] = await webhooks.claim(recording, Load(), 1, 60)
            again = asyncio.create_task(webhooks.redeliver(other, claimed.key))
            blocked = "NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            while not await recording.scalar(sa.text(f"SELECT count(*) FROM pg_locks WHERE {blocked}")):
                pass
            failed = Outcome(claimed, datetime.now(UTC), 500, 1, "")
            await webhooks.record(recording, [failed], [], [60], lambda: 0.5)
        record = scenario.accepted(await again)

    assert (record.key.endpoint_id, record.state) == (endpoint, "due")


async def test_a_replay_passes_deleted_events_in_one_step(engine: AsyncEngine) -> None:
    endpoint = await make(engine, "ALL")
    await emit(engine)
    async with engine.begin() as db:
        far = 1_000_000
        await db.execute(sa.update(events).values(position=events.c.position + far))
        await db.execute(sa.update(sequencer).where(sequencer.c.account_id < 0).values(last=far + EVENTS))
        await outbox.advance(db, webhooks.CURSOR, far + EVENTS)
        scenario.accepted(await webhooks.replay(db, Range(endpoint, 0)))

    await step(engine)
    assert await positions(engine, endpoint) == [far + 1, far + 2, far + 3]


async def test_a_fan_out_makes_no_more_deliveries_than_its_limit_and_goes_on_where_it_stopped(
    engine: AsyncEngine,
) -> None:
    await make(engine, "ALL")
    await emit(engine, 1_000)

    async with engine.begin() as db:
        assert await webhooks.step(db)
        assert await outbox.cursor_position(db, webhooks.CURSOR) == fan_out.ROWS // (webhooks.OF_ACCOUNT + 1)
    while await step(engine):
        pass

    assert await positions(engine, 1) == list(range(1, 1_001))


async def test_a_process_that_finds_another_fanning_out_does_not_wait(engine: AsyncEngine) -> None:
    await make(engine, "ALL")
    await emit(engine)

    async with engine.begin() as first:
        assert await webhooks.step(first)
        async with asyncio.timeout(5):
            assert not await step(engine)
