"""Orders of one batch are decided one after the other, and each outcome stands where its order stood."""

from app.domain import batch
from app.domain.batch import Step
from app.domain.refusals import NotFound, Refusal

Order = tuple[str, int]


def spend(order: Order, available: int | None) -> Step[int, str] | Refusal:
    name, amount = order
    if available is None or available < amount:
        return NotFound()
    return Step(available - amount, f"{name} spends {amount}")


def test_each_order_finds_what_those_before_it_have_left_and_a_refusal_takes_nothing() -> None:
    orders = [("a", 6), ("a", 6), ("b", 1), ("a", 4), ("c", 1)]

    decided = batch.decide(orders, {"a": 10, "b": 1}, lambda order: order[0], spend)

    assert batch.accepted(decided) == [(4, "a spends 6"), (0, "b spends 1"), (0, "a spends 4")]
    assert [isinstance(outcome, Refusal) for outcome in decided] == [False, True, False, False, True]


def test_results_stand_in_the_places_of_what_was_accepted() -> None:
    first, last = NotFound(), NotFound()

    assert batch.outcomes([first, 1, 2, last], "xy") == [first, "x", "y", last]
