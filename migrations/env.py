"""Alembic's entry: with the connection that a start has opened and locked, or from Alembic's command line."""

import asyncio
import os
import sys

import sqlalchemy as sa
from alembic import context

from app.cli import database as databases
from app.config import sources
from app.db import migrate
from app.db.database import Database, DatabaseUnavailable
from app.db.embedded.programs import EmbeddedError
from app.db.tables import metadata


def migrate_over(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


async def migrate_database(database: Database) -> None:
    """Migrate in one transaction with the lock that a start takes: other migrations wait."""
    engine = database.engine(1)
    try:
        async with engine.begin() as db:
            await migrate.lock(db)
            await db.run_sync(migrate_over)
    finally:
        await engine.dispose()


def from_the_command_line() -> None:
    """Migrate the database of the settings: `alembic upgrade head`, `current` and `check` need no URL."""
    if context.is_offline_mode():
        sys.exit("kennel: migrations read the database that they change: leave out --sql")
    settings = sources.read(os.environ)
    if settings.cells > 1:
        sys.exit("kennel: `kennel migrate` migrates all cells; Alembic's command line knows one")
    try:
        with databases.reached(settings, beside=True) as database:
            asyncio.run(migrate_database(database))
    except (DatabaseUnavailable, EmbeddedError) as error:
        sys.exit(f"kennel: {error}")


if (connection := context.config.attributes.get("connection")) is not None:
    migrate_over(connection)
else:
    from_the_command_line()
