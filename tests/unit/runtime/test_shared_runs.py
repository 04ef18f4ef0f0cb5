import asyncio
from dataclasses import dataclass, field

import pytest

from app.runtime.shared_runs import SharedRun


@dataclass
class Work:
    """A run that waits for its gate; `begun` counts the runs."""

    begun: int = 0
    running: int = 0
    most_running: int = 0
    gates: list[asyncio.Event] = field(default_factory=list)

    async def run(self) -> int:
        self.begun += 1
        number = self.begun
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        self.running -= 1
        return number


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_come_while_one_runs_share_the_next_one() -> None:
    shared, work = SharedRun[int](), Work()
    first = asyncio.create_task(shared.result(work.run))
    await _settle()

    waiters = [asyncio.create_task(shared.result(work.run)) for _ in range(50)]
    await _settle()
    work.gates[0].set()
    await _settle()
    late = asyncio.create_task(shared.result(work.run))
    work.gates[1].set()
    await _settle()
    work.gates[2].set()

    assert await first == 1
    assert set(await asyncio.gather(*waiters)) == {2}
    assert await late == 3
    assert (work.begun, work.most_running) == (3, 1)


async def test_who_leaves_takes_the_run_from_nobody_and_the_next_begins_anew() -> None:
    shared, work = SharedRun[int](), Work()
    first, second = (asyncio.create_task(shared.result(work.run)) for _ in range(2))
    await _settle()

    first.cancel()
    work.gates[0].set()
    await _settle()
    third = asyncio.create_task(shared.result(work.run))
    await _settle()
    work.gates[1].set()

    assert (await second, await third) == (1, 2)


async def test_an_error_is_told_to_all_who_share_the_run_and_ends_with_it() -> None:
    shared, work = SharedRun[int](), Work()

    async def fail() -> int:
        raise ZeroDivisionError

    outcomes = await asyncio.gather(*(shared.result(fail) for _ in range(3)), return_exceptions=True)
    after = asyncio.create_task(shared.result(work.run))
    await _settle()
    work.gates[0].set()

    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 3
    assert await after == 1


async def test_the_end_breaks_off_what_runs_and_what_waits() -> None:
    shared, work = SharedRun[int](), Work()
    first = asyncio.create_task(shared.result(work.run))
    await _settle()
    second = asyncio.create_task(shared.result(work.run))
    await _settle()

    await shared.close()

    for task in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert work.begun == 1
