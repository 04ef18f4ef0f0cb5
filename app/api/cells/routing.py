"""The cells of the installation: in which of them lies what a request is about."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Annotated, Final, Self, TypeVar

from fastapi import Depends, Request

from app.api.cells import giving
from app.api.cells.account_cells import AccountCells
from app.api.cells.addresses import CellAddresses
from app.api.cells.crossing_lane import CrossingLane, NotBetweenCells, OverCells, divided
from app.api.cells.event_signal import EventSignal
from app.api.cells.merged import Connect
from app.api.cells.renamed_accounts import RenamedAccounts
from app.api.context import AppContext
from app.cells import CellMap
from app.db.all_cells import AllCells
from app.domain.audit_log import Action
from app.domain.commands import Command, Result, Submitted
from app.domain.crossings import GATHER, Gather, Gathered
from app.domain.idempotency import Claim
from app.domain.refusals import Refusal

Order = TypeVar("Order")
Resource = TypeVar("Resource")

CONTEXT: Final = "kennel.context"
"""The key of what a request was found to be about, in its scope: it is looked up once."""
OF_A_CELL: Final = ("engine", "reads", "commits", "queries", "waiter", "invoice_watch", "submissions")
"""What each cell has for itself of what its requests share."""
_MOST_DIGITS: Final = 18
"""Of the number of a row; texts that name their cell are longer."""


class Cells:
    """Finds the cell of each request. `contexts` has what the requests of each cell share.

    What concerns several cells is carried out by `over_cells`. Where there is one cell, nothing is looked up.
    """

    def __init__(self, contexts: Sequence[AppContext], over_cells: OverCells | None = None) -> None:
        self.contexts = tuple(contexts)
        self.only = self.contexts[0] if len(self.contexts) == 1 else None
        """The cell of an installation that has no other."""
        self.over_cells = over_cells
        self.cell_map = CellMap(len(contexts))
        self.renamed = RenamedAccounts(contexts[0].queries, contexts[0].reads)
        self._accounts = AccountCells(self.cell_map, self.renamed)
        self._addresses = CellAddresses([context.queries for context in contexts], contexts[0].network)
        self._finders: Mapping[str, Callable[[str], Awaitable[int]]] = {
            "foreign_id": self.cell_of_account,
            "delivery_id": self._of_id,
            "id": self._of_id,
            "link_id": self._of_id,
            "invoice_id": self.cell_of_address,
            "address": self.cell_of_address,
        }
        """By the parameters of paths; the first one that a path has counts: it names who pays."""

    @classmethod
    def of(cls, contexts: Sequence[AppContext], over_cells: OverCells | None = None) -> Self:
        """Put the cells together. What is not a cell's own all of them take from the first."""
        signal = EventSignal(*(each.reads for each in contexts))
        return cls(
            [
                replace(contexts[0], event_signal=signal, **{name: getattr(each, name) for name in OF_A_CELL})
                for each in contexts
            ],
            over_cells,
        )

    @property
    def together(self) -> AllCells:
        """Return the way to what they have at one moment."""
        engines = tuple(context.engine for context in self.contexts)
        return AllCells(engines, self.over_cells.engine if self.over_cells else engines[0])

    @property
    def first(self) -> AppContext:
        """Where that is read and written which all cells share."""
        return self.contexts[0]

    async def of_request(self, request: Request) -> AppContext:
        """Return the cell of what the path names; the first one where it names nothing that lies in one cell."""
        scope = request.scope
        if CONTEXT not in scope:
            scope[CONTEXT] = self.contexts[await self._of_path(request.path_params)]
        context: AppContext = scope[CONTEXT]
        return context

    async def of_account(self, foreign_id: str) -> AppContext:
        """Return the cell of an account."""
        return self.contexts[await self.cell_of_account(foreign_id)]

    def all_have(self, foreign_id: str) -> bool:
        """Say whether there are several cells, and the account is in all of them: only the platform's is."""
        return self.only is None and foreign_id == self.platform

    async def having(self, foreign_id: str | None) -> Sequence[AppContext]:
        """Return the cell that has an account: all of them for the platform's, and for None, which is every account."""
        if not foreign_id or self.all_have(foreign_id):
            return self.contexts
        return [await self.of_account(foreign_id)]

    async def connects_to(self, foreign_id: str | None) -> Sequence[Connect]:
        """Return what opens connections for reading to the cells that have an account, as `having` says."""
        return [context.reads.connect for context in await self.having(foreign_id)]

    async def readers_of(self, foreign_id: str | None) -> Sequence[Connect]:
        """Return what opens connections to the same cells for Prepared statements."""
        return [context.queries.reader for context in await self.having(foreign_id)]

    def of_number(self, number: int) -> AppContext:
        """Return the cell of a row."""
        return self.contexts[self.cell_map.of_number(number)]

    @property
    def _over(self) -> OverCells:
        assert self.over_cells is not None  # noqa: S101  only several cells come here
        return self.over_cells

    @property
    def _crossings(self) -> CrossingLane:
        if self._over.crossings is None:
            raise NotBetweenCells
        return self._over.crossings

    @property
    def platform(self) -> str:
        """The name of the account that is in all cells."""
        return self.first.commits.installation.platform

    async def cell_of_account(self, foreign_id: str) -> int:
        """Return the number of an account's cell, also where there is none of this name yet."""
        return await self._accounts.of(foreign_id)

    async def cell_of_address(self, address: str) -> int:
        """Return the number of an address's cell; for what is no address of ours that of some cell, which will say so."""
        return 0 if self.only is not None else await self._addresses.cell_of(address)

    async def submit(
        self,
        command: Command[Order, Resource],
        order: Order,
        claim: Claim | None,
        names: Sequence[str],
        *,
        weight: int = 1,
    ) -> Result[Resource]:
        """Carry out what concerns the accounts of these names, of which the first one pays; as `commits.submit` does."""
        if self.only is not None:
            return await self.only.commits.submit(command, order, claim, weight=weight)
        return await self.submit_in(await self.cells_of(names), command, order, claim, weight=weight)

    async def gather(self, needs: Sequence[tuple[int, Gather]]) -> Sequence[Result[Gathered] | Exception]:
        """Bring to each of these cells what the platform is about to give there, from all others."""
        everywhere = range(len(self.contexts))
        places = [tuple(dict.fromkeys((cell, *everywhere))) for cell, _ in needs]
        return await self._crossings.submit_all(GATHER, [Submitted(need) for _, need in needs], places)

    async def submit_at(
        self,
        number: int,
        command: Command[Order, Resource],
        order: Order,
        claim: Claim | None,
        names: Sequence[str],
    ) -> Result[Resource]:
        """Carry out what changes the row of this number, and concerns the accounts of these names."""
        if self.only is not None:
            return await self.only.commits.submit(command, order, claim)
        places = await self.cells_of(names, self.cell_map.of_number(number))
        return await self.submit_in(places, command, order, claim)

    async def submit_in(
        self,
        places: Sequence[int],
        command: Command[Order, Resource],
        order: Order,
        claim: Claim | None,
        *,
        weight: int = 1,
        action: Action | None = None,
    ) -> Result[Resource]:
        """Carry out what concerns these cells; what it makes lies in the first, where its key is too.

        What the platform gives in the first and lacks there, the others give it before. A crossing logs no `action`.
        """
        first, *others = dict.fromkeys(places)

        async def attempt() -> Result[Resource]:
            if not others:
                commits = self.contexts[first].commits
                return await commits.submit(command, order, claim, weight=weight, action=action)
            return await self._crossings.submit(command, order, claim, (first, *others), weight=weight)

        return await (attempt() if self.only else giving.as_one(self, first, attempt))

    async def submit_all(
        self,
        command: Command[Order, Resource],
        submitted: Sequence[Submitted[Order]],
        names: Callable[[Order], Sequence[str]],
    ) -> Sequence[Result[Resource] | Exception]:
        """Carry out one caller's requests as `commits.submit_all` does; `names` returns those of the accounts of each.

        What the platform lacks in a cell, the others give it, and then it has another try.
        """
        if self.only is not None:
            return await self.only.commits.submit_all(command, submitted)
        places = await self._accounts.of_each([names(each.request) for each in submitted], self.platform)

        async def attempt(chosen: Sequence[int]) -> Sequence[Result[Resource] | Exception]:
            return await self._submit_all(command, [(submitted[n], places[n]) for n in chosen])

        return await giving.all_as_one(self, [cells[0] for cells in places], attempt)

    async def _submit_all(
        self,
        command: Command[Order, Resource],
        placed: Sequence[tuple[Submitted[Order], Sequence[int]]],
    ) -> Sequence[Result[Resource] | Exception]:
        """Carry out requests, each with its cells.

        Where none leaves its cell, the cells carry out their own at the same time: they have no account in common. Else
        all go one way, one after the other, since what comes first may pay for what follows.
        """
        submitted = [each for each, _ in placed]
        if any(len(cells) > 1 for _, cells in placed):
            return await self._crossings.submit_all(command, submitted, [cells for _, cells in placed])
        by_cell = divided([cells[0] for _, cells in placed])
        answers = await asyncio.gather(
            *(
                self._submit_part(cell, command, [submitted[number] for number in numbers])
                for cell, numbers in by_cell.items()
            )
        )
        outcomes = dict(zip(chain(*by_cell.values()), chain(*answers), strict=True))
        return [outcomes[number] for number in range(len(submitted))]

    async def _submit_part(
        self, cell: int, command: Command[Order, Resource], part: Sequence[Submitted[Order]]
    ) -> Sequence[Result[Resource] | Exception]:
        """Carry out those for one cell; where it takes nothing, only these hear that."""
        try:
            return await self.contexts[cell].commits.submit_all(command, part)
        except Refusal as refusal:
            return [refusal] * len(part)

    async def submit_everywhere(
        self,
        command: Command[Order, Resource],
        order: Order,
        claim: Claim | None = None,
        action: Action | None = None,
    ) -> Result[Resource]:
        """Change what each cell has a copy of, such as the endpoint of a webhook, in all cells or in none."""
        if self.only is not None:
            return await self.only.commits.submit(command, order, claim, action=action)
        return await self._over.everywhere.submit(command, order, claim, action=action)

    async def cells_of(self, names: Sequence[str], first: int | None = None) -> tuple[int, ...]:
        """Return the cells of the accounts, each once: the `first`, or that of the first account, before all others.

        The platform's account is in all cells, so it goes with the others.
        """
        if first is None:
            [cells] = await self._accounts.of_each([names], self.platform)
            return cells
        others = [await self.cell_of_account(name) for name in names if name != self.platform]
        return tuple(dict.fromkeys([first, *others]))

    async def _of_path(self, path: Mapping[str, str]) -> int:
        if self.only is not None:
            return 0
        if "payment_id" in path and self.all_have(path["foreign_id"]):
            return await self._of_id(path["payment_id"])
        for name, find in self._finders.items():
            if name in path:
                return await find(path[name])
        return 0

    async def _of_id(self, text: str) -> int:
        """Return the cell of the number of a row, or of a longer text, which ends with its cell."""
        if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
            return self.cell_map.of_number(int(text))
        return self.cell_map.of_text(text) or 0


async def _cells(request: Request) -> Cells:
    cells: Cells = request.app.state.cells
    return cells


InCells = Annotated[Cells, Depends(_cells)]
"""All cells, for what concerns several of them."""
