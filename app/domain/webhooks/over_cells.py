"""Changes of endpoints where there are several cells: made in the first, and copied to all others in the same transaction.

A replay is stored in all cells at once, too.

They are carried out by the crossing connection, which works in the first cell when a command begins.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from app.cells import Cell, CellMap
from app.db import Db
from app.db import cells as cell_schemas
from app.domain import accounts
from app.domain.commands import Command
from app.domain.installation import Installation
from app.domain.refusals import Refusal
from app.domain.webhooks import changes, copies, endpoints
from app.domain.webhooks.changes import CHANGE, CREATE, DELETE, ROTATE, Change, HasAccount, one_by_one
from app.domain.webhooks.delivery_listing import REPLAY, NothingBetween, Range, Replay, replay
from app.domain.webhooks.endpoints import Endpoint

Outcomes = Sequence[Endpoint | Refusal]
Run = Callable[[Db, Sequence[Any], Installation], Awaitable[Outcomes]]


def over_cells(cells: CellMap) -> Mapping[Command[Any, Any], Command[Any, Any]]:
    """Return, for each command that changes endpoints or sends events again, the one that does so in all cells."""
    has_account = _looking_in(cells)
    runs: Mapping[Command[Any, Any], Run] = {
        CREATE: one_by_one(partial(changes.create, has_account=has_account)),
        CHANGE: one_by_one(partial(changes.change, has_account=has_account)),
        ROTATE: ROTATE.run,
        DELETE: DELETE.run,
    }
    copied = {command: replace(command, run=_copying(cells, run)) for command, run in runs.items()}
    return {**copied, REPLAY: replace(REPLAY, run=_replaying(cells))}


def _copying(cells: CellMap, run: Run) -> Run:
    first, *others = cells

    async def run_in_all(db: Db, orders: Sequence[Any], installation: Installation) -> Outcomes:
        outcomes = await run(db, orders, installation)
        rows = await copies.read(db, [made.id for made in outcomes if isinstance(made, Endpoint)])
        for cell in others if rows else ():
            await _enter(db, cell)
            await copies.write(db, rows)
            for order, outcome in zip(orders, outcomes, strict=True):
                if isinstance(order, Change) and isinstance(outcome, Endpoint):
                    await _set_state(db, order)
        await _enter(db, first)
        return outcomes

    return run_in_all


def _replaying(
    cells: CellMap,
) -> Callable[[Db, Sequence[Range], Installation], Awaitable[list[Replay | Refusal]]]:
    first, *_ = cells

    async def run(db: Db, orders: Sequence[Range], _: Installation) -> list[Replay | Refusal]:
        replays = [await _replay(db, cells, order) for order in orders]
        await _enter(db, first)
        return replays

    return run


async def _replay(db: Db, cells: CellMap, order: Range) -> Replay | Refusal:
    """Store the range of each cell, or of none; return the first. A cell may have nothing between."""
    replays: list[Replay] = []
    for cell, part in zip(cells, (order, *order.others), strict=True):
        await _enter(db, cell)
        outcome = await replay(db, part)
        if isinstance(outcome, Replay):
            replays.append(outcome)
        elif not isinstance(outcome, NothingBetween):
            raise outcome  # it undoes what the cells before this one have stored
    return replays[0] if replays else NothingBetween()


async def _set_state(db: Db, order: Change) -> None:
    """Enable or disable the copy, if that was asked for: a cell disables an endpoint that fails there, too."""
    match order.changes.get("state"):
        case "active":
            await endpoints.enable(db, [order.id])
        case "disabled":
            await endpoints.disable(db, [order.id], changes.BY_REQUEST)


def _looking_in(cells: CellMap) -> HasAccount:
    first, *_ = cells

    async def has_account(db: Db, foreign_id: str) -> bool:
        cell = await accounts.cell_of(db, cells, foreign_id)
        await _enter(db, cell)
        known = await accounts.owners(db, [foreign_id])
        await _enter(db, first)
        return bool(known)

    return has_account


async def _enter(db: Db, cell: Cell) -> None:
    await db.execute(sa.text(cell_schemas.enter(cell)))
