from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import bulk, copy
from app.db.tables import entries

NOW = datetime(2026, 11, 27, 1, 2, 3, 456789, UTC)
HOSTILE = ['"', "\\", '\\"', "", "NULL", "null", "{x,y}", "a,b", " a ", "é\n\t\r'", "\\.", "\x01\x7f😀"]


async def back(engine: AsyncEngine, item: sa.types.TypeEngine[Any], values: list[Any]) -> list[Any]:
    """Return an array as PostgreSQL sends it back."""
    query = sa.select(sa.func.unnest(sa.literal(values, bulk.Array(item))).column_valued("value"))
    async with engine.connect() as db:
        return [bytes(value) if isinstance(value, memoryview) else value for value in await db.scalars(query)]


@pytest.mark.parametrize(
    ("item", "values"),
    [
        (sa.BigInteger(), []),
        (sa.BigInteger(), [0, -1, 2**63 - 1, -(2**63)]),
        (sa.BigInteger(), [1, None]),
        (sa.Text(), HOSTILE),
        (sa.Text(), ["plain", "ordinary"]),
        (sa.Text(), [None, *HOSTILE]),
        (sa.LargeBinary(), [b"", b"\0\xff", b'"\\']),
        (sa.LargeBinary(), [None, b"\0"]),
        (sa.Boolean(), [True, False, None]),
        (sa.Numeric(), [Decimal("1.50"), 3, None]),
        (sa.DateTime(timezone=True), [NOW, None]),
    ],
)
async def test_an_array_arrives_as_it_was(
    engine: AsyncEngine, item: sa.types.TypeEngine[Any], values: list[Any]
) -> None:
    assert await back(engine, item, values) == values


async def test_a_missing_array_is_null(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.literal(None, bulk.TEXTS))) is None


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3).map(tuple), min_size=1, max_size=5))
def test_a_row_that_is_copied_can_be_read_in_one_way_only(rows: list[tuple[str, ...]]) -> None:
    copied = copy.text(entries, ("kind", "key", "reference"), rows).decode()

    back = [line.split("\t") for line in copied.split("\n")]
    assert [tuple(map(unescaped, row)) for row in back] == rows


def unescaped(text: str) -> str:
    """Read a value as COPY does."""
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_text_that_is_copied_arrives_as_it_was(engine: AsyncEngine, text: str) -> None:
    columns = ("kind", "cause_type", "cause_id", "key", "reference")
    rows = [("K", "test", text, f"first {text}", text), ("K", "", "", "", "")]
    stored = sa.select(*(entries.c[name] for name in columns)).order_by(entries.c.id)
    async with engine.begin() as db:
        await copy.insert(db, entries, columns, rows)

    async with engine.connect() as db:
        assert [tuple(row) for row in await db.execute(stored)] == rows
