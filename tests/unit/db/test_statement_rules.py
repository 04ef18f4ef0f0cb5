"""Each rule for statements is broken once here, so that it is known to look; the whole suite is judged by the same."""

import ast
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import tables
from app.domain import ledger
from tests import statement_rules, statements

ROOT = Path(__file__).resolve().parents[3]
SITE = "app/domain/nowhere.py:1"

AGAINST = {
    "UPDATE accounts SET payout_since = clock_timestamp() WHERE id = $1": "VOLATILE",
    "UPDATE accounts SET state = 'open' WHERE payout_since < clock_timestamp()": "VOLATILE",
    "UPDATE accounts SET state = 'open' WHERE id IN (SELECT number FROM ready_keys WHERE random() < 1)": "VOLATILE",
    "DELETE FROM idempotency WHERE created < clock_timestamp()": "VOLATILE",
    "WITH a AS (UPDATE accounts SET payout_since = clock_timestamp() RETURNING id) SELECT id FROM a": "VOLATILE",
    "UPDATE deliveries SET next = CASE WHEN state = 'due' THEN now() ELSE next END": "CASE or COALESCE",
    "UPDATE deliveries SET next = coalesce(next, now())": "CASE or COALESCE",
    "UPDATE assets SET name = CASE WHEN code = ANY($1::text::text[]) THEN 'x' ELSE name END": "CASE or COALESCE",
    "DELETE FROM invoices WHERE expires + interval '1 day' < now()": "STABLE function of a column",
    "UPDATE accounts SET name = 'x' WHERE id = 1 RETURNING payout_since <= now() - interval '1 day'": "RETURNING",
    "INSERT INTO assets VALUES ('x', 'x', 0) RETURNING clock_timestamp()": "RETURNING",
    "INSERT INTO leases VALUES ('a', 'b', now()) ON CONFLICT (name) DO UPDATE SET expires = now()": "ON CONFLICT",
    "INSERT INTO leases AS l VALUES ('a', 'b', now()) ON CONFLICT (name) DO UPDATE SET holder = 'c' "
    "WHERE l.expires < now()": "ON CONFLICT",
    "INSERT INTO assets VALUES ('x', 'x', 0) ON CONFLICT ON CONSTRAINT assets_pkey DO NOTHING": "ON CONSTRAINT",
    "INSERT INTO assets SELECT code || $1, name, 0 FROM assets": "of a table",
    "INSERT INTO assets SELECT code || now(), name, 0 FROM assets": "of a table",
    "INSERT INTO ready_keys SELECT n, '', '' FROM unnest($1::bigint[]) AS n "
    "WHERE NOT EXISTS (SELECT FROM accounts WHERE id = n)": "of a table",
    "WITH a AS (SELECT $1::text AS b) INSERT INTO assets SELECT b, name, 0 FROM a, assets": "of a table",
    "WITH a AS MATERIALIZED (SELECT $1::text AS b) INSERT INTO assets SELECT b, name, 0 FROM a, assets": "of a table",
    "INSERT INTO assets SELECT a, 'x', 0 FROM unnest($1::text[]) AS a "
    "ON CONFLICT (code) DO UPDATE SET name = $2": "a parameter in ON CONFLICT",
    "WITH a AS (UPDATE assets SET name = $1) SELECT name FROM assets": "two statements",
    "WITH a AS (DELETE FROM assets WHERE name = $1 RETURNING code), b AS (SELECT name FROM assets) "
    "SELECT code, name FROM a, b": "two statements",
    "SELECT pg_current_xact_id()": "pg_current_xact_id",
    "SELECT pg_snapshot_xmin($1::text::pg_snapshot)": "pg_snapshot_xmin",
    "SELECT txid_current()": "txid_current",
    "SELECT xmin FROM accounts": "xmin",
    "SELECT ctid FROM accounts": "ctid",
    "SELECT count(*) FROM (SELECT pid FROM pg_stat_activity) AS sessions": "pg_stat_activity",
    "SELECT 1 FROM pg_locks": "pg_locks",
    "SELECT set_config('lock_timeout', $1, true)": "set_config",
    "SET lock_timeout = 100": "without LOCAL",
    "ALTER TABLE assets DROP COLUMN name, ADD COLUMN name text": "several subcommands",
    "SELECT * FROM no_such_table": "cannot be judged",
}
WITHIN = (
    "UPDATE accounts SET payout_since = statement_timestamp() + $1 WHERE id = $2",
    "UPDATE accounts SET payout_since = now() WHERE payout_since < now() - $1::interval",
    "UPDATE deliveries AS d SET next = coalesce(a.next, d.next) FROM (SELECT now() AS next) AS a",
    (
        "INSERT INTO leases AS l VALUES ('a', 'b', now()) ON CONFLICT (name) DO UPDATE SET expires = excluded.expires "
        "WHERE excluded.expires - l.expires > $1"
    ),
    "INSERT INTO assets SELECT a, 'x', 0 FROM unnest($1::text::text[]) AS a ON CONFLICT DO NOTHING",
    "INSERT INTO assets SELECT code || 'x', name, 0 FROM assets",
    "WITH a AS MATERIALIZED (SELECT name || $1 AS b FROM assets) INSERT INTO assets SELECT b, 'x', 0 FROM a",
    "WITH a AS (SELECT name FROM assets) INSERT INTO assets SELECT a.name || $1, b.name, 0 FROM a, a AS b",
    "INSERT INTO assets SELECT name || $1, 'x', 0 FROM assets UNION ALL SELECT 'x', 'x', 0",
    "INSERT INTO assets VALUES ($1, $2, $3)",
    "WITH a AS (DELETE FROM assets WHERE code IN (SELECT code FROM assets LIMIT 1) RETURNING name) SELECT name FROM a",
    "WITH a AS (SELECT code FROM assets) UPDATE assets SET name = $1 FROM a WHERE a.code = assets.code",
    "WITH a AS (UPDATE assets SET name = $1 WHERE code = 'a') UPDATE assets SET name = $1 WHERE code = 'b'",
    "SELECT clock_timestamp(), CASE WHEN id > 0 THEN now() END FROM accounts",
    "SET LOCAL lock_timeout = 100",
    "ALTER TABLE assets SET (fillfactor = 80, autovacuum_enabled = on)",
    "BEGIN ISOLATION LEVEL READ COMMITTED",
)


