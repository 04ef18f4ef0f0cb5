"""A batch: each order is decided on the state that the orders before it leave; outcomes keep their order."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

from app.domain.refusals import Refusal

Order = TypeVar("Order")
Key = TypeVar("Key", bound=Hashable)
State = TypeVar("State")
Effect = TypeVar("Effect")
Accepted = TypeVar("Accepted")
Result = TypeVar("Result")


class Step(NamedTuple, Generic[State, Effect]):
    """An accepted order: the state that it leaves to the next order, and its effect."""

    state: State
    effect: Effect


def decide(
    orders: Iterable[Order],
    states: Mapping[Key, State],
    key: Callable[[Order], Key],
    rule: Callable[[Order, State | None], Step[State, Effect] | Refusal],
) -> list[Step[State, Effect] | Refusal]:
    """Decide each order by the rule, on the state of its key after the orders before it."""
    current = dict(states)
    decided: list[Step[State, Effect] | Refusal] = []
    for order in orders:
        outcome = rule(order, current.get(key(order)))
        if not isinstance(outcome, Refusal):
            current[key(order)] = outcome.state
        decided.append(outcome)
    return decided


def accepted(decided: Iterable[Accepted | Refusal]) -> list[Accepted]:
    """Return what was accepted, in order."""
    return [outcome for outcome in decided if not isinstance(outcome, Refusal)]


def outcomes(decided: Iterable[Accepted | Refusal], results: Iterable[Result]) -> list[Result | Refusal]:
    """Replace what was accepted by the results, in order; refusals stay in their places."""
    remaining = iter(results)
    return [outcome if isinstance(outcome, Refusal) else next(remaining) for outcome in decided]
