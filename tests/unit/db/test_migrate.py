"""What the migrations build is what app.db.tables says, in one linear history."""

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import migrate
from app.db.database import Database, DatabaseUnavailable
from app.db.tables import metadata
from app.domain import idempotency, outbox
from app.domain.idempotency import Claim, KeyReused
from app.domain.outbox import OutboxEvent

CATALOGUE = (
    """SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, identity_generation,
              numeric_precision, numeric_scale
       FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    """SELECT relname, unnest(reloptions) FROM pg_class
       WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2""",
)
GUARDED = {
    "entries": "entries_append_only, entries_never_emptied",
    "postings": "postings_append_only, postings_never_emptied",
    "audit_log": "audit_log_append_only, audit_log_never_emptied",
    "invoices": "invoices_fixed",
    "holds": "holds_fixed",
    "escrows": "escrows_fixed",
}


async def catalogue(engine: AsyncEngine) -> list[Sequence[sa.Row[tuple[object, ...]]]]:
    """Every column, constraint, index and storage parameter as PostgreSQL writes it; not Alembic's table."""
    async with engine.connect() as db:
        relations = [(await db.execute(sa.text(query))).all() for query in CATALOGUE]
    return [[row for row in rows if row[0] != "alembic_version"] for rows in relations]


async def test_the_migrations_build_exactly_what_the_tables_of_the_code_say(engine: AsyncEngine) -> None:
    migrated = await catalogue(engine)

    async with engine.begin() as db:
        await db.run_sync(metadata.drop_all)
        await db.run_sync(metadata.create_all)

    assert {str(row[0]) for row in migrated[0]} == set(metadata.tables)
    assert migrated == await catalogue(engine)


async def test_alembic_finds_nothing_to_migrate(engine: AsyncEngine) -> None:
    def difference(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with engine.connect() as db:
        assert await db.run_sync(difference) == []


def test_the_history_is_one_line_from_one_beginning_to_one_end() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    revisions = list(scripts.walk_revisions())

    assert len(scripts.get_heads()) == len(scripts.get_bases()) == 1
    assert not any(revision.is_branch_point or revision.is_merge_point for revision in revisions)
    assert len(revisions) == len(list(migrate.MIGRATIONS.glob("versions/*.py")))


def test_the_last_migration_is_the_one_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))

    assert [migrate.head()] == ScriptDirectory.from_config(config).get_heads()


async def test_a_schema_of_today_is_left_alone_and_any_other_is_migrated(engine: AsyncEngine) -> None:
    async with engine.connect() as other:
        await migrate.lock(other)
        await asyncio.wait_for(migrate.upgrade(engine), 10)

    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert not await migrate.is_current(engine)

    async with engine.begin() as db:
        await db.execute(sa.text("DROP TABLE alembic_version"))
    assert not await migrate.is_current(engine)


async def test_the_schema_of_a_newer_program_is_used_as_it_is_while_it_says_that_it_can_be(
    engine: AsyncEngine, database: str
) -> None:
    before = await catalogue(engine)
    async with engine.begin() as db:
        await db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    await Database(database).upgrade()

    async with engine.begin() as db:
        assert await db.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
        await db.execute(sa.text("UPDATE installation SET usable_since = '9998'"))
    assert await catalogue(engine) == before
    with pytest.raises(DatabaseUnavailable, match=r"of a newer Kennel \(migration 9999\) and this version"):
        await Database(database).upgrade()


@pytest.mark.parametrize(("table", "triggers"), GUARDED.items())
async def test_what_may_never_change_is_guarded_by_triggers(
    engine: AsyncEngine, table: str, triggers: str
) -> None:
    query = sa.text(
        "SELECT string_agg(tgname, ', ' ORDER BY tgname) FROM pg_trigger "
        "WHERE tgrelid = cast(:name AS regclass) AND tgenabled = 'O'"
    )

    async with engine.connect() as db:
        assert await db.scalar(query, {"name": table}) == triggers


async def test_migrating_again_or_at_once_changes_nothing(engine: AsyncEngine) -> None:
    before = await catalogue(engine)

    await asyncio.gather(*(migrate.upgrade(engine) for _ in range(4)))

    assert await catalogue(engine) == before


async def test_an_empty_database_is_migrated_once_by_all_who_start_together(engine: AsyncEngine) -> None:
    before = await catalogue(engine)
    async with engine.begin() as db:
        await db.execute(sa.text("DROP SCHEMA public CASCADE"))
        await db.execute(sa.text("CREATE SCHEMA public"))

    await asyncio.gather(*(migrate.upgrade(engine) for _ in range(4)))

    assert await catalogue(engine) == before


