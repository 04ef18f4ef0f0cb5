"""Commits requests that concern several cells, beside the group commits of the cells: what stays in one never waits for them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import CLOSING_SECONDS, LAST_SECONDS, GroupCommit, Observe, unobserved
from app.cells import CellMap
from app.db import Db
from app.domain.commands import Command, Result, Submitted
from app.domain.crossings import RULES, Crossing, Placed, Rule, perform
from app.domain.idempotency import WAIT_SECONDS, Claim
from app.domain.installation import Installation

Request = TypeVar("Request")
Resource = TypeVar("Resource")

AT_ONCE: Final = 4
"""The most transactions over cells that one process has at once: each holds locks in several of them."""

PAIR: Final = 2
CellCommand = Command[Any, Any]


def lane_of(cells: Iterable[int], count: int) -> tuple[int, ...]:
    """Return the cells whose lane a request goes, of `count` cells: its own one or two, or all where it has more.

    There are too many sets of more than two for a lane each.
    """
    own = tuple(sorted(set(cells)))
    return own if len(own) <= PAIR else tuple(range(count))


@dataclass(frozen=True, slots=True)
class _Way:
    """A command between certain cells, which has a lane of its own: whoever crosses others does not wait for it."""

    command: CellCommand
    rule: Rule
    cells: tuple[int, ...]


class Crossings:
    """Carries out commands over cells with the results, refusals and repeats of a GroupCommit.

    `engine` is the crossing engine. `installations` stand in the order of the cells. `committed` is called after each
    transaction that made anything, with the command and the cells that it concerned.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        installations: Sequence[Installation],
        committed: Callable[[CellCommand, Sequence[int]], None],
        *,
        wait_seconds: float = WAIT_SECONDS,
        observe: Observe = unobserved,
    ) -> None:
        self._writer = _Writer(engine, installations, committed, wait_seconds, observe)

    async def close(self, seconds: float = CLOSING_SECONDS, last_seconds: float = LAST_SECONDS) -> None:
        """Take nothing more; commit what was taken in and answer it, or refuse what there is no time for."""
        await self._writer.close(seconds, last_seconds)

    async def submit(
        self,
        command: Command[Request, Resource],
        request: Request,
        claim: Claim | None,
        cells: Sequence[int],
        *,
        weight: int = 1,
    ) -> Result[Resource]:
        """Return what the request made once that is committed in all its cells, or raise its refusal.

        The first of `cells` is the one where its key and what it makes lie: the payer's.
        """
        way = self._writer.way(command, cells)
        return await self._writer.submit(way, Placed(request, tuple(cells)), claim, weight=weight)

    async def submit_all(
        self,
        command: Command[Request, Resource],
        submitted: Sequence[Submitted[Request]],
        cells: Sequence[Sequence[int]],
    ) -> Sequence[Result[Resource] | Exception]:
        """Return what each of one caller's requests came to, in order; `cells` are those of each, one or several."""
        way = self._writer.way(command, [cell for each in cells for cell in each])
        placed = [
            Submitted(Placed(request, tuple(each)), claim)
            for (request, claim, _), each in zip(submitted, cells, strict=True)
        ]
        return await self._writer.submit_all(way, placed)


class _Writer(GroupCommit):
    """A group commit whose transactions reach several cells; a command between certain cells is one of its commands."""

    def __init__(
        self,
        engine: AsyncEngine,
        installations: Sequence[Installation],
        committed: Callable[[CellCommand, Sequence[int]], None],
        wait_seconds: float,
        observe: Observe,
    ) -> None:
        self._ways: dict[CellCommand, _Way] = {}
        self._known: dict[tuple[CellCommand, tuple[int, ...]], CellCommand] = {}
        self._map = CellMap(len(installations))
        self._installations = installations
        self._turns = asyncio.Semaphore(AT_ONCE)

        def tell(command: CellCommand) -> None:
            way = self._ways[command]
            committed(way.command, way.cells)

        super().__init__(engine, installations[0], tell, wait_seconds=wait_seconds, observe=observe)

    def way(self, command: CellCommand, cells: Sequence[int]) -> CellCommand:
        """Return the command of their lane, always the same one."""
        key = command, lane_of(cells, len(self._installations))
        if key not in self._known:
            self._known[key] = between = replace(command, kind=f"crossing-{command.kind}")
            self._ways[between] = _Way(command, RULES[command], key[1])
        return self._known[key]

    async def _transact(self, command: CellCommand, submitted: Sequence[Submitted[Any]]) -> Sequence[Any]:
        async with self._turns:
            return await super()._transact(command, submitted)

    async def _perform(
        self, db: Db, command: CellCommand, submitted: Sequence[Submitted[Any]]
    ) -> Sequence[Any]:
        way = self._ways[command]
        crossing = Crossing(db, self._map, self._installations)
        return await perform(crossing, way.command, way.rule, submitted, self._wait_seconds)
