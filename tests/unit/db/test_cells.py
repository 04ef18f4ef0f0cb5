"""A database with several cells: each is a whole schema, and its numbers name it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app import cells as facts
from app.cells import Cell, CellMap, WrongCells
from app.db import cells as db_cells
from app.db.database import Database, DatabaseUnavailable
from app.db.embedded import server as postgres
from app.db.tables import SHARED, metadata
from app.domain import installation, ledger, outbox
from app.domain.installation import NewHistory
from app.domain.ledger import NewAsset
from app.domain.outbox import OutboxEvent
from app.domain.payments import pause
from app.domain.payments.pause import SKIPPED_NUMBERS
from tests.cells import MakeCells
from tests.conftest import cloned

CATALOGUE = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation
       FROM information_schema.columns WHERE table_schema = :schema""",
    """SELECT relname, conname, pg_get_constraintdef(pg_constraint.oid)
       FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
       WHERE connamespace = CAST(:schema AS regnamespace)""",
    """SELECT tablename, indexname, replace(indexdef, ' ' || :schema || '.', ' ')
       FROM pg_indexes WHERE schemaname = :schema""",
    """SELECT relname, unnest(reloptions) FROM pg_class
       WHERE relnamespace = CAST(:schema AS regnamespace)""",
    """SELECT relname, tgname, replace(pg_get_triggerdef(pg_trigger.oid), :schema || '.', '')
       FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
       WHERE relnamespace = CAST(:schema AS regnamespace)""",
)
NUMBERED = """
    SELECT table_name, identity_start::bigint, identity_increment::bigint
    FROM information_schema.columns WHERE table_schema = :schema AND is_identity = 'YES'
"""
ALEMBIC = "alembic_version"
ONLY_OF_SEVERAL = "accounts_elsewhere"
"""A trigger of cells that have others."""


@pytest.fixture
async def empty(server: str) -> AsyncIterator[str]:
    """The URL of a database without anything."""
    async with cloned(server, "template1") as url:
        yield url


async def catalogue(engine: AsyncEngine, schema: str) -> list[list[tuple[object, ...]]]:
    """What PostgreSQL says of the schema's tables, by its own spelling."""
    async with engine.connect() as db:
        parts = [(await db.execute(sa.text(query), {"schema": schema})).all() for query in CATALOGUE]
    return [
        sorted(tuple(row) for row in rows if row[0] != ALEMBIC and row[1] != ONLY_OF_SEVERAL)
        for rows in parts
    ]


async def names(engine: AsyncEngine, schema: str) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = :schema"
    async with engine.connect() as db:
        return set(await db.scalars(sa.text(query), {"schema": schema})) - {ALEMBIC}


async def scalar(engine: AsyncEngine, statement: str) -> Any:
    async with engine.begin() as db:
        return await db.scalar(sa.text(statement))


# ---------------------------------------------------------------- schemas


async def test_a_cell_and_what_all_share_are_together_the_schema_of_an_installation_with_one(
    engine: AsyncEngine, cells: MakeCells
) -> None:
    whole, four = await catalogue(engine, "public"), await cells(4)

    shared = await catalogue(four.crossing, facts.SHARED)
    for cell in four.map:
        own = await catalogue(four.crossing, cell.schema)
        assert [sorted(left + right) for left, right in zip(own, shared, strict=True)] == whole
        assert await names(four.crossing, cell.schema) == set(metadata.tables) - set(SHARED)
    assert await names(four.crossing, facts.SHARED) == set(SHARED)


