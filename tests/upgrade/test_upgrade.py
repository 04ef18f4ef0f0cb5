"""A database that version 0.1.0 left is brought to today's schema, and nothing in it is lost or changed.

`rows_of_0_1_0.sql` is a dump (`pg_dump --inserts`) of an installation on which everything had happened once: invoices
paid, paid in part, expired and cancelled; a deposit that a reorganisation took back after it was spent; payments
confirmed, sent, voided and refunded; transfers, credits, holds, escrows, webhooks. `seed.json` and `sent.json` lay in
its KENNEL_HOME.
"""

from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db import migrate
from app.db.engine import open_engine
from app.db.tables import metadata
from app.money import DOGE
from tests.conftest import cloned

HERE = Path(__file__).parent
MAY_CHANGE: Mapping[str, frozenset[str]] = {"alembic_version": frozenset({"version_num"})}
"""Columns whose values an upgrade writes anew, by their tables; each has its reason in its migration."""

RENAMED: Mapping[str, Mapping[str, str]] = import_module(
    "migrations.versions.0026_columns_say_what_they_hold"
).RENAMED
"""Today's names of columns, by their tables and old names."""

Rows = list[dict[str, Any]]


@pytest.fixture
async def old(server: str) -> AsyncIterator[AsyncEngine]:
    """A database as version 0.1.0 left it."""
    async with cloned(server, "template0") as url:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        await connection.execute((HERE / "rows_of_0_1_0.sql").read_text())
        await connection.close()
        engine = open_engine(url)
        yield engine
        await engine.dispose()


async def tables_of(engine: AsyncEngine) -> dict[str, Rows]:
    """Every row of every table, by the tables' names."""
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        return {
            name: [
                dict(row) for row in (await connection.execute(sa.text(f'SELECT * FROM "{name}"'))).mappings()
            ]
            for name in names
        }


def lost(before: Rows, after: Rows, may_change: frozenset[str]) -> list[dict[str, Any]]:
    """The old rows of which no row of today has the same values in the columns that both know."""
    columns = (
        [name for name in before[0] if after and name in after[0] and name not in may_change]
        if before
        else []
    )
    known = {repr([row[name] for name in columns]) for row in after}
    return [row for row in before if repr([row[name] for name in columns]) not in known]


async def test_every_row_of_the_first_version_is_there_after_the_upgrade(old: AsyncEngine) -> None:
    before = {
        name: [
            {RENAMED.get(name, {}).get(column, column): value for column, value in row.items()}
            for row in rows
        ]
        for name, rows in (await tables_of(old)).items()
    }

    await migrate.upgrade(old)
    await old.dispose()  # what was prepared knows the old columns only

    after = await tables_of(old)
    assert all(
        before[name] for name in ("entries", "invoices", "payments", "deposits", "events", "escrows", "holds")
    )
    for name, rows in before.items():
        assert lost(rows, after.get(name, []), MAY_CHANGE.get(name, frozenset())) == [], name
        assert len(after.get(name, [])) >= len(rows), name


async def test_no_column_of_the_first_version_is_lost(old: AsyncEngine) -> None:
    def columns(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        return {
            name: {
                RENAMED.get(name, {}).get(column["name"], column["name"])
                for column in inspector.get_columns(name)
            }
            for name in inspector.get_table_names()
        }

    async with old.connect() as connection:
        before = await connection.run_sync(columns)

    await migrate.upgrade(old)

    today = {table.name: {column.name for column in table.columns} for table in metadata.tables.values()}
    assert {
        name: names - today[name] for name, names in before.items() if name in today and names - today[name]
    } == {}


async def test_the_books_of_the_first_version_agree_after_the_upgrade(old: AsyncEngine) -> None:
    await migrate.upgrade(old)

    report = await audit.run(old)

    assert [finding.detail for finding in report.findings if not finding.ok] == []
    [dogecoin] = [totals for totals in report.totals if totals.asset == DOGE]
    assert (dogecoin.customers, dogecoin.clawback, dogecoin.coins) == (
        73_099_130_000,
        -4_500_000_000,
        68_599_130_000,
    )
