import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from app.runtime.loop import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STEP_SECONDS,
    Loop,
    LoopHealth,
    ProcessHealth,
    WakeUp,
)

HOUR = 3600.0


class Away(Exception):
    """A trouble that passes."""


class Broken(Exception):
    """An error that no retry mends."""


class Patience(WakeUp):
    """A wake-up that records the time of each wait, and ends it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  as the wake-up itself
        self.waits.append(timeout)
        await asyncio.sleep(0)


class Rest(WakeUp):
    """A wake-up that nobody calls; `begun` says that the loop waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109  as the wake-up itself
        self.begun.set()
        await super().wait(timeout)


@dataclass
class Work:
    """A step with a script: it returns True or False, or raises; after the script the loop is cancelled."""

    script: list[bool | Exception]
    done: list[bool | Exception] = field(default_factory=list)
    health: ProcessHealth = field(default_factory=ProcessHealth)
    seen: list[LoopHealth | None] = field(default_factory=list)

    async def step(self) -> bool:
        self.seen.append(self.health.loops.get("work"))
        if not self.script:
            raise asyncio.CancelledError
        self.done.append(self.script.pop(0))
        if isinstance(self.done[-1], Exception):
            raise self.done[-1]
        return self.done[-1]


async def run(work: Work, wake_up: WakeUp) -> None:
    await Loop("work", work.step, wake_up, HOUR, (Away,), (Broken,)).run(work.health)


async def test_a_loop_goes_on_at_once_while_there_is_work_and_waits_when_there_is_none() -> None:
    work, wake_up = Work([True, True, False, True, False]), Patience()

    with pytest.raises(asyncio.CancelledError):
        await run(work, wake_up)

    assert len(work.done) == 5
    assert wake_up.waits == [HOUR, HOUR]
    assert work.health == ProcessHealth({"work": LoopHealth("running")})
    assert work.health.ok


async def test_a_step_that_takes_too_long_is_trouble_until_it_is_over() -> None:
    seconds = [0.0]
    health = ProcessHealth({"other": LoopHealth("running")}, clock=lambda: seconds[0])
    over, rest = asyncio.Event(), Rest()

    async def step() -> bool:
        return not await over.wait()

    working = asyncio.create_task(Loop("work", step, rest, HOUR, ()).run(health))
    await asyncio.sleep(0)
    seconds[0] = STEP_SECONDS
    in_time = health.ok
    seconds[0] += 1
    late = dict(health.now())
    over.set()
    await rest.begun.wait()
    after = health.ok
    working.cancel()

    assert (in_time, after) == (True, True)
    assert {name: loop.state for name, loop in late.items()} == {"other": "running", "work": "trouble"}
    assert late["work"].reason.startswith("a step has taken 31 s so far")


async def test_a_trouble_is_outlasted_with_longer_and_longer_pauses() -> None:
    work, wake_up = Work([Away("the node is away")] * 9), Patience()

    with pytest.raises(asyncio.CancelledError):
        await run(work, wake_up)

    doubled = [FIRST_PAUSE_SECONDS * 2**n for n in range(6)]
    assert wake_up.waits == [*doubled, *[LONGEST_PAUSE_SECONDS] * 3]
    assert work.health.loops == {"work": LoopHealth("trouble", "Away: the node is away")}
    assert not work.health.ok


async def test_after_a_trouble_the_pauses_begin_anew_and_all_is_well() -> None:
    work, wake_up = Work([Away("a"), Away("a"), True, Away("a"), False]), Patience()

    with pytest.raises(asyncio.CancelledError):
        await run(work, wake_up)

    assert wake_up.waits == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS, HOUR]
    assert [loop.state if loop else None for loop in work.seen] == [
        None, "trouble", "trouble", "running", "trouble", "running",
    ]  # fmt: skip


async def test_a_trouble_is_said_once_and_a_new_one_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "app.runtime.loop")
    work = Work([Away("a\nsecond line"), Away("a\nother"), Away("b"), True, Away("b")])

    with pytest.raises(asyncio.CancelledError):
        await run(work, Patience())

    assert caplog.messages == [
        "work waits: Away: a",
        "work waits: Away: b",
        "work goes on",
        "work waits: Away: b",
    ]


@pytest.mark.parametrize("error", [Away(), Away("\n"), Away("x" * 10_000)])
async def test_the_reason_of_a_trouble_is_one_short_line_whatever_it_says(error: Away) -> None:
    work = Work([error])

    with pytest.raises(asyncio.CancelledError):
        await run(work, Patience())

    reason = work.health.loops["work"].reason
    assert reason.startswith("Away:")
    assert "\n" not in reason
    assert len(reason) <= 300


async def test_what_no_repetition_mends_ends_the_loop_loudly_and_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work([True, Broken("the block is damaged"), True])

    await run(work, Patience())

    assert work.health.loops == {"work": LoopHealth("stopped", "the block is damaged")}
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("CRITICAL", "work has stopped: the block is damaged")
    ]
    assert work.script == [True]


async def test_a_fault_of_ours_is_not_survived() -> None:
    with pytest.raises(ZeroDivisionError):
        await run(Work([ZeroDivisionError()]), Patience())


@asynccontextmanager
async def started(step: Callable[[], bool], wake_up: WakeUp) -> AsyncIterator[asyncio.Task[None]]:
    async def work() -> bool:
        return step()

    task = asyncio.create_task(Loop("work", work, wake_up, HOUR, (Away,)).run(ProcessHealth()))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_wake_up_wakes_a_loop_that_waits_and_also_one_that_is_in_trouble() -> None:
    steps: list[int] = []
    ran, wake_up = asyncio.Event(), WakeUp()

    def step() -> bool:
        steps.append(1)
        ran.set()
        if len(steps) == 2:
            raise Away
        return False

    async with started(step, wake_up), asyncio.timeout(5):
        for number in range(1, 5):
            await ran.wait()
            ran.clear()
            assert len(steps) == number
            wake_up.wake()


async def test_a_loop_that_is_woken_and_cancelled_at_once_ends() -> None:
    wake_up, ran = WakeUp(), asyncio.Event()

    async def step() -> bool:
        ran.set()
        return False

    task = asyncio.create_task(Loop("work", step, wake_up, HOUR, (Away,)).run(ProcessHealth()))
    await ran.wait()
    await asyncio.sleep(0)
    wake_up.wake()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)

    assert done == {task}
    assert task.cancelled()


async def test_a_wake_up_while_the_loop_works_ends_its_next_wait() -> None:
    wake_up, ran, steps = WakeUp(), asyncio.Event(), list[int]()

    def step() -> bool:
        steps.append(1)
        if len(steps) == 1:
            wake_up.wake()  # something came up after this step had looked
        else:
            ran.set()
        return False

    async with started(step, wake_up), asyncio.timeout(5):
        await ran.wait()

    assert len(steps) == 2


async def test_a_wake_up_that_nobody_calls_is_waited_for_no_longer_than_the_timeout() -> None:
    wake_up = WakeUp()

    async with asyncio.timeout(5):
        await wake_up.wait(0.001)
        wake_up.wake()
        wake_up.wake()
        await wake_up.wait(HOUR)
        waiting = asyncio.create_task(wake_up.wait(HOUR))
        await asyncio.sleep(0)

    assert not waiting.done()  # many calls wake once
    waiting.cancel()