async def test_one_cell_has_no_schema_and_no_role_of_its_own(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        there = await db_cells.state(db)

    assert there.migrated
    assert there.schemas == there.settings == ()
    assert await scalar(engine, "SELECT to_regnamespace('common')") is None
    assert await scalar(engine, "SELECT format('%s of %s', cell, cells) FROM installation") == "0 of 1"


async def test_each_cell_knows_which_it_is(cells: MakeCells) -> None:
    four = await cells(4)

    statement = "SELECT format('%s of %s in %s', cell, cells, current_schema()) FROM installation"
    assert [await scalar(engine, statement) for engine in four.engines] == [
        f"{n} of 4 in cell_00{n}" for n in range(4)
    ]
    assert await scalar(four.engines[3], "SELECT count(*) FROM alembic_version") == 1


async def test_a_cell_sees_what_all_share_and_nothing_of_another(cells: MakeCells) -> None:
    two = await cells(2)
    async with two.engines[1].begin() as db:
        await ledger.create(db, [NewAsset("gold", "Gold", 0)])

    assert await scalar(two.engines[0], "SELECT name FROM assets WHERE code = 'gold'") == "Gold"
    with pytest.raises(exc.ProgrammingError, match="permission denied for schema cell_000"):
        await scalar(two.engines[1], "SELECT count(*) FROM cell_000.accounts")
    # The first one sums up the payments of all for the limits of keys.
    assert await scalar(two.engines[0], "SELECT count(*) FROM cell_001.payments") == 0
    with pytest.raises(exc.ProgrammingError, match="permission denied for table accounts"):
        await scalar(two.engines[0], "SELECT count(*) FROM cell_001.accounts")


async def test_the_log_of_administrators_can_be_changed_by_no_cell(cells: MakeCells) -> None:
    two = await cells(2)
    log = "INSERT INTO audit_log (actor, action, before, after) VALUES ('key:1', 'key.create', '{}', '{}')"
    await scalar(two.engines[1], log + " RETURNING id")

    for engine in (*two.engines, two.crossing):
        for change in ("UPDATE common.audit_log SET actor = 'nobody'", "TRUNCATE common.audit_log"):
            with pytest.raises(exc.DBAPIError, match="audit_log cannot be changed"):
                await scalar(engine, change)


async def test_the_installations_user_works_in_several_cells_within_one_transaction(cells: MakeCells) -> None:
    three = await cells(3)

    async with three.crossing.begin() as db:
        for cell in (three.map.cells - 1, 0):
            await db.execute(sa.text(db_cells.enter(Cell(cell, 3))))
            await db.execute(sa.text("UPDATE sequencer SET last = last + 30"))
        assert await db.scalar(sa.text("SELECT count(*) FROM assets")) == 1

    last = [await scalar(engine, "SELECT last FROM sequencer") for engine in three.engines]
    assert last == [30, 1, 32]


# ---------------------------------------------------------------- numbers


async def test_the_identities_of_a_cell_begin_with_its_number_and_step_over_those_of_the_others(
    cells: MakeCells,
) -> None:
    four = await cells(4)

    for cell in four.map:
        async with four.crossing.connect() as db:
            rows = (await db.execute(sa.text(NUMBERED), {"schema": cell.schema})).all()
        assert {(start, step) for _, start, step in rows} == {(cell.number or 4, 4)}
        assert {name for name, *_ in rows} >= {
            "entries",
            "outbox",
            "payments",
            "transactions",
            "holds",
            "escrows",
        }


async def test_every_event_has_a_position_that_names_its_cell_and_each_account_counts_without_a_gap(
    cells: MakeCells,
) -> None:
    four = await cells(4)

    for cell, engine in zip(four.map, four.engines, strict=True):
        for _ in range(2):
            async with engine.begin() as db:
                await outbox.emit(db, [OutboxEvent(cell.number, "shop", "ACC_UPDATED", "{}")] * 3)
                assert await outbox.sequence(db, stride=4) == 3
        async with engine.connect() as db:
            events = (await outbox.page(db, 0)).events
            assert await outbox.last_position(db) == events[-1].position
        assert [event.position for event in events] == [cell.number + 4 * n for n in range(1, 7)]
        assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6]


async def test_what_is_numbered_after_a_restore_names_its_cell_as_before(cells: MakeCells) -> None:
    four = await cells(4)

    for cell, engine in zip(four.map, four.engines, strict=True):
        async with engine.begin() as db:
            await pause.begin_history(db, NewHistory("an epoch", cell.number + 40, 1))
            await installation.end_restore(db, "an epoch")
        async with engine.begin() as db:
            await outbox.emit(db, [OutboxEvent(cell.number, "shop", "ACC_UPDATED", "{}")])
            await outbox.sequence(db, stride=4)
            [event] = (await outbox.page(db, 0)).events
        numbers = [
            await scalar(engine, f"SELECT nextval('{table}_id_seq')")
            for table in ("transactions", "payments", "entries", "holds", "escrows", "webhook_endpoints")
        ]

        assert {four.map.of_number(number) for number in (event.position, *numbers)} == {cell.number}
        assert min(numbers) > 4 * SKIPPED_NUMBERS
        assert event.position == cell.number + 4 * SKIPPED_NUMBERS + 4


