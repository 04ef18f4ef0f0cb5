"""Commits changes of what each cell has a copy of: in all cells, or in none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.group_commit import GroupCommit
from app.cells import Cell
from app.db import Db
from app.db import cells as cell_schemas
from app.domain.commands import Command, Submitted
from app.domain.installation import Installation

Commands = Mapping[Command[Any, Any], Command[Any, Any]]
"""For each command of one cell the one that does the same in all."""


class Everywhere(GroupCommit):
    """A group commit whose connections may work in all cells; each transaction begins in the first, where its keys are."""

    def __init__(
        self,
        engine: AsyncEngine,
        installation: Installation,
        committed: Callable[[Command[Any, Any]], None],
        first: Cell,
        commands: Commands,
    ) -> None:
        """Take the first cell's installation."""
        super().__init__(engine, installation, committed)
        self._enter_first = sa.text(cell_schemas.enter(first))
        self._commands = commands

    async def _perform(
        self, db: Db, command: Command[Any, Any], submitted: Sequence[Submitted[Any]]
    ) -> Sequence[Any]:
        await db.execute(self._enter_first)
        return await super()._perform(db, self._commands[command], submitted)
