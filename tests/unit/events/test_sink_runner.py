import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import tables
from app.domain import outbox
from app.domain.outbox import Event
from app.events import sequencer
from app.events.sink_runner import Sink, SinkRunner, UndeliveredEvents
from app.runtime import lease
from tests.unit.events.steps import tell, until


@dataclass
class Place:
    """Takes what the script lets it take: a number of events and then a refusal; at its end all."""

    script: list[int] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    rests: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    stall: Callable[[], asyncio.Future[None]] | None = None
    reasons: list[str] = field(default_factory=list)

    async def send(self, page: Sequence[Event]) -> None:
        self.sizes.append(len(page))
        self.asked.set()
        if self.stall is not None:
            await self.stall()
        if self.script:
            taken = self.script.pop(0)
            self.taken += page[:taken]
            raise UndeliveredEvents(self.reasons.pop(0) if self.reasons else "full", taken)
        self.taken += page

    async def rest(self) -> None:
        self.rests += 1

    def positions(self) -> list[int]:
        return [event.position for event in self.taken]


class Clock:
    """A time that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sink(place: Place, types: tuple[str, ...] = ("ALL",), foreign_id: str | None = None) -> Sink:
    return Sink("place", "the place", place.send, types, foreign_id, batch=10, rest=place.rest)


@asynccontextmanager
async def telling(
    engine: AsyncEngine, one: Sink, holder: str = "one", clock: Callable[[], float] | None = None
) -> AsyncIterator[SinkRunner]:
    await sequencer.prepare(engine, [], [one])
    found = (
        SinkRunner(engine, one, holder, waits_seconds=(0,))
        if clock is None
        else SinkRunner(engine, one, holder, clock=clock)
    )
    yield found
    await found.close()


async def cursor(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await outbox.read(db, "place")


async def test_what_was_taken_is_not_sent_again_and_what_was_not_is_in_order(engine: AsyncEngine) -> None:
    place = Place([3, 0, 10, 1])
    async with telling(engine, sink(place)) as teller:
        await tell(engine, 35)
        await until(teller.step, lambda: len(place.taken) >= 35)

    assert place.positions() == list(range(1, 36))
    assert place.sizes == [10] * 6 + [1]
    assert await cursor(engine) == 35


async def test_a_place_that_refuses_is_left_alone_longer_and_longer_and_told_of_once(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    place, clock = Place([0] * 9), Clock()
    waits = []
    async with telling(engine, sink(place), clock=clock) as teller:
        await tell(engine, 1)
        while place.script:
            asked, began = len(place.sizes), clock.now
            while len(place.sizes) == asked:
                assert not await teller.step()
                clock.now += 0.25
            waits.append(clock.now - began - 0.25)
        assert teller.trouble() == "full"
        clock.now += 30
        await until(teller.step, lambda: place.taken)

        assert teller.trouble() == ""
    assert waits == [0, 0, 0.25, 0.75, 1.75, 4.75, 9.75, 29.75, 29.75]
    assert caplog.text.count("the place does not take events (full)") == 1


async def test_of_reasons_that_alternate_each_is_told_once_until_all_goes_well(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    place, clock = Place([0] * 5, reasons=["full", "gone", "full", "gone", "full"]), Clock()
    async with telling(engine, sink(place), clock=clock) as teller:
        for refusals in (5, 1):
            place.script = [0] * refusals
            await tell(engine, 1)
            while place.script or teller.trouble():
                await teller.step()
                clock.now += 30

    assert (caplog.text.count("(full)"), caplog.text.count("(gone)")) == (2, 1)


async def test_a_sink_is_sent_its_types_of_its_account_and_its_cursor_passes_the_rest(
    engine: AsyncEngine,
) -> None:
    place = Place()
    async with engine.begin() as db:
        await db.execute(sa.insert(tables.accounts).values(id=2, foreign_id="shop-2", xpub="", address=""))
    async with telling(engine, sink(place, ("INV", "ACC_CREATED"), "shop-2")) as teller:
        await tell(engine, 3, account=2)
        await tell(engine, 2, account=2, type="INV_CREATED")
        await tell(engine, 2, account=3, type="INV_CREATED")
        await tell(engine, 1, account=2, type="ACC_CREATED")
        await tell(engine, 1, account=2)
        await until(teller.step, lambda: len(place.taken) >= 3)
        await teller.step()

        assert not await teller.step()
    assert place.positions() == [4, 5, 8]
    assert await cursor(engine) == 9


async def test_a_sink_that_is_new_hears_only_what_comes_and_one_that_comes_back_what_it_missed(
    engine: AsyncEngine,
) -> None:
    await sequencer.prepare(engine, [], [])
    await tell(engine, 3)
    place = Place()
    async with telling(engine, sink(place)) as teller:
        await tell(engine, 1)
        await until(teller.step, lambda: place.taken)
    await sequencer.prepare(engine, [], [])
    await tell(engine, 1)
    async with telling(engine, sink(place)) as teller:
        await until(teller.step, lambda: len(place.taken) >= 2)

    assert place.positions() == [4, 5]


async def test_whoever_loses_the_lease_while_it_sends_stops_sending(engine: AsyncEngine) -> None:
    place = Place()
    place.stall = asyncio.get_running_loop().create_future
    async with telling(engine, sink(place)) as teller:
        await tell(engine, 1)
        step = asyncio.create_task(teller.step())
        await place.asked.wait()
        async with engine.begin() as db:  # as if it had run out, and another had taken it
            await lease.release(db, "place", "one")
            await lease.acquire(db, "place", "two", timedelta(seconds=60))
        async with asyncio.timeout(10):
            assert not await step

        assert not await teller.step()
    assert place.taken == []
    assert place.rests >= 2
    assert await cursor(engine) == 0


async def test_a_slow_place_keeps_its_lease(engine: AsyncEngine) -> None:
    place, slow = Place(), asyncio.get_running_loop().create_future()
    place.stall = lambda: slow
    async with telling(engine, sink(place)) as teller:
        await tell(engine, 1)
        step = asyncio.create_task(teller.step())
        await place.asked.wait()
        taken = await expiry(engine)
        await asyncio.sleep(lease.RENEW_SECONDS + 0.3)

        assert await expiry(engine) > taken
        slow.set_result(None)
        assert await step
    assert place.positions() == [1]


async def expiry(engine: AsyncEngine) -> datetime:
    async with engine.connect() as db:
        found: datetime = (await db.execute(sa.select(tables.leases.c.expires))).scalar_one()
        return found


async def test_a_fault_in_a_sink_is_its_trouble_and_nobody_elses(engine: AsyncEngine) -> None:
    place = Place()

    async def broken(page: Sequence[Event]) -> None:
        if not place.sizes:
            place.sizes.append(len(page))
            raise KeyError("a fault of ours")
        await place.send(page)

    async with telling(engine, Sink("place", "the place", broken)) as teller:
        await tell(engine, 1)

        assert not await teller.step()
        assert teller.trouble() == "not sent (KeyError)"
        await until(teller.step, lambda: place.taken)