# ---------------------------------------------------------------- the first start, and those after it


@pytest.mark.parametrize(("before", "now"), [(1, 4), (4, 1), (2, 3), (3, 2)])
async def test_the_number_of_cells_is_that_of_the_first_start(empty: str, before: int, now: int) -> None:
    await Database(empty, map=CellMap(before)).upgrade()

    with pytest.raises(WrongCells) as refused:
        await Database(empty, map=CellMap(now)).upgrade()

    assert str(refused.value) == (
        f"KENNEL_CELLS is {now}, but the database was first started with {before}, and that never changes: "
        f"set it to {before}."
    )
    await Database(empty, map=CellMap(before)).upgrade()


async def test_all_who_start_together_make_the_cells_once(empty: str) -> None:
    database = Database(empty, map=CellMap(3))

    await asyncio.gather(*(database.upgrade() for _ in range(4)))

    engines = [cell.engine(1) for cell in database.cells]
    ids = [await scalar(engine, "SELECT epoch FROM installation") for engine in engines]
    assert len(set(ids)) == 3
    for engine in engines:
        await engine.dispose()


async def test_no_connection_is_used_on_that_was_open_before_the_roles_had_their_settings(empty: str) -> None:
    database = Database(empty, map=CellMap(2))
    engine = database.crossing_engine()

    before = await scalar(engine, "SELECT pg_backend_pid()")
    await db_cells.make(engine, database.map, None)
    made = await scalar(engine, "SELECT pg_backend_pid()")
    await db_cells.make(engine, database.map, None)
    again = await scalar(engine, "SELECT pg_backend_pid()")
    await engine.dispose()

    assert before != made
    assert made == again


class Killed(Exception):
    """The program ended here."""


async def test_a_migration_that_ends_between_two_cells_goes_on_where_it_was(empty: str) -> None:
    database, progress = Database(empty, map=CellMap(4)), []

    def until_two_are_done(done: int, _: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        await database.upgrade(until_two_are_done)
    engine = database.crossing_engine()
    migrated = [bool(await names(engine, cell.schema)) for cell in database.map]
    await database.upgrade(lambda done, all_: progress.append((done, all_)))
    after = [await names(engine, cell.schema) for cell in database.map]
    await engine.dispose()

    assert migrated == [True, True, False, False]
    assert all(tables == after[0] for tables in after)
    assert progress == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


async def test_a_copy_of_a_database_has_its_cells_on_another_server_too(
    server: str, cells: MakeCells
) -> None:
    """What a dump or a template leaves out are the roles' settings of the database."""
    two = await cells(2)
    name = sa.make_url(two.database.url).database
    for engine in (*two.engines, two.crossing):
        await engine.dispose()

    async with cloned(server, f'"{name}"') as url:
        copy = Database(url, map=CellMap(2))
        await copy.upgrade()
        engine = copy.cells[1].engine(1)
        assert await scalar(engine, "SHOW search_path") == "cell_001, common"
        await engine.dispose()


# ---------------------------------------------------------------- roles


ACCESS = """
local all all trust
host all all 127.0.0.0/8 scram-sha-256
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a superuser of a PostgreSQL, and its host, where everybody else needs a password."""
    address = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    home = tmp_path_factory.mktemp("guarded")
    server = postgres.Embedded(home, durable=False)
    server._settings["listen_addresses"] = address
    with server:
        (home / "postgres" / "pg_hba.conf").write_text(ACCESS)
        asyncio.run(administer(server.url, "SELECT pg_reload_conf()"))
        yield server.url, address


async def administer(url: str, *statements: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))
    await engine.dispose()


