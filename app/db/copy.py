"""Rows by COPY: half the work of an INSERT for both sides, for tables into which much is written."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import sqlalchemy as sa

from app.db import driven
from app.db.engine import Db

Columns = tuple[str, ...]


async def insert(db: Db, table: sa.Table, columns: Columns, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert the rows; `text` says what they may hold."""
    await send(db, table, columns, text(table, columns, rows))


def text(table: sa.Table, columns: Columns, rows: Sequence[tuple[object, ...]]) -> bytes:
    """Write rows as COPY reads them: texts, whole numbers, times, hex digits for binary strings; no nulls.

    Nearly always no value needs an escape: one look at the whole text shows it.
    """
    form = "\t".join([_HEX if isinstance(table.c[name].type, sa.LargeBinary) else "%s" for name in columns])
    plain = "\n".join([form % row for row in rows]).encode()
    special = form.encode().translate(None, _ORDINARY)
    if plain.translate(None, _ORDINARY) == b"\n".join([special] * len(rows)):
        return plain
    escaped = (form % tuple(str(value).translate(_ESCAPES) for value in row) for row in rows)
    return "\n".join(escaped).encode()


async def send(db: Db, table: sa.Table, columns: Columns, rows: bytes) -> None:
    """Insert rows that are written already."""
    driver = await driven.begun(db)
    try:
        await driver.copy_to_table(table.name, source=memoryview(rows), columns=columns, format="text")
    except driven.FAILURES as error:
        if isinstance(error, asyncpg.InternalServerError):
            error.sqlstate = _state_by_words(str(error))
        raise await driven.failed(db, f"COPY {table.name}", error) from error


def _state_by_words(message: str) -> str:
    """Return the SQLSTATE of a message: a distributed engine tells an error of COPY, but not its SQLSTATE."""
    return next((state for words, state in _WORDS.items() if words in message), _INTERNAL_ERROR)


_INTERNAL_ERROR: Final = "XX000"
_WORDS: Final = {
    "duplicate key value": "23505",
    "lock timeout": "55P03",
    "deadlock detected": "40P01",
}
_HEX: Final = r"\\x%s"
"""How COPY reads a binary string: the backslash before its hex digits is escaped."""
_ORDINARY: Final = bytes(set(range(256)) - set(b"\\\t\n\r"))
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
