"""The rows of all tables, out of one moment of a database and into an empty one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backup.parts import Part, Writer
from app.db import Db, migrate
from app.db.tables import accounts, blocks, entries, installation, leases, metadata, outbox
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
    WHERE schemaname = current_schema() AND tablename <> 'alembic_version' ORDER BY 1
""")
_REVISION: Final = sa.text("SELECT version_num FROM alembic_version")
_MIGRATED: Final = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")
_USED: Final = sa.select(
    sa.or_(
        *(sa.exists().select_from(table) for table in (accounts, blocks, entries, outbox)),
        sa.exists().where(installation.c.seed.is_not(None)),
    )
)


class CannotRestore(Exception):
    """A backup cannot be restored here; the message is a sentence for the operator."""


async def dump(engine: AsyncEngine, writer: Writer, network: str) -> int:
    """Write all rows of one moment; returns how many tables. Commits meanwhile disturb nothing."""
    moment = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with moment.begin() as db:
        await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
        revision = await db.scalar(_REVISION)
        epoch = await db.scalar(sa.select(installation.c.epoch))
        writer.begin(kind="database", network=network, revision=revision, epoch=epoch)
        for table in TABLES:
            await _dump_table(db, table, writer)
        # Numbers are never taken back, so those that were given out meanwhile may be among these.
        sequences = [dict(row) for row in (await db.execute(_SEQUENCES)).mappings()]
    writer.begin(kind="sequences", sequences=sequences)
    return len(TABLES)


async def _dump_table(db: Db, table: sa.Table, writer: Writer) -> None:
    columns = [column.name for column in table.columns]
    writer.begin(kind="table", table=table.name, columns=columns)

    async def write(content: bytes) -> None:
        await asyncio.to_thread(writer.write, content)

    await (await _driver(db)).copy_from_table(table.name, output=write, columns=columns, format="text")


async def check_empty(engine: AsyncEngine, revision: str) -> None:
    """Raise CannotRestore where the database has anything, or tables of another schema than `revision`."""
    async with engine.connect() as db:
        if await db.scalar(_MIGRATED):
            await _check_empty(db, revision)


async def _check_empty(db: Db, revision: str) -> None:
    if await db.scalar(_REVISION) != revision:
        raise CannotRestore(
            "The database has tables of another version than the backup: restore into a new database."
        )
    if await db.scalar(_USED):
        raise CannotRestore("The database is in use already: a backup is restored into an empty one.")


@asynccontextmanager
async def emptied(engine: AsyncEngine, revision: str) -> AsyncIterator[Db]:
    """Yield a transaction in which the database is empty, and nobody else locks or writes a row.

    Another restore, or a Kennel that starts, has been before it, and then CannotRestore is raised; or it waits
    until the end, and finds what was restored. Nothing is signed or given out before `kennel restored` has run
    there: more may have been sent since.
    """
    async with engine.begin() as db:
        await migrate.lock(db)
        await db.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        names = list(await db.scalars(_NAMES))
        await db.execute(sa.text(f"LOCK TABLE {', '.join(map(_quoted, names))} IN EXCLUSIVE MODE"))
        await _check_empty(db, revision)
        for name in map(
            _quoted, names
        ):  # the few rows that the migrations have made: the backup has them too
            if await db.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {name})")):  # noqa: S608  from the catalogue
                await db.execute(sa.text(f"DELETE FROM {name}"))  # noqa: S608  from the catalogue
        yield db
        await installations.set_behind(db, RESTORED)


def _quoted(name: str) -> str:
    return f'"{name}"'


async def load(db: Db, part: Part) -> None:
    """Write what a part has of an emptied database with the tables of the backup's schema."""
    about, content = part
    if about["kind"] == "table":
        await _load_table(db, about, content)
    elif about["kind"] == "sequences" and about["sequences"]:  # none where no number was given out yet
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
