"""The platform's account gives as one where there are several cells: what it lacks in one, it gets from the others before."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from app.domain.commands import Result
from app.domain.crossings import Gather, Gathered
from app.domain.ledger import InsufficientFunds
from app.domain.refusals import Refusal
from app.domain.transfers import LacksFunds
from app.money import DOGE

Answer = TypeVar("Answer")
Outcome = Result[Answer] | Exception

ROUNDS: Final = 5
"""How often money is brought for one request: what came, others may take in between."""


class Platform(Protocol):
    """The platform's account in all cells."""

    @property
    def platform(self) -> str:
        """Its name."""

    async def gather(self, needs: Sequence[tuple[int, Gather]]) -> Sequence[Result[Gathered] | Exception]:
        """Bring to each of these cells what the platform is about to give there."""


async def as_one(cells: Platform, cell: int, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """Carry out what an account gives in a cell; if that is the platform and lacks money, with money of the others."""
    for _ in range(ROUNDS):
        try:
            return await attempt()
        except (LacksFunds, InsufficientFunds) as refusal:
            if refusal.facts.get("account") != cells.platform:
                raise
            [gathered] = await cells.gather([(cell, _need(refusal))])
            if isinstance(gathered, Exception):
                raise gathered from None
            if not gathered.resource.enough:
                raise _in_all(refusal, gathered.resource) from None
    return await attempt()


async def all_as_one(
    cells: Platform,
    homes: Sequence[int],
    attempt: Callable[[Sequence[int]], Awaitable[Sequence[Outcome[Answer]]]],
) -> list[Outcome[Answer]]:
    """Carry out requests of which each gives in its home, all of them and then again those that lacked money.

    `attempt` gets their places. Whoever comes behind the platform may have lacked what it would have given, and has
    another try with it.
    """
    outcomes = dict(enumerate(await attempt(range(len(homes)))))
    final: set[int] = set()
    for _ in range(ROUNDS):
        lacking = {
            place: outcome
            for place, outcome in outcomes.items()
            if isinstance(outcome, LacksFunds) and place not in final
        }
        short = {
            place: outcome for place, outcome in lacking.items() if outcome.facts["account"] == cells.platform
        }
        unmet = await _unmet(cells, homes, short) if short else {}
        outcomes |= unmet
        final |= unmet.keys()
        if len(unmet) == len(short):
            break
        again = [place for place in lacking if place >= min(short) and place not in final]
        outcomes |= zip(again, await _again(attempt, again), strict=True)
    return [outcomes[place] for place in range(len(homes))]


async def _again(
    attempt: Callable[[Sequence[int]], Awaitable[Sequence[Outcome[Answer]]]], places: Sequence[int]
) -> Sequence[Outcome[Answer]]:
    """Carry out these again. Where they are not taken in any more, only these hear that: others are done."""
    try:
        return await attempt(places)
    except Refusal as refusal:
        return [refusal] * len(places)


async def _unmet(
    cells: Platform, homes: Sequence[int], short: Mapping[int, LacksFunds]
) -> dict[int, Exception]:
    """Bring the money for requests that lacked it; return why it did not come for those that go without."""
    try:
        answers = await cells.gather([(homes[place], _need(refusal)) for place, refusal in short.items()])
    except Refusal as refusal:  # the process stops, or has too much to do
        return dict.fromkeys(short, refusal)
    unmet: dict[int, Exception] = {}
    for (place, lacks), answer in zip(short.items(), answers, strict=True):
        if isinstance(answer, Exception):
            unmet[place] = answer
        elif not answer.resource.enough:
            unmet[place] = _in_all(lacks, answer.resource)
    return unmet


def _need(refusal: Refusal) -> Gather:
    facts = refusal.facts
    most = facts.get("wanted")
    return Gather(str(facts.get("asset", DOGE)), str(facts["needed"]), None if most is None else str(most))


def _in_all(refusal: Refusal, gathered: Gathered) -> Refusal:
    """Return the refusal with what there is in all cells."""
    facts = refusal.facts | {"available": gathered.available}
    return type(refusal)(**facts, field=refusal.field)
