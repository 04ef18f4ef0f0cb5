"""What goes straight to the driver: prepared statements and COPY.

SQLAlchemy begins a transaction with its first statement, and commits it; it sees nothing of what goes past it. So
the first statement of a transaction is always SQLAlchemy's. Where each statement is committed by itself (`engine.reads`),
there is nothing to begin.
"""

import time
from contextlib import suppress
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db.engine import READ_ONLY, Db, is_single, observers_of
from app.db.prepared import Prepared, Row

FAILURES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""All errors of the driver; OSError has its time-outs."""
_ANY: Final = sa.text("SELECT 1")


def connection(db: Db) -> asyncpg.Connection | None:
    """Return the driver's connection, where SQLAlchemy has begun the transaction, or where there is to be none."""
    if db.sync_connection is None:
        return None
    driver: asyncpg.Connection = db.sync_connection.connection.driver_connection
    return driver if is_single(db) or driver.is_in_transaction() else None


async def begun(db: Db) -> asyncpg.Connection:
    """Return the driver's connection, in the transaction; begin it where nothing else has done so yet."""
    driver = connection(db)
    if driver is None:
        await db.execute(_ANY)
        driver = connection(db)
    if driver is None or not driver.is_in_transaction():
        raise RuntimeError("only a transaction writes")
    return driver


def keep_plans_for(db: Db, schema: str) -> None:
    """Have the statements that follow plan once for this schema, in which they find their tables.

    PostgreSQL parses and plans a statement anew where it is run in another schema than before. So each schema has
    statements of its own, which differ by a comment.
    """
    driver = connection(db)
    if driver is not None:
        driver.plans_for = f" /* {schema} */"


async def fetch(db: Db, driver: asyncpg.Connection, prepared: Prepared, parameters: Row) -> Any:
    """Return the rows of a statement, with values as the driver reads them."""
    return await _given(db, driver.fetch, driver.plans_for, prepared, parameters)


async def execute(db: Db, driver: asyncpg.Connection, prepared: Prepared, parameters: Row) -> int:
    """Return how many rows a statement has changed, 0 for one that changes none."""
    status: str = await _given(db, driver.execute, driver.plans_for, prepared, parameters)
    number = status.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


async def _given(db: Db, give: Any, plans_for: str, prepared: Prepared, parameters: Row) -> Any:
    driven, observers = prepared.driven, observers_of(db, prepared.statement)
    began = time.perf_counter()
    try:
        return await give(driven.text + plans_for, *driven.arguments(parameters))
    except FAILURES as error:
        raise await failed(db, driven.text, error) from error
    finally:
        for observe in observers:
            observe(time.perf_counter() - began)


async def failed(db: Db, statement: str, error: Exception) -> DBAPIError:
    """Return an error of the driver as SQLAlchemy would raise it.

    A server that is silent would not hear of a rollback either; of a broken connection the driver may not know yet; and one
    that has become a standby takes no writes. Then SQLAlchemy is shown that the connection is closed: it uses none again that
    was open.
    """
    driver: asyncpg.Connection = (await db.get_raw_connection()).driver_connection
    broken = isinstance(error, TimeoutError | asyncpg.InternalClientError)
    if broken or driver.is_closed() or getattr(error, "sqlstate", None) == READ_ONLY:
        driver.terminate()
        with suppress(DBAPIError):
            await db.execute(_ANY)
    kind = IntegrityError if isinstance(error, asyncpg.IntegrityConstraintViolationError) else DBAPIError
    return kind(statement, None, error, hide_parameters=True, connection_invalidated=driver.is_closed())
