"""After a restore all numbers go on above those that a lost database may have given out."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import NOBODY, deliveries
from app.db.tables import events as event_rows
from app.domain import holds, installation, outbox, webhooks
from app.domain.holds import NewHold
from app.domain.installation import NewHistory
from app.domain.outbox import BeyondTheEnd, OutboxEvent
from app.domain.payments import pause
from app.domain.payments.pause import SKIPPED_NUMBERS
from app.domain.webhooks import Endpoint, NewEndpoint, Range, Replay
from tests import funding, scenario

OWNERS = {0: "one", 1: "two", NOBODY: ""}


async def emit(engine: AsyncEngine, *accounts: int) -> list[int]:
    """Write an event of each of these accounts; return the positions of the events."""
    async with engine.begin() as db:
        await outbox.emit(
            db, [OutboxEvent(account, OWNERS[account], "INV_CREATED", "{}") for account in accounts]
        )
    async with engine.begin() as db:
        before = await outbox.last_position(db)
        await outbox.sequence(db)
    return list(range(before + 1, before + 1 + len(accounts)))


async def restore(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        number = (await installation.read(db)).restores + 1
        await pause.begin_history(db, NewHistory("an epoch", 0, number))
        await installation.end_restore(db, "an epoch")


async def fan_out_all(engine: AsyncEngine) -> int:
    """Step until there is nothing to do; return how many steps did something."""
    steps = 0
    while True:
        async with engine.begin() as db:
            if not await webhooks.step(db):
                return steps
        steps += 1


async def read(engine: AsyncEngine, after: int, foreign_id: str | None = None) -> Sequence[int]:
    async with engine.connect() as db:
        return [event.position for event in (await outbox.page(db, after, 100, foreign_id=foreign_id)).events]


@pytest.fixture
async def restored(engine: AsyncEngine) -> AsyncEngine:
    """A database that was restored after six events, and has two more of each account since."""
    for name in ("one", "two"):
        await scenario.open_account(engine, name)
    await scenario.event_types(engine)
    await emit(engine, 0, 1, NOBODY, 0, 0, 1)
    await restore(engine)
    await emit(engine, 1, 0, 0, 1)
    return engine


NEW_POSITIONS = range(SKIPPED_NUMBERS + 7, SKIPPED_NUMBERS + 11)


async def test_a_consumer_that_was_ahead_hears_all_that_comes_and_one_that_was_behind_misses_nothing(
    restored: AsyncEngine,
) -> None:
    assert await read(restored, 0) == [1, 2, 3, 4, 5, 6, *NEW_POSITIONS]
    assert await read(restored, 400) == list(NEW_POSITIONS)
    assert await read(restored, NEW_POSITIONS[1]) == list(NEW_POSITIONS[2:])


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (0, [1, 4, 5, NEW_POSITIONS[1], NEW_POSITIONS[2]]),
        (3, [4, 5, NEW_POSITIONS[1], NEW_POSITIONS[2]]),
        (5, [NEW_POSITIONS[1], NEW_POSITIONS[2]]),
        (400, [NEW_POSITIONS[1], NEW_POSITIONS[2]]),
        (NEW_POSITIONS[0], [NEW_POSITIONS[1], NEW_POSITIONS[2]]),
        (NEW_POSITIONS[1], [NEW_POSITIONS[2]]),
        (NEW_POSITIONS[3], []),
    ],
)
async def test_an_accounts_events_are_found_on_both_sides_of_what_was_left_out(
    restored: AsyncEngine, after: int, expected: list[int]
) -> None:
    assert await read(restored, after, "one") == expected


async def test_sequences_are_left_out_as_positions_are_also_of_those_who_were_told_nothing_yet(
    restored: AsyncEngine,
) -> None:
    third = (await scenario.open_account(restored, "three")).id
    await scenario.event_types(restored)
    OWNERS[third] = "three"
    await restore(restored)
    await emit(restored, 0, NOBODY, third)

    async with restored.connect() as db:
        rows = (await db.execute(sa.select(event_rows).order_by(event_rows.c.position))).all()
    sequences = {account: [row.sequence for row in rows if row.account_id == account] for account in OWNERS}
    skipped = SKIPPED_NUMBERS
    assert sequences[0] == [1, 2, 3, skipped + 4, skipped + 5, 2 * skipped + 6]
    assert sequences[NOBODY] == [1, 2 * skipped + 2]
    assert sequences[third] == [skipped + 1]


async def test_fan_out_passes_what_was_left_out_in_one_step_and_an_endpoint_hears_everything(
    engine: AsyncEngine,
) -> None:
    await scenario.open_account(engine, "one")
    await scenario.event_types(engine)
    async with engine.begin() as db:
        endpoint = await webhooks.create(db, NewEndpoint("http://shop.example/", ("ALL",), "x" * 24))
        assert isinstance(endpoint, Endpoint)
    before = await emit(engine, 0, 0)
    await restore(engine)
    assert await fan_out_all(engine) <= 3
    since = await emit(engine, 0)

    assert await fan_out_all(engine) <= 2
    async with engine.begin() as db:
        replay = await webhooks.replay(db, Range(endpoint.id, 0))
        assert replay == Replay(endpoint.id, 0, since[0])
    assert await fan_out_all(engine) <= 3

    async with engine.connect() as db:
        rows = await db.execute(sa.select(deliveries.c.position).order_by(deliveries.c.position))
        assert [row.position for row in rows] == [*before, *since]
        assert await outbox.cursor_position(db, webhooks.CURSOR) == since[0]


async def test_no_number_of_a_hold_or_an_entry_is_given_twice(engine: AsyncEngine) -> None:
    await funding.fund(engine, {"shop": 100})
    order = NewHold("shop", funding.GOLD, "0.5")
    async with engine.begin() as db:
        await funding.credit(engine, 0, 100, funding.GOLD, "gold")
        [before] = await holds.place(db, [order])
    await restore(engine)
    async with engine.begin() as db:
        [after] = await holds.place(db, [order])

    assert scenario.accepted(after).id > scenario.accepted(before).id + SKIPPED_NUMBERS
    async with engine.connect() as db:
        last = await db.scalar(sa.text("SELECT max(id) - min(id) FROM entries"))
    assert (last or 0) >= SKIPPED_NUMBERS


async def test_who_waits_beyond_the_end_is_refused_by_name(restored: AsyncEngine) -> None:
    async with restored.connect() as db:
        await outbox.check(db, NEW_POSITIONS[3])
        with pytest.raises(BeyondTheEnd, match=f"the last one is {NEW_POSITIONS[3]}") as raised:
            await outbox.check(db, NEW_POSITIONS[3] + 1)

    assert raised.value.field == "cursor"
