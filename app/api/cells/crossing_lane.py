"""What carries out requests that concern several cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.cells.everywhere import Everywhere
from app.domain.commands import Command, Result, Submitted
from app.domain.idempotency import Claim
from app.domain.refusals import Refusal

Order = TypeVar("Order")
Resource = TypeVar("Resource")


class CrossingLane(Protocol):
    """Carries out commands over cells, with the results, refusals and repeats of a GroupCommit.

    The first of a request's cells is the one where its key and what it makes lie.
    """

    async def submit(
        self,
        command: Command[Order, Resource],
        request: Order,
        claim: Claim | None,
        cells: Sequence[int],
        *,
        weight: int = 1,
    ) -> Result[Resource]:
        """Return what the request made, or raise its refusal."""

    async def submit_all(
        self,
        command: Command[Order, Resource],
        submitted: Sequence[Submitted[Order]],
        cells: Sequence[Sequence[int]],
    ) -> Sequence[Result[Resource] | Exception]:
        """Return what each of one caller's requests came to, in order."""


class NotBetweenCells(Refusal):
    """These accounts lie in different cells of this installation, between which no money moves yet."""

    code: ClassVar[str | None] = "not-available"


@dataclass(frozen=True, slots=True)
class OverCells:
    """What carries out requests over cells: those between some of them, and those that change copies in all.

    Without `crossings` those between some are refused. The connections of `engine` may work in all cells.
    """

    crossings: CrossingLane | None
    everywhere: Everywhere
    engine: AsyncEngine

    async def close(self) -> None:
        """Take nothing more, and answer what was taken in."""
        await self.everywhere.close()


def divided(cells: Sequence[int]) -> dict[int, list[int]]:
    """Return, for each cell, the numbers of the requests that are for it."""
    divided: dict[int, list[int]] = {}
    for number, cell in enumerate(cells):
        divided.setdefault(cell, []).append(number)
    return divided
