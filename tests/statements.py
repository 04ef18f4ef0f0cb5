"""Every statement that the program gives to PostgreSQL while the tests run, each with the line that gave it."""

import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import copy, driven

ROOT = Path(__file__).resolve().parent.parent
DOORS = ("prepare", "execute", "executemany", "fetch", "fetchrow", "fetchval")
"""The driver's ways in: SQLAlchemy's statements go through `prepare`, readers' through `fetch`."""
HANDED_ON = tuple(str(ROOT / part) for part in ("app/db", "tests/statements.py"))
"""What only hands a statement on: the line that gave it stands above."""
MIGRATE = str(ROOT / "app/db/migrate.py")
MIGRATIONS = "migrations"
"""The site of all migrations: they run beside the stack of whoever has begun them."""

Statements = MutableMapping[str, str]
"""Where each statement was first given to the driver, as `file:line`, by its text."""


@contextmanager
def recorded(statements: Statements) -> Iterator[None]:
    """Add all statements of the program. What a test itself says, which tampers and looks, is not added."""
    originals = {name: getattr(asyncpg.Connection, name) for name in DOORS}
    for name, original in originals.items():
        setattr(asyncpg.Connection, name, _recording(original, statements))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(asyncpg.Connection, name, original)


Hear = Callable[[str], object]
_hearing: MutableMapping[sa.Pool, list[Hear]] = WeakKeyDictionary()
"""Who hears the statements of an engine, by its connections."""


def hear_all(engine: AsyncEngine, hear: Hear) -> None:
    """Have `hear` called before each statement of an engine, by SQLAlchemy or straight to the driver.

    A COPY is heard as the word and the table.
    """

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        hear(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", before)
    _hear_driven()
    _hearing.setdefault(engine.sync_engine.pool, []).append(hear)


@cache
def _hear_driven() -> None:
    """From now on tell of what goes straight to the driver, once for all engines."""

    def given(original: Callable[..., Any]) -> Callable[..., Any]:
        async def give(db: Any, driver: Any, prepared: Any, parameters: Any) -> Any:
            _tell(db, prepared.driven.text)
            return await original(db, driver, prepared, parameters)

        return give

    send = copy.send

    async def copied(db: Any, table: Any, columns: Any, rows: Any) -> None:
        _tell(db, f"COPY {table.name}")
        await send(db, table, columns, rows)

    driven.fetch, driven.execute, copy.send = given(driven.fetch), given(driven.execute), copied


def _tell(db: AsyncConnection, statement: str) -> None:
    for hear in _hearing.get(db.sync_engine.pool, ()):
        hear(statement)


def _recording(original: Callable[..., Any], statements: Statements) -> Callable[..., Any]:
    def record(connection: Any, query: str, *arguments: Any, **options: Any) -> Any:
        if query not in statements and (site := _site()):
            statements[query] = site
        return original(connection, query, *arguments, **options)

    return record


def _site() -> str:
    """Return the innermost line of the repository that knows what it asks; "" where it is none of the program's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file == MIGRATE:
            return MIGRATIONS
        if file.startswith(str(ROOT)) and ".venv" not in file and not file.startswith(HANDED_ON):
            path = Path(file).relative_to(ROOT)
            return f"{path}:{frame.f_lineno}" if path.parts[0] == "app" else ""
        frame = frame.f_back
    return ""
