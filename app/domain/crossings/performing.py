"""Carries out commands whose requests concern several cells: at most once, as `commands.perform` does in one."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from app.domain import commands, idempotency
from app.domain.commands import Command, Result, Submitted
from app.domain.crossings.crossing import Crossing, Placed, enter
from app.domain.idempotency import Claim, SameKey
from app.domain.refusals import Refusal

Key = TypeVar("Key")
Outcomes = Mapping[int, Result[Any] | Refusal]


class Rule(NamedTuple):
    """How a command makes or refuses its resources over cells; `load` finds them by their ids where they lie apart."""

    run: Callable[[Crossing, Sequence[Placed[Any]]], Awaitable[Sequence[Any]]]
    load: Callable[[Crossing, Sequence[str]], Awaitable[Mapping[str, Any]]] | None = None


async def perform(
    crossing: Crossing,
    command: Command[Any, Any],
    rule: Rule,
    submitted: Sequence[Submitted[Placed[Any]]],
    wait_seconds: float = idempotency.WAIT_SECONDS,
) -> list[Result[Any] | Refusal]:
    """Carry the requests out. A key lies at its request's home, and commits with all halves of the effect."""
    first = commands.first_claims(submitted)
    if len({claim[:2] for claim in first}) < len(first):
        raise SameKey
    homes = {claim: submitted[index].request.home for claim, index in first.items()}
    earlier = await _claim(crossing, command, submitted, first, wait_seconds)
    new = commands.fresh(submitted, first, earlier)
    made = await rule.run(crossing, [submitted[index].request for index in new]) if new else []
    outcomes = commands.results(new, made)
    await _settle(crossing, command, submitted, outcomes)
    if len(outcomes) == len(submitted):
        return list(outcomes.values())
    answers = {**earlier, **commands.answers_of(command, first, outcomes)}
    repeated = commands.repeats(submitted, outcomes, answers)
    outcomes |= await _replays(crossing, command, rule, _at_home(submitted, repeated, homes))
    outcomes |= {index: answer for index, answer in repeated.items() if isinstance(answer, Refusal)}
    return [outcomes[index] for index in range(len(submitted))]


async def _claim(
    crossing: Crossing,
    command: Command[Any, Any],
    submitted: Sequence[Submitted[Placed[Any]]],
    first: Mapping[Claim, int],
    wait_seconds: float,
) -> dict[Claim, str | Refusal]:
    """Take the keys that are new, home by home; return what the others are answered."""
    predict = command.predict_id
    earlier: dict[Claim, str | Refusal] = {}
    if not first:
        return earlier
    await idempotency.limit_waits(crossing.db, wait_seconds)  # once for all cells: it is the transaction's
    for home, claims in _by_home((submitted[index].request.home, claim) for claim, index in first.items()):
        ids = {
            claim: predict(submitted[first[claim]].request.request) if predict else None for claim in claims
        }
        earlier |= await idempotency.claim_without_limit(await enter(crossing, home), command.kind, ids)
    await idempotency.limit_waits_no_more(crossing.db)
    return earlier


async def _settle(
    crossing: Crossing,
    command: Command[Any, Any],
    submitted: Sequence[Submitted[Placed[Any]]],
    outcomes: Outcomes,
) -> None:
    """Write beside each key what it made, and release the keys of refused requests."""
    claimed = ((submitted[index].request.home, index) for index in outcomes if submitted[index].claim)
    for home, indices in _by_home(claimed):
        pairs = [(claim, outcomes[index]) for index in indices if (claim := submitted[index].claim)]
        refused = [claim for claim, outcome in pairs if isinstance(outcome, Refusal)]
        made = {
            claim: command.id_of(outcome.resource) for claim, outcome in pairs if isinstance(outcome, Result)
        }
        if refused or (made and command.predict_id is None):
            db = await enter(crossing, home)
            await idempotency.fulfil(db, made if command.predict_id is None else {})
            await idempotency.release(db, refused)


def _at_home(
    submitted: Sequence[Submitted[Placed[Any]]],
    repeated: Mapping[int, str | Refusal],
    homes: Mapping[Claim, int],
) -> list[tuple[int, tuple[int, str]]]:
    """Return the repeats that are answered with a resource: the home, the place and the resource's id."""
    return [
        (homes[claim], (index, answer))
        for index, answer in repeated.items()
        if isinstance(answer, str) and (claim := submitted[index].claim) is not None
    ]


async def _replays(
    crossing: Crossing,
    command: Command[Any, Any],
    rule: Rule,
    repeated: Iterable[tuple[int, tuple[int, str]]],
) -> dict[int, Result[Any]]:
    """Return the resources of repeated requests as they are now, by place."""
    replays: dict[int, Result[Any]] = {}
    for home, answers in _by_home(repeated):
        ids = [resource_id for _, resource_id in answers]
        if rule.load is not None:
            resources = await rule.load(crossing, ids)
        else:
            resources = await command.load(await enter(crossing, home), ids, crossing.installations[home])
        replays |= {index: Result(resources[resource_id], replayed=True) for index, resource_id in answers}
    return replays


def _by_home(pairs: Iterable[tuple[int, Key]]) -> list[tuple[int, list[Key]]]:
    """Group by the first of each pair, in the order of the cells."""
    groups: dict[int, list[Key]] = {}
    for home, key in pairs:
        groups.setdefault(home, []).append(key)
    return sorted(groups.items(), key=lambda group: group[0])