async def test_an_owner_who_may_make_roles_makes_cells_and_each_has_the_owners_password(
    guarded: tuple[str, str],
) -> None:
    url, host = guarded
    await administer(
        url, "CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'hush @/é'", "CREATE DATABASE shop OWNER owner"
    )
    database = Database(f"postgresql://owner:hush%20%40%2F%C3%A9@{host}/shop", map=CellMap(2))
    await database.upgrade()

    for cell in database.cells:
        await cell.check()
    with pytest.raises(DatabaseUnavailable, match="user or password are wrong"):
        await Database(database.cells[0].url.replace("hush", "loud")).check()

    await administer(url, "ALTER ROLE owner PASSWORD 'other'")
    changed = Database(f"postgresql://owner:other@{host}/shop", map=CellMap(2))
    await changed.upgrade()
    for cell in changed.cells:
        await cell.check()

    await administer(
        url, "CREATE ROLE second LOGIN SUPERUSER PASSWORD 'third'", "CREATE DATABASE two OWNER second"
    )
    with pytest.raises(
        DatabaseUnavailable, match="are those of the database shop too, with another password"
    ):
        await Database(f"postgresql://second:third@{host}/two", map=CellMap(2)).upgrade()
    for cell in changed.cells:
        await cell.check()


async def test_who_may_not_make_roles_is_told_what_is_needed(guarded: tuple[str, str]) -> None:
    url, host = guarded
    await administer(url, "CREATE ROLE modest LOGIN PASSWORD 'hush'", "CREATE DATABASE small OWNER modest")

    with pytest.raises(DatabaseUnavailable, match=r"its user may not make cells .*CREATEROLE"):
        await Database(f"postgresql://modest:hush@{host}/small", map=CellMap(2)).upgrade()


def test_no_statement_has_the_password() -> None:
    state = db_cells.State("owner", "shop", False, True, (), (), (), ())

    statements = db_cells.missing(state, CellMap(2), "hush")

    assert not any("hush" in statement for statement in statements)
    assert [statement.split(" PASSWORD")[0] for statement in statements] == [
        "CREATE ROLE cell_000 LOGIN",
        "GRANT cell_000 TO CURRENT_USER",
        "CREATE ROLE cell_001 LOGIN",
        "GRANT cell_001 TO CURRENT_USER",
        "SET LOCAL citus.enable_schema_based_sharding = on",
        "CREATE SCHEMA cell_000 AUTHORIZATION cell_000",
        "CREATE SCHEMA cell_001 AUTHORIZATION cell_001",
        "SET LOCAL citus.enable_schema_based_sharding = off",
        "CREATE SCHEMA common AUTHORIZATION cell_000",
        "GRANT USAGE ON SCHEMA common TO cell_001",
        *(
            f'ALTER ROLE "{role}" IN DATABASE "shop" SET {setting}'
            for role in ("cell_000", "cell_001", "owner")
            for setting in (
                *([f"search_path = {role}, common"] if role != "owner" else []),
                "citus.propagate_set_commands = local",
                "citus.enable_unsafe_triggers = on",
                "citus.override_table_visibility = off",
            )
        ),
    ]


def test_a_cell_is_reached_by_the_url_of_the_installation() -> None:
    urls = {
        "postgresql://kennel:p%40ss@one:1,two:2/kennel?sslmode=disable": (
            "postgresql://cell_001:p%40ss@one:1,two:2/kennel?sslmode=disable"
        ),
        "postgresql://host/kennel?user=kennel&password=a+b&application_name=shop": (
            "postgresql://cell_001:a%20b@host/kennel?application_name=shop"
        ),
        "postgresql+asyncpg://kennel@/kennel?host=/tmp/x": "postgresql+asyncpg://cell_001@/kennel?host=%2Ftmp%2Fx",
    }

    assert {url: Database(url, map=CellMap(2)).cells[1].url for url in urls} == urls


def test_an_installation_without_cells_is_the_only_one_of_its_own() -> None:
    database = Database("postgresql://kennel@host/kennel", connections=50)

    assert database.cells == (database,)
    four = Database(database.url, connections=50, map=CellMap(4)).cells
    assert [cell.connections for cell in four] == [10] * 4
    assert [cell.cells for cell in four] == [(cell,) for cell in four]
    assert [cell.cell for cell in four] == list(CellMap(4))
