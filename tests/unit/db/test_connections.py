"""Which connections stay open, what one is good for after a transaction's end has failed, and what it is when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Prepared, database_url, is_outage, readers
from app.db.connections import opener
from app.db.engine import open_engine
from tests import proxy
from tests.proxy import Proxy

LONG = " " * 5_000_000
"""PostgreSQL reads it for longer than a millisecond, so the statement is over its time limit before it is run."""


@pytest.mark.parametrize("end", ["COMMIT;", "ROLLBACK;"])
async def test_a_transaction_whose_end_was_cancelled_is_over_all_the_same(database: str, end: str) -> None:
    connection = await opener(database_url.parse(database), pooled=False, command_seconds=None)()
    await connection.execute("BEGIN; CREATE TABLE half_done (); SET LOCAL statement_timeout = 1")

    with pytest.raises(asyncpg.QueryCanceledError):
        await connection.execute(end + LONG)

    async with connection.transaction():
        assert await connection.fetchval("SELECT to_regclass('half_done')") is None
        assert await connection.fetchval("SHOW statement_timeout") == "20s"
    await connection.close()


async def test_a_savepoint_that_was_not_given_up_in_time_leaves_the_end_to_its_transaction(
    database: str,
) -> None:
    connection = await opener(database_url.parse(database), pooled=False, command_seconds=None)()
    await connection.execute("BEGIN; SAVEPOINT here; SET LOCAL statement_timeout = 1")

    with pytest.raises(asyncpg.QueryCanceledError):
        await connection.execute("ROLLBACK TO here;" + LONG)

    assert connection.is_in_transaction()
    await connection.close()


SLOW = """
    CREATE TABLE slow (id integer);
    CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER sleep AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION sleep();
    INSERT INTO slow VALUES (1)
"""


async def test_a_commit_that_is_not_answered_ends_with_its_connection(database: str) -> None:
    connection = await opener(database_url.parse(database), pooled=False, command_seconds=1)()
    await connection.execute(f"BEGIN; {SLOW}")

    with pytest.raises(TimeoutError):
        await connection.execute("COMMIT;")

    assert connection.is_closed()


@pytest.fixture
async def engine_by(database: str) -> AsyncIterator[tuple[Proxy, AsyncEngine]]:
    """A proxy before the test's database, and connections by it."""
    async with proxy.before(database) as (before, url):
        engine = open_engine(url)
        yield before, engine
        await engine.dispose()


async def ask(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await db.execute(sa.text("SELECT 1"))


async def test_a_connection_that_ends_before_sqlalchemy_has_prepared_it_is_an_outage(
    engine_by: tuple[Proxy, AsyncEngine],
) -> None:
    _, engine = engine_by

    def ended(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        connection = dialect.connect(*arguments, **options)
        connection.driver_connection.terminate()
        return connection

    sa.event.listen(engine.sync_engine, "do_connect", ended)
    with pytest.raises(OSError, match="closed") as raised:  # one of the errors that all loops outlast
        await ask(engine)

    assert is_outage(raised.value)


FAREWELL = b"SFATAL\0C57P01\0Mterminating connection\0\0"


async def test_a_server_that_says_good_bye_while_sqlalchemy_prepares_a_connection_is_an_outage(
    engine_by: tuple[Proxy, AsyncEngine],
) -> None:
    """The driver has heard it by then, and not yet that the connection is closed."""
    before, engine = engine_by
    before.after = b"\x06public"  # SQLAlchemy asks for the schema, and then for more
    before.message = b"E" + (len(FAREWELL) + 4).to_bytes(4, "big") + FAREWELL

    with pytest.raises(DBAPIError, match="another operation") as raised:
        await ask(engine)

    assert is_outage(raised.value)


async def sessions(engine: AsyncEngine, count: int) -> set[int]:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(engine.connect()) for _ in range(count)]
        return {await db.scalar(sa.text("SELECT pg_backend_pid()")) for db in opened}


@pytest.mark.parametrize(("connections", "kept"), [(2, 2), (5, 5), (7, 5), (12, 6)])
async def test_of_few_connections_none_is_closed_and_half_of_many(
    database: str, connections: int, kept: int
) -> None:
    engine = open_engine(database, connections=connections)

    before, after = await sessions(engine, connections), await sessions(engine, connections)

    assert (len(before), len(before & after)) == (connections, kept)
    await engine.dispose()


END = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(:pids)")
PID = Prepared(sa.select(sa.func.pg_backend_pid().label("pid")))


async def test_after_the_database_has_closed_connections_whoever_comes_next_gets_new_ones(
    engine: AsyncEngine, database: str
) -> None:
    reading, closed = readers(engine, 2), [asyncio.Event() for _ in range(4)]
    async with (
        engine.connect() as one,
        engine.connect() as two,
        reading.reader() as three,
        reading.reader() as four,
    ):
        drivers: list[Any] = [(await db.get_raw_connection()).driver_connection for db in (one, two)]
        drivers += [three.connection, four.connection]
    for driver, event in zip(drivers, closed, strict=True):
        driver.add_termination_listener(lambda _, event=event: event.set())

    pids = [driver.get_server_pid() for driver in drivers]
    other = open_engine(database)
    async with other.connect() as db:
        await db.execute(END, {"pids": pids})
    await other.dispose()
    await asyncio.gather(*(event.wait() for event in closed))

    async with engine.connect() as db, reading.reader() as reader:
        [by_reader] = await reader.fetch_all(PID)
        assert {await db.scalar(PID.statement), by_reader["pid"]}.isdisjoint(pids)
