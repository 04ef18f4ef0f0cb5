"""What several ask for at once or soon after is read once, and little of it is remembered."""

import asyncio
from collections.abc import Sequence

import pytest

from app.runtime.shared_reads import SharedReads


class Source:
    """Reads numbers, each as its text of so many bytes, when the test lets it; it knows no negative ones."""

    def __init__(self) -> None:
        self.read: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, keys: Sequence[int]) -> dict[int, tuple[str, int]]:
        self.read.append(list(keys))
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return {key: (str(key), 10) for key in keys if key >= 0}


async def test_who_asks_at_the_same_time_shares_one_read_and_asks_only_for_what_is_missing() -> None:
    source = Source()
    reads = SharedReads(source, 1_000)

    one = asyncio.create_task(reads.of([1, 2]))
    other = asyncio.create_task(reads.of([2, 3, 1]))
    await asyncio.sleep(0)
    source.go_on.set()

    assert list((await other).items()) == [(2, ("2", 10)), (3, ("3", 10)), (1, ("1", 10))]
    assert await one == {1: ("1", 10), 2: ("2", 10)}
    assert await reads.of([3, 2]) == {3: ("3", 10), 2: ("2", 10)}
    assert source.read == [[1, 2], [3]]


async def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    source = Source()
    source.go_on.set()
    reads = SharedReads(source, 20)

    await reads.of([1, 2])
    await reads.of([1])
    await reads.of([3])
    await reads.of([1, 3])
    await reads.of([2])

    assert source.read == [[1, 2], [3], [2]]


async def test_what_there_is_not_is_asked_for_again() -> None:
    source = Source()
    source.go_on.set()
    reads = SharedReads(source, 1_000)

    assert await reads.of([-1, 1]) == {1: ("1", 10)}
    assert await reads.of([-1]) == {}
    assert source.read == [[-1, 1], [-1]]


async def test_an_error_is_heard_by_all_who_wait_and_the_next_one_reads_again() -> None:
    source = Source()
    reads = SharedReads(source, 1_000)
    waiting = [asyncio.create_task(reads.of([1])) for _ in range(2)]
    await asyncio.sleep(0)
    source.error = ValueError("no")
    source.go_on.set()

    for task in waiting:
        with pytest.raises(ValueError, match="no"):
            await task
    source.error = None

    assert await reads.of([1]) == {1: ("1", 10)}
    assert len(source.read) == 2


async def test_a_caller_that_is_cancelled_cancels_nothing_for_the_others() -> None:
    source = Source()
    reads = SharedReads(source, 1_000)
    gone, other = (asyncio.create_task(reads.of([1])) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    source.go_on.set()

    assert await other == {1: ("1", 10)}
    assert source.read == [[1]]


async def test_the_end_cancels_what_is_under_way() -> None:
    reads = SharedReads(Source(), 1_000)
    waiting = asyncio.create_task(reads.of([1]))
    await asyncio.sleep(0)

    await reads.close()

    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
