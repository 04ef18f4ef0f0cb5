"""Sums of a few of many numbers: the nearest one is found, and a search comes to an end."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.domain import subset_sum
from app.domain.subset_sum import Bounds

NUMBERS = st.lists(st.integers(1, 60), min_size=1, max_size=9).map(
    lambda numbers: sorted(numbers, reverse=True)
)


@given(NUMBERS, st.integers(1, 5), st.integers(1, 200), st.integers(-1, 20))
def test_the_set_that_is_least_over_the_target_is_found(
    numbers: list[int], how_many: int, target: int, room: int
) -> None:
    indices = subset_sum.find(numbers, Bounds(how_many, target, room, enough=0, tries=10**6))

    sums = [sum(chosen) for chosen in itertools.combinations(numbers, how_many)]
    best = min((total for total in sums if target <= total <= target + room), default=None)
    assert (indices is None) == (best is None)
    if indices is not None:
        assert len(set(indices)) == how_many
        assert sum(numbers[index] for index in indices) == best


def test_a_search_ends_with_its_tries() -> None:
    even = list(range(2000, 0, -2))

    assert subset_sum.find(even, Bounds(7, 7001, 0, enough=0, tries=500)) is None
    assert subset_sum.find(even, Bounds(2, 3998, 0, enough=0, tries=0)) is None
    assert subset_sum.find(even, Bounds(2, 3998, 0, enough=0, tries=1)) == (0, 1)


def test_a_search_is_content_with_what_is_near_enough() -> None:
    numbers = [50, 40, 33, 28, 20]

    assert subset_sum.find(numbers, Bounds(2, 68, 10, enough=2, tries=100)) == (0, 4)
    assert subset_sum.find(numbers, Bounds(2, 68, 10, enough=1, tries=100)) == (1, 3)
