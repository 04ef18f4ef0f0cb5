"""A batch: each order is decided on what those before it have left, and its outcome stands at its place."""

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
    """What an accepted order does: the state that it leaves to the next order, and its effect besides."""

    state: State
    effect: Effect


def decide(
    orders: Iterable[Order],
    states: Mapping[Key, State],
    key: Callable[[Order], Key],
    rule: Callable[[Order, State | None], Step[State, Effect] | Refusal],
) -> list[Step[State, Effect] | Refusal]:
    """Decide each order by the rule, on the state under its key as the orders before it have left it."""
    current = dict(states)
    decided: list[Step[State, Effect] | Refusal] = []
    for order in orders:
        outcome = rule(order, current.get(key(order)))
        if not isinstance(outcome, Refusal):
            current[key(order)] = outcome.state
        decided.append(outcome)
    return decided


def accepted(decided: Iterable[Accepted | Refusal]) -> list[Accepted]:
    """Return what was not refused, in order."""
    return [outcome for outcome in decided if not isinstance(outcome, Refusal)]


def outcomes(decided: Iterable[Accepted | Refusal], results: Iterable[Result]) -> list[Result | Refusal]:
    """Return a result in the place of each that was accepted, in order; refusals stay where they are."""
    rest = iter(results)
    return [outcome if isinstance(outcome, Refusal) else next(rest) for outcome in decided]