async def test_accounts_count_on_that_were_counted_before_events_counted_themselves(
    engine: AsyncEngine,
) -> None:
    """Account 1 lost its oldest events and has one since; account 2 lost them all."""
    before = """
        INSERT INTO sequencer (account_id, last) VALUES (1, 7), (2, 5);
        INSERT INTO events SELECT 1, n, n, '', '', 'ACC_UPDATED', '{}', now() FROM generate_series(6, 8) AS n;
        UPDATE sequencer SET last = 8 WHERE account_id < 0
    """
    await _go_back(engine, "0010")
    async with engine.begin() as db:
        for statement in before.split(";"):
            await db.execute(sa.text(statement))

    await migrate.upgrade(engine)

    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(account, "", "ACC_UPDATED", "{}") for account in (1, 2, 3)])
        await outbox.sequence(db)
        counted = await db.execute(
            sa.text("SELECT account_id, sequence FROM events WHERE position > 8 ORDER BY position")
        )
        assert [tuple(row) for row in counted] == [(1, 9), (2, 6), (3, 1)]


async def _go_back(engine: AsyncEngine, revision: str) -> None:
    """Build the schema of an older revision in place of today's."""

    def build(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine.begin() as db:
        await db.execute(sa.text("DROP SCHEMA public CASCADE"))
        await db.execute(sa.text("CREATE SCHEMA public"))
        await db.run_sync(build)


async def test_what_clawback_was_charged_for_payments_before_is_owed_by_them(engine: AsyncEngine) -> None:
    inserts = """
        INSERT INTO accounts (id, foreign_id, xpub, address) VALUES (0, 'shop', '', '');
        INSERT INTO payments (account_id, id, kind, state, amount, reserved, explicit_fee, max_fee)
        SELECT 0, n, 'pay', 'BROADCAST', 9, 9, 0, 1 FROM generate_series(1, 3) n;
        INSERT INTO entries (kind, cause_type, cause_id, key) VALUES
            ('PAYMENT_REVIVED', 'payment', '2', 'a'), ('PAYMENT_REVIVED', 'payment', '2', 'b'),
            ('DEPOSIT_UNDONE', 'deposit', 'ab:0', 'c'), ('PAYMENT_REVIVED', 'payment', '3', 'd');
        INSERT INTO postings SELECT -3, 'DOGE', id, id, 'available', -id, 0, 0, 0, 0, now()
        FROM entries WHERE key <> 'd'
    """

    await _go_back(engine, "0006")
    async with engine.begin() as db:
        for statement in inserts.split(";"):
            await db.execute(sa.text(statement))
    await migrate.upgrade(engine)

    async with engine.begin() as db:
        owed = list(await db.scalars(sa.text("SELECT clawback_debt FROM payments ORDER BY id")))

    assert owed == [0, 3, 0]


async def test_requests_whose_keys_were_stored_with_a_blank_at_their_end_are_known_without_it(
    engine: AsyncEngine,
) -> None:
    """Only the ledger remembers the last two keys; it never forgets, so nothing is transferred twice."""
    inserts = """
        INSERT INTO idempotency (scope, key, fingerprint, kind, thing)
        SELECT 'admin', key, 'same', 'payment', key FROM unnest(
            ARRAY['wd-901 ', 'list  :0', 'list  :1', 'both', 'both ', 'plain', 'in side']
        ) AS key;
        INSERT INTO entries (kind, cause_type, cause_id, key) VALUES
            ('TRANSFER', 'request', 'x', 'transfer:admin:old '),
            ('TRANSFER', 'request', 'x', 'transfer:admin:old list :7')
    """

    await _go_back(engine, "0014")
    async with engine.begin() as db:
        for statement in inserts.split(";"):
            await db.exec_driver_sql(statement)
    await migrate.upgrade(engine)

    async with engine.begin() as db:
        await idempotency.delete_expired(db)
        keys = [
            "wd-901", "wd-901 ", "list:0", "list:1", "both", "plain", "in side", "old", "old list:7", "new"
        ]  # fmt: skip
        claims = [Claim("admin", key, b"same") for key in keys]
        known = await idempotency.claim(db, "payment", dict.fromkeys(claims))

    assert {claim.key: str(outcome) for claim, outcome in known.items()} == {
        "wd-901": "wd-901 ", "wd-901 ": "wd-901 ", "list:0": "list  :0", "list:1": "list  :1", "both": "both",
        "plain": "plain", "in side": "in side", **dict.fromkeys(("old", "old list:7"), str(KeyReused())),
    }  # fmt: skip
