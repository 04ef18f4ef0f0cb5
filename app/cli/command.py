"""What every command begins with: the settings, the database, and errors that are told in one sentence."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import database as databases
from app.config import sources
from app.config.settings import Settings
from app.db import is_outage
from app.db.all_cells import AllCells
from app.db.database import Database
from app.errors import OperatorError
from app.runtime import logs

Result = TypeVar("Result")


class CannotBeDone(OperatorError):
    """What the operator asked for cannot be done; the message says why."""


def read_settings(variables: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Read the settings, and log as they say; `variables` win over those of the environment."""
    with errors_in_one_sentence():
        settings = sources.read({**os.environ, **variables})
    logs.configure(settings.log_level, settings.log_format)
    return settings


@contextmanager
def started(
    *,
    beside: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Settings, Database]]:
    """Yield the settings and the database; PostgreSQL of our own runs meanwhile where none is configured.

    With `beside`, one that a running Kennel has started on the same home will do. Without it the command
    needs a node. `meanwhile` is called while PostgreSQL starts. `variables` win over those of the environment.
    """
    settings = read_settings(variables)
    with errors_in_one_sentence():
        if not beside:
            from app import configured_node

            configured_node.check(settings)
        with databases.reached(settings, beside=beside, meanwhile=meanwhile) as database:
            yield settings, database


@contextmanager
def errors_in_one_sentence() -> Iterator[None]:
    """End the program with a sentence where the operator can mend what is wrong, and not with a traceback."""
    try:
        yield
    except OperatorError as error:
        sys.exit(f"kennel: {error}")
    except ExceptionGroup as group:
        sentences, others = group.split(OperatorError)
        if others is not None or sentences is None:
            raise
        first: BaseException = sentences
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        sys.exit(f"kennel: {first}")
    except (DBAPIError, ConnectionError) as error:
        if not is_outage(error):
            raise
        reason = str(error.orig if isinstance(error, DBAPIError) else error).splitlines()[0]
        sys.exit(f"kennel: The database went away meanwhile: {reason}. Start it again.")


@asynccontextmanager
async def cells_of(database: Database, revision: str = "head") -> AsyncIterator[AllCells]:
    """Yield all cells for statements that may take long, after they were brought to the schema of this version.

    An older `revision` of it is for a new database alone.
    """
    async with database.without_timeouts(revision) as every, AsyncExitStack() as stack:
        if database.map.cells == 1:
            yield AllCells.of_one(every)
            return
        engines = [
            await stack.enter_async_context(cell.without_timeouts(revision)) for cell in database.cells
        ]
        yield AllCells(tuple(engines), every)


async def on_cells(database: Database, work: Callable[[AllCells], Awaitable[Result]]) -> Result:
    """Do the work on all cells."""
    async with cells_of(database) as cells:
        return await work(cells)


async def on_shared(database: Database, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """Do work that is about what all cells share: it is found from each of them."""
    return await on_cells(database, lambda cells: work(cells.engines[0]))
