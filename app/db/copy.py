"""Rows by COPY: half the work of an INSERT for both sides, for tables into which much is written."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.db.engine import Db

Columns = tuple[str, ...]


async def insert(db: Db, table: sa.Table, columns: Columns, given: Sequence[tuple[object, ...]]) -> None:
    """Insert the rows; what they may hold, `text` says."""
    await send(db, table, columns, text(table, columns, given))


def text(table: sa.Table, columns: Columns, given: Sequence[tuple[object, ...]]) -> bytes:
    """Write rows as COPY reads them: texts, whole numbers, times, and hex digits for binary strings; none of them null.

    Nearly always none needs an escape, which is seen at once for all of them.
    """
    form = "\t".join([_HEX if isinstance(table.c[name].type, sa.LargeBinary) else "%s" for name in columns])
    plain = "\n".join([form % row for row in given]).encode()
    marks = form.encode().translate(None, _ORDINARY)
    if plain.translate(None, _ORDINARY) == b"\n".join([marks] * len(given)):
        return plain
    return "\n".join(
        [form % tuple(str(value).translate(_SPECIAL) for value in row) for row in given]
    ).encode()


async def send(db: Db, table: sa.Table, columns: Columns, rows: bytes) -> None:
    """Insert rows that are written already."""
    driver: asyncpg.Connection = (await db.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        await db.execute(_BEGIN)
    try:
        await driver.copy_to_table(table.name, source=memoryview(rows), columns=columns, format="text")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if isinstance(error, TimeoutError):  # the server is silent: it would not hear of a rollback either
            driver.terminate()
        raise DBAPIError(
            f"COPY {table.name}", None, error, connection_invalidated=driver.is_closed()
        ) from error


_BEGIN: Final = sa.text("SELECT 1")
"""SQLAlchemy begins with the first statement; COPY is none of its own."""
_HEX: Final = r"\\x%s"
"""How COPY reads a binary string: the backslash before its hex digits is escaped."""
_ORDINARY: Final = bytes(set(range(256)) - set(b"\\\t\n\r"))
_SPECIAL: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
