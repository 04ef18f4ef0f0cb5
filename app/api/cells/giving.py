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
    poor: set[int] = set()
    for _ in range(ROUNDS):
        lacking = {
            place: outcome
            for place, outcome in outcomes.items()
            if isinstance(outcome, LacksFunds) and place not in poor
        }
        short = {
            place: outcome for place, outcome in lacking.items() if outcome.facts["account"] == cells.platform
        }
        gathered = await _gather(cells, homes, short) if short else {}
        refused = {place: _in_all(short[place], each) for place, each in gathered.items() if not each.enough}
        outcomes |= refused
        poor |= refused.keys()
        if len(refused) == len(gathered):
            break
        again = [place for place in lacking if place >= min(short) and place not in poor]
        outcomes |= zip(again, await attempt(again), strict=True)
    return [outcomes[place] for place in range(len(homes))]


async def _gather(
    cells: Platform, homes: Sequence[int], short: Mapping[int, LacksFunds]
) -> dict[int, Gathered]:
    """Bring the money for requests that lacked it; return what came of it, but for those of which nothing is known."""
    answers = await cells.gather([(homes[place], _need(refusal)) for place, refusal in short.items()])
    return {
        place: answer.resource
        for place, answer in zip(short, answers, strict=True)
        if isinstance(answer, Result)
    }


def _need(refusal: Refusal) -> Gather:
    facts = refusal.facts
    most = facts.get("wanted")
    return Gather(str(facts.get("asset", DOGE)), str(facts["needed"]), None if most is None else str(most))


def _in_all(refusal: Refusal, gathered: Gathered) -> Refusal:
    """Return the refusal with what there is in all cells."""
    facts = refusal.facts | {"available": gathered.available}
    return type(refusal)(**facts, field=refusal.field)
