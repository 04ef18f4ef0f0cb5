"""A command carries out many requests in one transaction, each with its own outcome, and at most once."""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from app.db import Db
from app.domain import audit_log, idempotency
from app.domain.audit_log import Action, Audited
from app.domain.idempotency import Claim
from app.domain.installation import Installation
from app.domain.refusals import Refusal

Request = TypeVar("Request")
Resource = TypeVar("Resource")
Connection = TypeVar("Connection")
Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True, eq=False)
class Command(Generic[Request, Resource]):
    """`run` makes or refuses a resource for each request, in order; `load` finds them by the ids of `id_of`.

    `predict_id` says what `id_of` will return for a request, so that its key is written only once. `pays`:
    the resources are payments, which the sender carries out. `audited` says how an administrator's changes are logged.
    """

    kind: str
    run: Callable[[Db, Sequence[Request], Installation], Awaitable[Sequence[Resource | Refusal]]]
    load: Callable[[Db, Sequence[str], Installation], Awaitable[Mapping[str, Resource]]]
    id_of: Callable[[Resource], str]
    predict_id: Callable[[Request], str] | None = None
    pays: bool = False
    audited: Audited[Request, Resource] | None = None


def plain(
    rule: Callable[[Connection, Argument], Awaitable[Outcome]],
) -> Callable[[Connection, Argument, Installation], Awaitable[Outcome]]:
    """Return a `run` or `load` that does not use the installation."""
    return lambda db, argument, _: rule(db, argument)


class Submitted(NamedTuple, Generic[Request]):
    """A request, the key under which it may be repeated, and the `action` of an administrator that it is, if so."""

    request: Request
    claim: Claim | None = None
    action: Action | None = None


class Result(NamedTuple, Generic[Resource]):
    """What a request made, or, where it is `replayed`, what the same request made before."""

    resource: Resource
    replayed: bool = False


async def perform(
    db: Db,
    installation: Installation,
    command: Command[Request, Resource],
    submitted: Sequence[Submitted[Request]],
    wait_seconds: float = idempotency.WAIT_SECONDS,
) -> list[Result[Resource] | Refusal]:
    """Carry the requests out. A key commits with its effect. A refused request leaves no key."""
    first = first_claims(submitted)
    predict = command.predict_id
    ids = {claim: predict(submitted[index].request) if predict else None for claim, index in first.items()}
    earlier = await idempotency.claim(db, command.kind, ids, wait_seconds)
    new = fresh(submitted, first, earlier)
    made = await _run(db, installation, command, [submitted[index] for index in new])
    outcomes = results(new, made)
    await _settle(db, command, submitted, outcomes)
    if len(outcomes) == len(submitted):
        return list(outcomes.values())
    answers = {**earlier, **answers_of(command, first, outcomes)}
    return await _with_replays(db, installation, command, submitted, outcomes, answers)


def first_claims(submitted: Sequence[Submitted[Request]]) -> dict[Claim, int]:
    """Return the place of the first request of each key."""
    first: dict[Claim, int] = {}
    for index, (_, claim, _) in enumerate(submitted):
        if claim is not None:
            first.setdefault(claim, index)
    return first


def fresh(
    submitted: Sequence[Submitted[Request]],
    first: Mapping[Claim, int],
    earlier: Mapping[Claim, str | Refusal],
) -> list[int]:
    """Return the places of the requests that are to be carried out: no others have made what they ask for."""
    return [
        index
        for index, (_, claim, _) in enumerate(submitted)
        if claim is None or (claim not in earlier and first[claim] == index)
    ]


def results(
    places: Sequence[int], made: Sequence[Resource | Refusal]
) -> dict[int, Result[Resource] | Refusal]:
    """Return what the requests in these places came to, by place."""
    return {
        index: outcome if isinstance(outcome, Refusal) else Result(outcome)
        for index, outcome in zip(places, made, strict=True)
    }


async def _run(
    db: Db,
    installation: Installation,
    command: Command[Request, Resource],
    submitted: Sequence[Submitted[Request]],
) -> Sequence[Resource | Refusal]:
    """Make or refuse the resources, and log what administrators have changed."""
    requests, actions = [each.request for each in submitted], [each.action for each in submitted]
    if command.audited is None or not any(actions):
        return await command.run(db, requests, installation) if requests else []
    before = await audit_log.before(db, command.audited, requests, installation)
    made = await command.run(db, requests, installation)
    resources = [None if isinstance(outcome, Refusal) else outcome for outcome in made]
    await audit_log.write(db, command.audited.changes(actions, before, resources))
    return made


async def _settle(
    db: Db,
    command: Command[Request, Resource],
    submitted: Sequence[Submitted[Request]],
    outcomes: Mapping[int, Result[Resource] | Refusal],
) -> None:
    """Write beside each key what it made, and release the keys of refused requests."""
    claims = [
        (claim, outcome)
        for index, outcome in outcomes.items()
        if (claim := submitted[index].claim) is not None
    ]
    if command.predict_id is None:
        made = {
            claim: command.id_of(outcome.resource) for claim, outcome in claims if isinstance(outcome, Result)
        }
        await idempotency.fulfil(db, made)
    await idempotency.release(db, [claim for claim, outcome in claims if isinstance(outcome, Refusal)])


def answers_of(
    command: Command[Request, Resource],
    first: Mapping[Claim, int],
    outcomes: Mapping[int, Result[Resource] | Refusal],
) -> dict[Claim, str | Refusal]:
    """Return the outcome of each key's first request, an id or a refusal, for the others of the batch."""
    return {
        claim: command.id_of(outcome.resource) if isinstance(outcome, Result) else outcome
        for claim, index in first.items()
        if (outcome := outcomes.get(index)) is not None
    }


def repeats(
    submitted: Sequence[Submitted[Request]], outcomes: Container[int], answers: Mapping[Claim, str | Refusal]
) -> dict[int, str | Refusal]:
    """Return the answers of the requests that have no outcome of their own, by place."""
    return {
        index: answers[claim]
        for index, (_, claim, _) in enumerate(submitted)
        if index not in outcomes and claim is not None
    }


async def _with_replays(
    db: Db,
    installation: Installation,
    command: Command[Request, Resource],
    submitted: Sequence[Submitted[Request]],
    outcomes: dict[int, Result[Resource] | Refusal],
    answers: Mapping[Claim, str | Refusal],
) -> list[Result[Resource] | Refusal]:
    """Answer repeated requests with their resources as they are now."""
    repeated = repeats(submitted, outcomes, answers)
    ids = [answer for answer in repeated.values() if isinstance(answer, str)]
    resources = await command.load(db, ids, installation) if ids else {}
    for index, answer in repeated.items():
        outcomes[index] = answer if isinstance(answer, Refusal) else Result(resources[answer], replayed=True)
    return [outcomes[index] for index in range(len(submitted))]
