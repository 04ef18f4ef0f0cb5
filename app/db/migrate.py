"""Brings a database to the schema of this program, once, however many processes start at the same time."""

import re
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.cells import Cell, WrongCells
from app.db.engine import sqlstate

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
_LOCK: Final = 0x4B454E4E454C
"""The advisory lock's number ("KENNEL"); it ends with the transaction, so it works through PgBouncer too."""
TRIES: Final = 20
DEADLOCK: Final = "40P01"
"""Programs that run lock the same tables in an order of their own: what was undone for one is tried again."""
ALL: Final = Cell()
"""The only cell of an installation without several."""
_USABLE_SINCE: Final = sa.text("SELECT usable_since FROM installation")

_REVISION: Final = re.compile(r'^(revision|down_revision) = "(\w+)"', re.MULTILINE)
_EXISTS: Final = sa.text("""
    SELECT to_regclass('alembic_version') IS NOT NULL,
        (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^cell_[0-9]{3}$')
""")
_VERSIONS: Final = sa.text("SELECT version_num FROM alembic_version LIMIT 2")


class NewerSchema(Exception):
    """Its schema is of a newer Kennel (migration {0}) and this version cannot use it: start the newer one."""

    def __str__(self) -> str:
        """Say which migration."""
        return (self.__doc__ or "").format(*self.args)


async def upgrade(engine: AsyncEngine, revision: str = "head", cell: Cell = ALL) -> None:
    """Apply the missing migrations in one transaction, after any other process that does the same.

    The schema of a newer program is left as it is, where this program can use it; else it raises NewerSchema.
    Raises WrongCells where the database has cells and this one is all of the installation.
    """
    for attempt in range(1, TRIES + 1):
        try:
            await _upgrade(engine, revision, cell)
        except DBAPIError as error:
            if sqlstate(error) != DEADLOCK or attempt == TRIES:
                raise
        else:
            return


async def _upgrade(engine: AsyncEngine, revision: str, cell: Cell) -> None:
    if await is_current(engine, cell):
        return
    async with engine.begin() as db:
        await lock(db)
        newer = [version for version in await _versions(db, cell) if not knows(version)]
        if not newer:
            await db.run_sync(_apply, revision, cell)
        elif not knows(await db.scalar(_USABLE_SINCE) or ""):
            raise NewerSchema(newer[0])


def knows(revision: str) -> bool:
    """Say whether a revision is one of this program's migrations."""
    return revision in _names()["revision"]


async def is_current(engine: AsyncEngine, cell: Cell = ALL) -> bool:
    """Whether the last migration was applied: then nothing is locked, and Alembic is not even loaded."""
    async with engine.connect() as db:
        return await _versions(db, cell) == [head()]


async def _versions(db: AsyncConnection, cell: Cell) -> list[str]:
    """Return the last migration that was applied; nothing where none was."""
    exists, schemas = (await db.execute(_EXISTS)).one()
    if schemas and cell.cells == 1:
        raise WrongCells(cell.cells, schemas)
    return list(await db.scalars(_VERSIONS)) if exists else []


def head() -> str:
    """Return the migration that no other follows, by the files."""
    names = _names()
    [last] = names["revision"] - names["down_revision"]
    return last


def _names() -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in (MIGRATIONS / "versions").glob("*.py"):
        for kind, name in _REVISION.findall(file.read_text()):
            names[kind].add(name)
    return names


async def lock(db: AsyncConnection) -> None:
    """Wait for any other migration of this database, and lift this transaction's time limit."""
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _apply(connection: sa.Connection, revision: str, cell: Cell) -> None:
    # Alembic takes a tenth of a start's time, and the schema of most starts needs none of it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes |= {"connection": connection, "cell": cell}
    command.upgrade(config, revision)
