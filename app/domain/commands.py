"""A command: what many requests become together in one transaction, each with its own outcome, each at most once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from app.db import Db
from app.domain import idempotency
from app.domain.idempotency import Claim
from app.domain.refusals import Refusal

Request = TypeVar("Request")
Resource = TypeVar("Resource")


@dataclass(frozen=True, slots=True, eq=False)
class Command(Generic[Request, Resource]):
    """`run` makes or refuses things in the order of the requests; `load` finds things by the ids that `name` gives them.

    `foretell` says before what `name` will say of what a request makes: then its key need not be written twice.
    `pays`: its things are payments, which the sender carries out.
    """

    kind: str
    run: Callable[[Db, Sequence[Request]], Awaitable[Sequence[Resource | Refusal]]]
    load: Callable[[Db, Sequence[str]], Awaitable[Mapping[str, Resource]]]
    name: Callable[[Resource], str]
    foretell: Callable[[Request], str] | None = None
    pays: bool = False


class Submitted(NamedTuple, Generic[Request]):
    """A request, and the key under which it may be repeated."""

    request: Request
    claim: Claim | None = None


class Result(NamedTuple, Generic[Resource]):
    """What a request made, or what the same request made before."""

    thing: Resource
    replayed: bool = False


async def perform(
    db: Db,
    command: Command[Request, Resource],
    asked: Sequence[Submitted[Request]],
    wait_seconds: float = idempotency.WAIT_SECONDS,
) -> list[Result[Resource] | Refusal]:
    """Do what was asked. A key commits with its effect; a refusal leaves none, so it may be tried again."""
    places: dict[Claim, int] = {}
    for place, (_, claim) in enumerate(asked):
        if claim is not None:
            places.setdefault(claim, place)
    foretell = command.foretell
    known = {claim: foretell(asked[place].request) if foretell else None for claim, place in places.items()}
    earlier = await idempotency.claim(db, command.kind, known, wait_seconds)
    fresh = [
        n
        for n, (_, claim) in enumerate(asked)
        if claim is None or (claim not in earlier and places[claim] == n)
    ]
    outcomes: dict[int, Result[Resource] | Refusal] = {}
    for place, made in zip(
        fresh, await command.run(db, [asked[n].request for n in fresh]) if fresh else [], strict=True
    ):
        outcomes[place] = made if isinstance(made, Refusal) else Result(made)
    await _settle(db, command, asked, outcomes)
    if len(outcomes) == len(asked):
        return list(outcomes.values())
    return await _with_replays(
        db, command, asked, outcomes, {**earlier, **_twins(command, asked, places, outcomes)}
    )


async def _settle(
    db: Db,
    command: Command[Request, Resource],
    asked: Sequence[Submitted[Request]],
    outcomes: Mapping[int, Result[Resource] | Refusal],
) -> None:
    """Write beside each key what it made, and take back the keys of what was refused."""
    claims = [(asked[n].claim, outcome) for n, outcome in outcomes.items()]
    if command.foretell is None:
        made = {
            claim: command.name(one.thing)
            for claim, one in claims
            if claim is not None and isinstance(one, Result)
        }
        await idempotency.fulfil(db, made)
    await idempotency.delete_expired(
        db, [claim for claim, one in claims if claim is not None and not isinstance(one, Result)]
    )


def _twins(
    command: Command[Request, Resource],
    asked: Sequence[Submitted[Request]],
    places: Mapping[Claim, int],
    outcomes: Mapping[int, Result[Resource] | Refusal],
) -> dict[Claim, str | Refusal]:
    """Return what the first request of a key came to, for the others of the same batch."""
    found: dict[Claim, str | Refusal] = {}
    for claim, place in places.items():
        if (outcome := outcomes.get(place)) is not None:
            found[claim] = command.name(outcome.thing) if isinstance(outcome, Result) else outcome
    return found


async def _with_replays(
    db: Db,
    command: Command[Request, Resource],
    asked: Sequence[Submitted[Request]],
    outcomes: dict[int, Result[Resource] | Refusal],
    answers: Mapping[Claim, str | Refusal],
) -> list[Result[Resource] | Refusal]:
    """Answer the repeated requests with the thing as it is now."""
    repeated = {
        n: answers[one.claim] for n, one in enumerate(asked) if n not in outcomes and one.claim is not None
    }
    ids = [answer for answer in repeated.values() if isinstance(answer, str)]
    things = await command.load(db, ids) if ids else {}
    for place, answer in repeated.items():
        outcomes[place] = answer if isinstance(answer, Refusal) else Result(things[answer], replayed=True)
    return [outcomes[n] for n in range(len(asked))]
