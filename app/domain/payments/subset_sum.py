"""Which few of many numbers sum to a target, or to very little more: a bounded branch and bound."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Bounds(NamedTuple):
    """What is looked for: `how_many` numbers that sum to `target` or up to `room` more, within `tries` branches.

    The search ends early at a sum that is no more than `enough` over.
    """

    how_many: int
    target: int
    room: int
    enough: int
    tries: int


def find(numbers: Sequence[int], bounds: Bounds) -> tuple[int, ...] | None:
    """Return the places of the best set found in `numbers`, which are positive and fall; None if none was found in the tries."""
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
        self._negative = [-number for number in numbers]  # rises, as bisect wants it
        self._smallest = list(accumulate(reversed(numbers[-bounds.how_many :]), initial=0))
        self._bounds = bounds
        self._tries = bounds.tries
        self._room = bounds.room
        self.best: tuple[int, ...] | None = None

    def branch(self, chosen: tuple[int, ...], start: int, lacking: int) -> None:
        """Try each next number that is not too large with the smallest ones, nor too small with as large ones after it."""
        lacking_numbers = self._bounds.how_many - len(chosen)
        if lacking_numbers == 1:
            self._close(chosen, start, lacking)
            return
        at = bisect_left(self._negative, self._smallest[lacking_numbers - 1] - lacking - self._room, lo=start)
        while (
            at <= len(self._numbers) - lacking_numbers
            and self._numbers[at] * lacking_numbers >= lacking
            and not self._done()
        ):
            self._tries -= 1
            self.branch((*chosen, at), at + 1, lacking - self._numbers[at])
            at = bisect_right(
                self._negative, self._negative[at], lo=at
            )  # an equal number leads to the same sums

    def _close(self, chosen: tuple[int, ...], start: int, lacking: int) -> None:
        """Keep the smallest number that reaches the target, if that is better than the best so far."""
        at = bisect_right(self._negative, -lacking, lo=start) - 1
        if at >= start and self._numbers[at] - lacking <= self._room:
            self.best, self._room = (*chosen, at), self._numbers[at] - lacking

    def _done(self) -> bool:
        return self._tries <= 0 or (self.best is not None and self._room <= self._bounds.enough)
