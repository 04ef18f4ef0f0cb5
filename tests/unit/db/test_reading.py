import asyncio
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Prepared, bulk, readers
from app.db.database import Database
from app.db.engine import open_engine
from app.db.tables import Time
from tests import pooler

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
ALL = Prepared(
    sa.text(
        "SELECT number, word, moment FROM unnest(:numbers, :words) AS given (number, word), (SELECT :moment) AS m (moment)"
    )
    .bindparams(
        sa.bindparam("numbers", type_=bulk.BIGINTS),
        sa.bindparam("words", type_=bulk.TEXTS),
        sa.bindparam("moment", type_=Time),
    )
    .columns(sa.column("number"), sa.column("word"), sa.column("moment"))
)
WORDS = ["plain", 'with "quotes" \\ and {braces}', "", "Ð", "a,b"]
PARAMETERS = {"numbers": [1, -2, 3, 2**62, 5], "words": WORDS, "moment": MOMENT}
PID = Prepared(sa.select(sa.func.pg_backend_pid().label("pid")))
SLEEP = Prepared(sa.text("SELECT pg_sleep(60)"))
LIMITS = Prepared(
    sa.text(
        "SELECT current_setting('statement_timeout') AS statement,"
        " current_setting('idle_in_transaction_session_timeout') AS idle,"
        " (SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%idle_in%') AS prepared"
    )
)


async def test_a_reader_reads_the_rows_that_a_transaction_reads(engine: AsyncEngine) -> None:
    async with engine.connect() as db, readers(engine, 1).reader() as reader:
        rows = await bulk.fetch_all(reader, ALL, PARAMETERS)
        same = await bulk.fetch_all(db, ALL, PARAMETERS)

    assert [dict(row) for row in rows] == [dict(row) for row in same]
    assert [row["word"] for row in rows] == WORDS
    assert rows[0]["moment"] == MOMENT


async def test_a_connection_is_used_again_and_who_waits_gets_it_in_order(engine: AsyncEngine) -> None:
    reading, order, pids = readers(engine, 1), [], set()

    async def ask(number: int) -> None:
        async with reading.reader() as db:
            [row] = await db.fetch_all(PID)
            order.append(number)
            pids.add(row["pid"])

    await asyncio.gather(*(ask(number) for number in range(20)))

    assert order == list(range(20))
    assert len(pids) == 1


async def test_who_waits_too_long_for_a_connection_is_told(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.reading.WAIT_SECONDS", 0.05)
    reading = readers(engine, 1)

    async with reading.reader():
        with pytest.raises(TimeoutError):
            async with reading.reader():
                raise AssertionError("there is no second connection")


async def test_after_a_statement_was_cut_off_the_next_one_has_another_connection(engine: AsyncEngine) -> None:
    reading = readers(engine, 1)

    async with reading.reader() as db:
        [before] = await db.fetch_all(PID)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await db.fetch_all(SLEEP)
    async with reading.reader() as db:
        [after] = await db.fetch_all(PID)

    assert before != after


async def test_an_error_of_the_statement_costs_no_connection(engine: AsyncEngine) -> None:
    reading = readers(engine, 1)

    async with reading.reader() as db:
        [before] = await db.fetch_all(PID)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await db.fetch_all(Prepared(sa.text("SELECT 1 / 0")))
    async with reading.reader() as db:
        [after] = await db.fetch_all(PID)

    assert before == after


async def test_readers_are_closed_with_their_engine(database: str) -> None:
    engine = open_engine(database)
    async with readers(engine, 1).reader() as db:
        connection = db.connection

    await engine.dispose()

    assert connection.is_closed()


async def test_a_reader_has_the_time_limits_of_every_connection(engine: AsyncEngine) -> None:
    async with readers(engine, 1).reader() as db:
        [row] = await db.fetch_all(LIMITS)

    assert (row["statement"], row["idle"]) == ("20s", "20s")


@pooler.needed
async def test_through_a_pooler_the_limits_hold_and_nobody_gets_another_s_rows(
    database: str, tmp_path: Path
) -> None:
    with pooler.running(tmp_path, database) as url:
        engine = Database(url, "transaction").engine(10)
        reading = readers(engine, 10)

        async def ask(number: int) -> list[tuple[object, ...]]:
            limits: list[tuple[object, ...]] = []
            for _ in range(10):
                async with reading.reader() as db:
                    rows = await db.fetch_all(ALL, PARAMETERS | {"numbers": [number]})
                    assert rows[0]["number"] == number
                    limits += [tuple(row.values()) for row in await db.fetch_all(LIMITS)]
            return limits

        limits = await asyncio.gather(*(ask(number) for number in range(20)))
        await engine.dispose()

    assert {limit for caller in limits for limit in caller} == {("20s", "20s", 0)}
