"""Which few of many numbers sum to a target, or to a little more: a bounded branch and bound."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Bounds(NamedTuple):
    """The search: `how_many` numbers that sum to `target` or up to `room` more, within `tries` branches.

    The search ends early at a sum that is no more than `enough` above the target.
    """

    how_many: int
    target: int
    room: int
    enough: int
    tries: int


def find(numbers: Sequence[int], bounds: Bounds) -> tuple[int, ...] | None:
    """Return the indices of the best set that was found in the tries; None if none was.

    The `numbers` are positive, the largest first.
    """
    if bounds.room < 0 or len(numbers) < bounds.how_many:
        return None
    least, most = sum(numbers[-bounds.how_many :]), sum(numbers[: bounds.how_many])
    if least > bounds.target + bounds.room or most < bounds.target:
        return None
    search = _Search(numbers, bounds)
    search.branch((), 0, bounds.target)
    return search.best


class _Search:
    def __init__(self, numbers: Sequence[int], bounds: Bounds) -> None:
        self._numbers = numbers
        self._negative = [-number for number in numbers]  # in rising order, as bisect needs it
        self._smallest = list(accumulate(reversed(numbers[-bounds.how_many :]), initial=0))
        self._bounds = bounds
        self._tries = bounds.tries
        self._room = bounds.room
        self.best: tuple[int, ...] | None = None

    def branch(self, chosen: tuple[int, ...], start: int, lacking: int) -> None:
        """Try each next number that can lead to a better sum.

        With the smallest numbers it must not be too large. With numbers of its own size it must not be too
        small.
        """
        count = self._bounds.how_many - len(chosen)
        if count == 1:
            self._close(chosen, start, lacking)
            return
        index = bisect_left(self._negative, self._smallest[count - 1] - lacking - self._room, lo=start)
        last = len(self._numbers) - count
        while index <= last and self._numbers[index] * count >= lacking and not self._is_done():
            self._tries -= 1
            self.branch((*chosen, index), index + 1, lacking - self._numbers[index])
            # An equal number leads to the same sums.
            index = bisect_right(self._negative, self._negative[index], lo=index)

    def _close(self, chosen: tuple[int, ...], start: int, lacking: int) -> None:
        """Take the smallest number that reaches the target, if that is better than the best set so far."""
        index = bisect_right(self._negative, -lacking, lo=start) - 1
        if index >= start and self._numbers[index] - lacking <= self._room:
            self.best, self._room = (*chosen, index), self._numbers[index] - lacking

    def _is_done(self) -> bool:
        return self._tries <= 0 or (self.best is not None and self._room <= self._bounds.enough)
