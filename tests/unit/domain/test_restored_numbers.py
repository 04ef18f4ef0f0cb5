"""After a restore everything that is told by its number counts on above what a lost database may have told."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import NOBODY, deliveries
from app.db.tables import events as event_rows
from app.domain import holds, installation, outbox, webhooks
from app.domain.holds import NewHold
from app.domain.installation import Beginning
from app.domain.outbox import BeyondTheEnd, OutboxEvent
from app.domain.payments import pause
from app.domain.payments.pause import SKIPPED_NUMBERS
from app.domain.webhooks import Endpoint, NewEndpoint, Range, Replay
from tests import funding, scenario

OWNERS = {0: "one", 1: "two", NOBODY: ""}


async def tell(engine: AsyncEngine, *accounts: int) -> list[int]:
    """Tell a fact of each of these accounts; returns the positions of the events."""
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
        await pause.begin_history(db, Beginning("an epoch", 0, number))
        await installation.go_on(db, "an epoch")


async def fan_out_all(engine: AsyncEngine) -> int:
    """Step until there is nothing to do; how often there was."""
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
async def told(engine: AsyncEngine) -> AsyncEngine:
    """A database that was restored after six events, when more had been told, and told two of each account since."""
    for name in ("one", "two"):
        await scenario.open_account(engine, name)
    await scenario.event_types(engine)
    await tell(engine, 0, 1, NOBODY, 0, 0, 1)
    await restore(engine)
    await tell(engine, 1, 0, 0, 1)
    return engine


NEW = range(SKIPPED_NUMBERS + 7, SKIPPED_NUMBERS + 11)


async def test_a_consumer_that_was_ahead_hears_all_that_comes_and_one_that_was_behind_misses_nothing(
    told: AsyncEngine,
) -> None:
    assert await read(told, 0) == [1, 2, 3, 4, 5, 6, *NEW]
    assert await read(told, 400) == list(NEW)
    assert await read(told, NEW[1]) == list(NEW[2:])


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (0, [1, 4, 5, NEW[1], NEW[2]]),
        (3, [4, 5, NEW[1], NEW[2]]),
        (5, [NEW[1], NEW[2]]),
        (400, [NEW[1], NEW[2]]),
        (NEW[0], [NEW[1], NEW[2]]),
        (NEW[1], [NEW[2]]),
        (NEW[3], []),
    ],
)
async def test_an_accounts_events_are_found_on_both_sides_of_what_was_left_out(
    told: AsyncEngine, after: int, expected: list[int]
) -> None:
    assert await read(told, after, "one") == expected


async def test_sequences_are_left_out_as_positions_are_also_of_those_who_were_told_nothing_yet(
    told: AsyncEngine,
) -> None:
    third = (await scenario.open_account(told, "three")).id
    await scenario.event_types(told)
    OWNERS[third] = "three"
    await restore(told)
    await tell(told, 0, NOBODY, third)

    async with told.connect() as db:
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
        made = await webhooks.create(db, NewEndpoint("http://shop.example/", ("ALL",), "x" * 24))
        assert isinstance(made, Endpoint)
    before = await tell(engine, 0, 0)
    await restore(engine)
    assert await fan_out_all(engine) <= 3
    since = await tell(engine, 0)

    assert await fan_out_all(engine) <= 2
    async with engine.begin() as db:
        again = await webhooks.replay(db, Range(made.id, 0))
        assert again == Replay(made.id, 0, since[0])
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


async def test_who_waits_beyond_the_end_is_refused_by_name(told: AsyncEngine) -> None:
    async with told.connect() as db:
        await outbox.check(db, NEW[3])
        with pytest.raises(BeyondTheEnd, match=f"the last one is {NEW[3]}") as raised:
            await outbox.check(db, NEW[3] + 1)

    assert raised.value.field == "cursor"
