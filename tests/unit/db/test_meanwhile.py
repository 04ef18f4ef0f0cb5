"""Python works while the database does; neither loses what the other came to."""

import asyncio
from collections.abc import Iterator

import pytest

from app.db import bulk


async def test_steps_are_taken_while_the_work_goes_on_and_all_is_done_at_the_end() -> None:
    order: list[str] = []

    async def work() -> str:
        for number in range(3):
            order.append(f"work {number}")
            await asyncio.sleep(0)
        return "done"

    def steps() -> Iterator[int]:
        for number in range(2):
            order.append(f"step {number}")
            yield number

    assert await bulk.meanwhile(work(), steps()) == ("done", [0, 1])
    assert order == ["work 0", "step 0", "work 1", "step 1", "work 2"]


async def test_what_went_wrong_with_the_work_is_told_as_it_was() -> None:
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await bulk.meanwhile(work(), [1, 2])


async def test_where_a_step_fails_or_the_caller_is_gone_the_work_is_waited_for_first() -> None:
    """It holds the connection, on which nothing can be undone before."""
    ended: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        ended.append("work")

    def steps() -> Iterator[int]:
        yield 1
        go.set()
        raise LookupError

    with pytest.raises(LookupError):
        await bulk.meanwhile(work(), steps())
    assert ended == ["work"]

    caller = asyncio.create_task(bulk.meanwhile(work(), iter(lambda: 0, 1)))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == ["work", "work"]
