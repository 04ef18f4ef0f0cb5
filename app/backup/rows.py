"""The rows of all tables, out of one moment of a database and into an empty one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import sqlalchemy as sa

from app.backup.parts import Part, Writer
from app.db import Db, migrate
from app.db.all_cells import AllCells
from app.db.tables import SHARED, installation, leases, metadata
from app.domain import installation as installations

RESTORED: Final = "it was restored from a backup: run `kennel restored`"
TABLES: Final = tuple(table for table in metadata.sorted_tables if table is not leases)
"""A lease is of a process that runs."""
_SEQUENCES: Final = sa.text("""
    SELECT sequencename AS name, last_value FROM pg_sequences
    WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1
""")
_SET: Final = sa.text("SELECT setval(quote_ident(:name)::regclass, :last_value)")
_NAMES: Final = sa.text("""
    SELECT tablename FROM pg_tables
    WHERE schemaname = current_schema() AND tablename <> 'alembic_version' AND tablename !~ '_[0-9]{6,}$'
    ORDER BY 1
""")
_FOUND: Final = sa.text("""
    SELECT tablename FROM pg_tables
    WHERE schemaname = ANY(current_schemas(false)) AND tablename <> 'alembic_version' AND tablename !~ '_[0-9]{6,}$'
    ORDER BY 1
