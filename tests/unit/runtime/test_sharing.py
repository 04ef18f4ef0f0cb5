"""Processes share the cells out among themselves: each gets its share, and those that live get what a dead one had."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import open_engine
from app.runtime.lease import Lease, Leases, of_work
from app.runtime.loop import ProcessHealth
from app.runtime.sharing import Sharing
from tests import conftest

CELLS = 4
LOOPS = ("follow", "sequencer")


class Process:
    """A process that steps when the test says so: its leases in each cell, and how it shares."""

    def __init__(self, engines: list[AsyncEngine], holder: str, loops: tuple[str, ...] = LOOPS) -> None:
        self.leases = [Leases(engine, holder, ProcessHealth()) for engine in engines]
        self.woken: list[str] = []
        self.loops: list[list[Lease]] = [
            [leases.lease(name, partial(self.woken.append, name)) for name in loops] for leases in self.leases
        ]
        self.sharing = Sharing(engines[0], holder, self.leases)

    async def step(self) -> None:
        """Do all that a process does in a second."""
        await self.sharing.step()
        for loops, leases in zip(self.loops, self.leases, strict=True):
            for loop in loops:
                await loop.held()
            await leases.step()

    def cells(self, name: str = "follow") -> set[int]:
        return {cell for cell, leases in enumerate(self.leases) if leases.holds(name)}


@pytest.fixture
async def engines(server: str) -> AsyncIterator[list[AsyncEngine]]:
    """The databases of four cells."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(CELLS):
            url = await stack.enter_async_context(conftest.cloned(server))
            opened.append(open_engine(url, connections=4))
            stack.push_async_callback(opened[-1].dispose)
        yield opened


async def settle(*processes: Process) -> None:
    """Let some seconds pass."""
    for _ in range(4):
        for process in processes:
            await process.step()


async def test_a_process_that_comes_gets_its_share_of_each_loop(engines: list[AsyncEngine]) -> None:
    one, two, three = (Process(engines, name) for name in ("one", "two", "three"))
    await settle(one)
    assert one.cells() == {0, 1, 2, 3}

    await settle(one, two)
    assert [len(process.cells(name)) for process in (one, two) for name in LOOPS] == [2, 2, 2, 2]
    assert one.cells() | two.cells() == {0, 1, 2, 3}

    await settle(one, two, three)
    held = [process.cells() for process in (one, two, three)]
    assert max(map(len, held)) <= 2
    assert sorted(cell for cells in held for cell in cells) == [0, 1, 2, 3]


async def test_what_a_dead_process_had_goes_to_those_that_live(engines: list[AsyncEngine]) -> None:
    one, two = Process(engines, "one"), Process(engines, "two")
    await settle(one, two)

    await let_run_out(engines, "one")
    await settle(two)

    assert two.cells() == {0, 1, 2, 3}


async def test_what_a_process_that_stops_had_is_taken_at_once(engines: list[AsyncEngine]) -> None:
    one, two = Process(engines, "one"), Process(engines, "two")
    await settle(one, two)

    for lease in (lease for loops in one.loops for lease in loops):
        await lease.release()
    await one.sharing.close()
    await two.step()
    await two.step()

    assert two.cells() == {0, 1, 2, 3}


async def test_a_loop_that_another_process_has_not_is_not_shared_with_it(engines: list[AsyncEngine]) -> None:
    one, two = Process(engines, "one"), Process(engines, "two", ("follow",))
    await settle(one, two)

    assert one.cells("sequencer") == {0, 1, 2, 3}
    assert len(two.cells("follow")) == 2


async def test_who_cannot_read_who_lives_takes_what_is_free_and_lets_nothing_go(
    engines: list[AsyncEngine],
) -> None:
    one, two = Process(engines, "one"), Process(engines, "two")
    await settle(one)
    two.sharing._read_at = -1e9

    for cell, leases in enumerate(one.leases):
        assert leases.holds("follow"), cell
    assert two.sharing.may_take("follow")
    await let_run_out(engines, "one")
    for loops in two.loops:
        for loop in loops:
            await loop.held()

    assert two.cells() == {0, 1, 2, 3}


async def test_a_lease_is_given_back_between_steps_and_not_within_one(engines: list[AsyncEngine]) -> None:
    process = Process(engines, "one")
    await settle(process)
    lease = process.loops[0][0]

    process.leases[0].leave("follow")
    assert process.woken[-1] == "follow"
    assert not process.leases[0].holds("follow")
    assert await lease.still_held()
    await process.leases[0].step()
    assert await lease.still_held()

    process.leases[0].may_take = lambda _: False
    assert not await lease.held()
    assert await holders(engines[0], "follow") == []


async def test_who_lives_is_no_work(engines: list[AsyncEngine]) -> None:
    process = Process(engines, "one")
    await settle(process)

    async with engines[0].connect() as db:
        assert set(await of_work(db, ())) == set(LOOPS)


async def holders(engine: AsyncEngine, name: str) -> list[str]:
    async with engine.connect() as db:
        found = sa.text("SELECT holder FROM leases WHERE name = :name")
        return list(await db.scalars(found, {"name": name}))


async def let_run_out(engines: list[AsyncEngine], holder: str) -> None:
    """Let all rows of a process run out, as time does when it is killed."""
    ended = sa.text(
        "UPDATE leases SET expires = clock_timestamp() - interval '1 second' WHERE holder = :holder"
    )
    for engine in engines:
        async with engine.begin() as db:
            await db.execute(ended, {"holder": holder})
