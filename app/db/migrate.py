"""Brings a database to the schema of this program, once, however many processes start at the same time."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
_LOCK: Final = 0x4B454E4E454C
"""The advisory lock's number ("KENNEL"); it ends with the transaction, so it works through PgBouncer too."""


async def upgrade(engine: AsyncEngine) -> None:
    """Apply the missing migrations in one transaction, after any other process that does the same."""
    async with engine.begin() as db:
        await lock(db)
        await db.run_sync(_apply)


async def lock(db: AsyncConnection) -> None:
    """Wait for any other migration of this database, and lift this transaction's time limit."""
    await db.execute(sa.text("SET LOCAL statement_timeout = 0"))
    await db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _apply(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
