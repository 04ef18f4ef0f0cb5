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
from app.runtime.lease import Lease
from tests.unit.events.steps import emit, until

NAME = "place"


@dataclass
class FakeSink:
    """Each number of the script is how many events of a page it takes; after the script it takes all."""

    script: list[int] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    disconnects: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)
    stall: Callable[[], asyncio.Future[None]] | None = None
    reasons: list[str] = field(default_factory=list)

    async def send(self, page: Sequence[Event]) -> None:
        self.sizes.append(len(page))
        self.called.set()
        if self.stall is not None:
            await self.stall()
        if self.script:
            taken = self.script.pop(0)
            self.taken += page[:taken]
            raise UndeliveredEvents(self.reasons.pop(0) if self.reasons else "full", taken)
        self.taken += page

    async def disconnect(self) -> None:
        self.disconnects += 1

    def positions(self) -> list[int]:
        return [event.position for event in self.taken]


class Clock:
    """A time that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sink(fake: FakeSink, types: tuple[str, ...] = ("ALL",), foreign_id: str | None = None) -> Sink:
    return Sink(NAME, "the place", fake.send, types, foreign_id, batch=10, disconnect=fake.disconnect)


@asynccontextmanager
async def running(
    engine: AsyncEngine, sink: Sink, clock: Callable[[], float] | None = None
) -> AsyncIterator[SinkRunner]:
    await sequencer.prepare(engine, [], [sink])
    runner = (
        SinkRunner(engine, sink, Lease(engine, sink.name, "one"), waits_seconds=(0,))
        if clock is None
        else SinkRunner(engine, sink, Lease(engine, sink.name, "one", clock=clock), clock=clock)
    )
    yield runner
    await runner.close()


async def cursor(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await outbox.cursor_position(db, NAME)


async def test_what_was_taken_is_not_sent_again_and_what_was_not_is_in_order(engine: AsyncEngine) -> None:
    fake = FakeSink([3, 0, 10, 1])
    async with running(engine, sink(fake)) as runner:
        await emit(engine, 35)
        await until(runner.step, lambda: len(fake.taken) >= 35)

    assert fake.positions() == list(range(1, 36))
    assert fake.sizes == [10] * 6 + [1]
    assert await cursor(engine) == 35


async def test_a_sink_that_refuses_waits_longer_each_time_and_is_logged_once(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    fake, clock = FakeSink([0] * 9), Clock()
    waits = []
    async with running(engine, sink(fake), clock=clock) as runner:
        await emit(engine, 1)
        while fake.script:
            calls, began = len(fake.sizes), clock.now
            while len(fake.sizes) == calls:
                assert not await runner.step()
                clock.now += 0.25
            waits.append(clock.now - began - 0.25)
        assert runner.trouble() == "full"
        clock.now += 30
        await until(runner.step, lambda: fake.taken)

        assert runner.trouble() == ""
    assert waits == [0, 0, 0.25, 0.75, 1.75, 4.75, 9.75, 29.75, 29.75]
    assert caplog.text.count("the place does not take events (full)") == 1


async def test_reasons_that_alternate_are_logged_once_each_until_the_sink_takes_events_again(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    fake, clock = FakeSink([0] * 5, reasons=["full", "gone", "full", "gone", "full"]), Clock()
    async with running(engine, sink(fake), clock=clock) as runner:
        for refusals in (5, 1):
            fake.script = [0] * refusals
            await emit(engine, 1)
            while fake.script or runner.trouble():
                await runner.step()
                clock.now += 30

    assert (caplog.text.count("(full)"), caplog.text.count("(gone)")) == (2, 1)


async def test_a_sink_is_sent_its_types_of_its_account_and_its_cursor_passes_the_rest(
    engine: AsyncEngine,
) -> None:
    fake = FakeSink()
    async with engine.begin() as db:
        await db.execute(sa.insert(tables.accounts).values(id=2, foreign_id="shop-2", xpub="", address=""))
    async with running(engine, sink(fake, ("INV", "ACC_CREATED"), "shop-2")) as runner:
        await emit(engine, 3, account=2)
        await emit(engine, 2, account=2, type="INV_CREATED")
        await emit(engine, 2, account=3, type="INV_CREATED")
        await emit(engine, 1, account=2, type="ACC_CREATED")
        await emit(engine, 1, account=2)
        await until(runner.step, lambda: len(fake.taken) >= 3)
        await runner.step()

        assert not await runner.step()
    assert fake.positions() == [4, 5, 8]
    assert await cursor(engine) == 9


async def test_a_new_sink_gets_new_events_and_one_that_comes_back_gets_what_it_missed(
    engine: AsyncEngine,
) -> None:
    await sequencer.prepare(engine, [], [])
    await emit(engine, 3)
    fake = FakeSink()
    async with running(engine, sink(fake)) as runner:
        await emit(engine, 1)
        await until(runner.step, lambda: fake.taken)
    await sequencer.prepare(engine, [], [])
    await emit(engine, 1)
    async with running(engine, sink(fake)) as runner:
        await until(runner.step, lambda: len(fake.taken) >= 2)

    assert fake.positions() == [4, 5]


async def test_a_runner_that_loses_the_lease_while_it_sends_stops_sending(engine: AsyncEngine) -> None:
    fake = FakeSink()
    fake.stall = asyncio.get_running_loop().create_future
    async with running(engine, sink(fake)) as runner:
        await emit(engine, 1)
        step = asyncio.create_task(runner.step())
        await fake.called.wait()
        async with engine.begin() as db:  # as if it had run out, and another had taken it
            await lease.release(db, NAME, "one")
            await lease.acquire(db, NAME, "two", timedelta(seconds=60))
        async with asyncio.timeout(10):
            assert not await step

        assert not await runner.step()
    assert fake.taken == []
    assert fake.disconnects >= 2
    assert await cursor(engine) == 0


async def test_a_slow_sink_keeps_its_lease(engine: AsyncEngine) -> None:
    fake, slow = FakeSink(), asyncio.get_running_loop().create_future()
    fake.stall = lambda: slow
    async with running(engine, sink(fake)) as runner:
        await emit(engine, 1)
        step = asyncio.create_task(runner.step())
        await fake.called.wait()
        first = await expiry(engine)
        await asyncio.sleep(lease.RENEW_SECONDS + 0.3)

        assert await expiry(engine) > first
        slow.set_result(None)
        assert await step
    assert fake.positions() == [1]


async def expiry(engine: AsyncEngine) -> datetime:
    async with engine.connect() as db:
        expires: datetime = (await db.execute(sa.select(tables.leases.c.expires))).scalar_one()
        return expires


async def test_a_fault_in_a_sink_stops_only_that_sink(engine: AsyncEngine) -> None:
    fake = FakeSink()

    async def broken(page: Sequence[Event]) -> None:
        if not fake.sizes:
            fake.sizes.append(len(page))
            raise KeyError("a fault of ours")
        await fake.send(page)

    async with running(engine, Sink(NAME, "the place", broken)) as runner:
        await emit(engine, 1)

        assert not await runner.step()
        assert runner.trouble() == "not sent (KeyError)"
        await until(runner.step, lambda: fake.taken)