""")
"""With those that several cells share. Where these are reference tables of Citus, their shards lie beside them, and are no tables of ours."""
_REVISION: Final = sa.text("SELECT version_num FROM alembic_version")
_IS_LOGGED: Final = sa.text("SELECT to_regclass('audit_log') IS NOT NULL")
_MIGRATED: Final = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")
NAMED: Final = 4
"""So many tables are named at most, where a database is not empty."""
_PREPARED: Final = frozenset({"assets", "cursors", "installation", "leases", "seal_gates", "sequencer"})
"""Tables in which the migrations write rows, which each backup has too, and the leases of processes that have ended."""
_IN_USE: Final = sa.select(sa.exists().where(installation.c.seed.is_not(None)))


class CannotRestore(Exception):
    """A backup cannot be restored here; the message is a sentence for the operator."""


async def dump(cells: AllCells, writer: Writer, network: str) -> int:
    """Write all rows of one moment; returns how many tables. Commits meanwhile disturb nothing.

    Parts of one of several cells name their `cell`; those of what all share come before them, and name none.
    """
    async with cells.moment() as db:
        await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
        await cells.enter(db, 0)
        revision = await db.scalar(_REVISION)
        epoch, written = (await db.execute(sa.select(installation.c.epoch, sa.func.now()))).one()
        about = {"network": network, "revision": revision, "epoch": epoch, "written": written.isoformat()}
        number = {} if len(cells) == 1 else {"cells": len(cells)}
        writer.begin(kind="database", **about, **number)
        # Numbers are never taken back, so those that were given out meanwhile may be among the sequences.
        return sum([await _dump_schema(db, cells, cell, writer) for cell in _schemas(cells)])


def _schemas(cells: AllCells) -> list[int | None]:
    """Return the schemas in the order in which they are written: None has what all cells share."""
    return [0] if len(cells) == 1 else [None, *range(len(cells))]


async def _enter(db: Db, cells: AllCells, cell: int | None) -> None:
    await (cells.enter_shared(db) if cell is None else cells.enter(db, cell))


def _tables(cells: AllCells, cell: int | None) -> list[sa.Table]:
    """Return the tables that lie there."""
    shared = (table.name in SHARED for table in TABLES)
    return [
        table
        for table, common in zip(TABLES, shared, strict=True)
        if len(cells) == 1 or common == (cell is None)
    ]


async def _dump_schema(db: Db, cells: AllCells, cell: int | None, writer: Writer) -> int:
    await _enter(db, cells, cell)
    of_cell = {} if cell is None or len(cells) == 1 else {"cell": cell}
    tables = _tables(cells, cell)
    for table in tables:
        await _dump_table(db, table, writer, of_cell)
    sequences = [dict(row) for row in (await db.execute(_SEQUENCES)).mappings()]
    writer.begin(kind="sequences", sequences=sequences, **of_cell)
    return len(tables)


async def _dump_table(db: Db, table: sa.Table, writer: Writer, of_cell: dict[str, int]) -> None:
    columns = [column.name for column in table.columns]
    writer.begin(kind="table", table=table.name, columns=columns, **of_cell)

    async def write(content: bytes) -> None:
        await asyncio.to_thread(writer.write, content)

    await (await _driver(db)).copy_from_table(table.name, output=write, columns=columns, format="text")


async def check_empty(cells: AllCells, revision: str) -> None:
    """Raise CannotRestore where the database has anything, were it an API key, or tables of another schema."""
    async with cells.crossing.begin() as db:
        for cell in range(len(cells)):
            await cells.enter(db, cell)
            if await db.scalar(_MIGRATED):
                await _check_empty(db, revision)


async def _check_empty(db: Db, revision: str) -> None:
    if await db.scalar(_REVISION) != revision:
        raise CannotRestore(
            "The database has tables of another version than the backup: restore into a new database."
        )
    names = [name for name in await db.scalars(_FOUND) if name not in _PREPARED]
    filled = [name for name in names if await _has_rows(db, name)]
    if filled or await db.scalar(_IN_USE):
        more = " and others" if len(filled) > NAMED else ""
        named = f" (it has rows in {', '.join(filled[:NAMED])}{more})" if filled else ""
        raise CannotRestore(
            f"The database is in use already{named}: a backup is restored into an empty one, and nothing that is there "
            "is thrown away."
        )


async def _has_rows(db: Db, name: str) -> bool:
    return bool(await db.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {_quoted(name)})")))  # noqa: S608  from the catalogue


@asynccontextmanager
async def emptied(cells: AllCells, revision: str) -> AsyncIterator[Db]:
    """Yield a transaction in which the database is empty, and nobody else locks or writes a row.

    Another restore, or a Kennel that starts, has been before it, and then CannotRestore is raised; or it waits
    until the end, and finds what was restored. Nothing is signed or given out before `kennel restored` has run
    there: more may have been sent since.
    """
    async with cells.crossing.begin() as db:
        await migrate.lock(db)
        await db.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        for cell in _schemas(cells):
            await _enter(db, cells, cell)
            await _lock(db)
        for cell in range(len(cells)):
            await cells.enter(db, cell)
            await _check_empty(db, revision)
        for cell in _schemas(cells):
            await _enter(db, cells, cell)
            await _empty(db)
        yield db
        for cell in range(len(cells)):
            await cells.enter(db, cell)
            await installations.set_behind(db, RESTORED)


async def _lock(db: Db) -> None:
    """Lock all tables of a schema: nobody else writes a row."""
    names = await db.scalars(_NAMES)
    await db.execute(sa.text(f"LOCK TABLE {', '.join(map(_quoted, names))} IN EXCLUSIVE MODE"))


async def _empty(db: Db) -> None:
    """Delete the few rows that the migrations have made: the backup has them too."""
    for name in (await db.scalars(_NAMES)).all():
        if await _has_rows(db, name):
            await db.execute(sa.text(f"DELETE FROM {_quoted(name)}"))  # noqa: S608  from the catalogue


async def has_audit_log(db: Db) -> bool:
    """Return whether the schema that was restored knows the audit log; that of a very old backup does not."""
    return bool(await db.scalar(_IS_LOGGED))


def _quoted(name: str) -> str:
    return f'"{name}"'


async def load(db: Db, cells: AllCells, part: Part) -> None:
    """Write what a part has of an emptied database with the tables of the backup's schema."""
    about, content = part
    if about["kind"] not in ("table", "sequences"):
        return
    await _enter(db, cells, about.get("cell", None if len(cells) > 1 else 0))
    if about["kind"] == "table":
        await _load_table(db, about, content)
    elif about["sequences"]:  # none where no number was given out yet
        await db.execute(_SET, about["sequences"])


async def _load_table(db: Db, about: dict[str, Any], content: Iterator[bytes]) -> None:
    await (await _driver(db)).copy_to_table(
        about["table"], source=_source(content), columns=about["columns"], format="text"
    )


async def _source(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(next, content, b""):
        yield piece


async def _driver(db: Db) -> asyncpg.Connection:
    return (await db.get_raw_connection()).driver_connection