@pytest.mark.parametrize(("statement", "fault"), AGAINST.items())
async def test_a_statement_against_a_rule_is_named_with_its_site(
    database: str, statement: str, fault: str
) -> None:
    [line] = await statement_rules.judged(database, {statement: SITE})

    said, _, text = line.partition("\n")
    assert said.startswith(SITE)
    assert fault in said
    assert text == statement


@pytest.mark.parametrize("statement", WITHIN)
async def test_a_statement_within_the_rules_is_passed(database: str, statement: str) -> None:
    assert await statement_rules.judged(database, {statement: SITE}) == []


async def test_an_exception_is_for_one_file_and_one_rule(database: str) -> None:
    by_row = {"SELECT ctid FROM balances": "app/domain/ledger/balance_locks.py:46"}
    by_number = {"SELECT xmin FROM balances": "app/domain/ledger/balance_locks.py:46"}

    assert await statement_rules.judged(database, by_row) == []
    assert len(await statement_rules.judged(database, by_number)) == 1


async def test_what_the_program_asks_is_recorded_and_what_a_test_asks_is_not(engine: AsyncEngine) -> None:
    recorded: dict[str, str] = {}

    with statements.recorded(recorded):
        async with engine.connect() as db:
            await db.execute(sa.text("SELECT 'of a test'"))
            await ledger.last_entry(db)

    assert [("FROM entries" in text, site.partition(":")[0]) for text, site in recorded.items()] == [
        (True, "app/domain/ledger/hash_chain.py")
    ]


TRUNCATE_BIT, OTHER_BITS = 32, 4 | 8 | 16


async def test_no_trigger_concerns_truncate_and_something_else(engine: AsyncEngine) -> None:
    """A distributed engine leaves such a trigger out, without a word."""
    async with engine.connect() as db:
        kinds = (
            await db.execute(sa.text("SELECT tgname, tgtype FROM pg_trigger WHERE NOT tgisinternal"))
        ).all()

    assert [name for name, kind in kinds if kind & TRUNCATE_BIT and kind & OTHER_BITS] == []
    assert any(kind & TRUNCATE_BIT for _, kind in kinds)


WITHIN_A_CELL = {"accounts_foreign_id_key": "a foreign_id is of one cell: its hash says which"}
"""Unique indexes that include columns, and why it is enough that they are unique in each cell."""


async def test_no_unique_index_that_includes_columns_is_meant_for_all_cells(engine: AsyncEngine) -> None:
    including = sa.text(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON oid = indrelid "
        "WHERE indisunique AND indnatts > indnkeyatts AND relnamespace = 'public'::regnamespace"
    )

    async with engine.connect() as db:
        assert set(await db.scalars(including)) == set(WITHIN_A_CELL)


def names_of_constraints() -> set[str]:
    """The names of all constraints and indexes: on another server they have suffixes."""
    every = [table.constraints | table.indexes for table in tables.metadata.tables.values()]
    return {str(part.name) for parts in every for part in parts if part.name}


def test_nothing_is_decided_by_the_name_of_a_constraint() -> None:
    names = names_of_constraints()
    decided = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        if path.name != "tables.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and node.value in names)
        or (isinstance(node, ast.Attribute) and node.attr == "constraint_name")
    ]

    assert "entries_key_key" in names
    assert decided == []
