"""What a connection is good for after the end of a transaction has failed."""

import asyncpg
import pytest

from app.db import database_url
from app.db.connections import opener

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
