"""Statements that a transaction gives straight to the driver: the same rows, errors and ends as by SQLAlchemy."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Prepared, bulk, copy, is_outage, observe_timed, reads, sqlstate, timed
from app.db.engine import open_engine
from app.db.tables import assets

BEGUN = sa.text("SELECT 1")
PID = Prepared(sa.select(sa.func.pg_backend_pid().label("pid")))
ADD = Prepared(sa.insert(assets).values(code=sa.bindparam("new"), name="Gold", decimals=0))
RENAME = Prepared(sa.update(assets).values(name=sa.bindparam("called")))
BROKEN = Prepared(sa.text("SELECT 1 / :none").bindparams(sa.bindparam("none", 0, sa.Integer)))
CODES = Prepared(sa.select(assets.c.code, assets.c.decimals).order_by(assets.c.code))


async def test_the_first_statement_begins_the_transaction_and_all_of_it_is_committed_or_nothing(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        first = await bulk.execute(db, ADD, {"new": "gold"})
        second = await bulk.execute(db, ADD, {"new": "silver"})
    async with engine.connect() as db:
        await bulk.execute(db, ADD, {"new": "copper"})
        renamed = await bulk.execute(db, RENAME, {"called": "Copper"})
        await db.rollback()

    async with engine.begin() as db:
        by_sqlalchemy = await bulk.fetch_values(db, CODES)
        by_driver = await bulk.fetch_values(db, CODES)
        rows = await bulk.fetch_all(db, CODES)

    assert (first, second, renamed) == (1, 1, 4)
    assert by_sqlalchemy == by_driver == [("DOGE", 8), ("gold", 0), ("silver", 0)]
    assert [row["code"] for row in rows] == ["DOGE", "gold", "silver"]


async def test_where_each_statement_is_one_by_itself_the_driver_needs_no_transaction(
    engine: AsyncEngine,
) -> None:
    by_sqlalchemy: list[str] = []
    sa.event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *event: by_sqlalchemy.append(event[2])
    )

    async with reads(engine).connect() as db:
        codes = await bulk.fetch_values(db, CODES)
        with pytest.raises(RuntimeError):
            await copy.insert(db, assets, ("code", "name", "decimals"), [("gold", "Gold", 0)])
        with pytest.raises(DBAPIError) as raised:
            await bulk.fetch_values(db, BROKEN)
        after = await bulk.fetch_value(db, CODES)

    assert (codes, after) == ([("DOGE", 8)], "DOGE")
    assert (sqlstate(raised.value), by_sqlalchemy) == ("22012", [])


async def test_an_error_has_its_sqlstate_and_undoes_the_transaction(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        await bulk.execute(db, ADD, {"new": "gold"})
        with pytest.raises(IntegrityError) as raised:
            await bulk.execute(db, ADD, {"new": "DOGE"})

    async with engine.begin() as db:
        codes = await bulk.fetch_values(db, CODES)

    assert sqlstate(raised.value) == "23505"
    assert not raised.value.connection_invalidated
    assert codes == [("DOGE", 8)]


@pytest.mark.parametrize("way", ["COPY", "a statement"])
async def test_after_a_broken_connection_none_is_used_that_was_open_then(
    engine: AsyncEngine, way: str
) -> None:
    async with engine.connect() as one, engine.connect() as two:
        open_before = {(await connection.scalar(PID.statement)) for connection in (one, two)}

    async with engine.connect() as db:
        await db.execute(BEGUN)
        [row] = await bulk.fetch_all(db, PID)
        await _end(engine, row["pid"])
        gold = copy.insert(db, assets, ("code", "name", "decimals"), [("gold", "Gold", 0)])
        with pytest.raises(DBAPIError) as raised:
            await (gold if way == "COPY" else bulk.execute(db, ADD, {"new": "gold"}))
        gold.close()
    async with engine.connect() as one, engine.connect() as two:
        open_after = {(await connection.scalar(PID.statement)) for connection in (one, two)}

    assert is_outage(raised.value)
    assert raised.value.connection_invalidated
    assert open_after.isdisjoint(open_before)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("failure on connection marked as essential: worker:5432", True),
        ("SSL SYSCALL error: EOF detected", True),
        ("cache lookup failed for relation 1", False),
    ],
)
async def test_the_death_of_a_distributed_engines_server_is_an_outage_and_no_other_internal_error_is(
    engine: AsyncEngine, words: str, *, expected: bool
) -> None:
    async with engine.connect() as db:
        with pytest.raises(DBAPIError) as raised:
            await db.execute(sa.text(f"DO $$ BEGIN RAISE '{words}' USING ERRCODE = 'XX000'; END $$"))

    assert is_outage(raised.value) == expected


async def test_a_server_that_does_not_answer_in_time_is_given_up(database: str) -> None:
    engine = open_engine(database, command_seconds=0.2)
    async with engine.connect() as db:
        await db.execute(BEGUN)
        with pytest.raises(DBAPIError) as raised:
            await bulk.fetch_all(db, Prepared(sa.text("SELECT pg_sleep(60)")))

    await engine.dispose()
    assert isinstance(raised.value.orig, TimeoutError)
    assert raised.value.connection_invalidated


async def test_who_is_cut_off_leaves_a_connection_that_works(engine: AsyncEngine) -> None:
    began = asyncio.Event()

    async def sleep() -> None:
        async with engine.begin() as db:
            await bulk.execute(db, ADD, {"new": "gold"})
            began.set()
            await bulk.fetch_all(db, Prepared(sa.text("SELECT pg_sleep(60)")))

    task = asyncio.create_task(sleep())
    await began.wait()
    await asyncio.sleep(0)  # its statement is on its way
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with engine.begin() as db:
        assert await bulk.fetch_values(db, CODES) == [("DOGE", 8)]
        assert await bulk.fetch_values(db, CODES) == [("DOGE", 8)]


async def test_a_timed_statement_is_observed_whoever_runs_it(engine: AsyncEngine) -> None:
    seconds: list[float] = []
    observe_timed(engine, seconds.append)
    statement = Prepared(timed(sa.text("SELECT 1")))

    async with engine.begin() as db:
        await bulk.fetch_values(db, statement)
        by_sqlalchemy = len(seconds)
        await bulk.fetch_values(db, statement)
        await bulk.fetch_values(db, CODES)

    assert by_sqlalchemy == 1
    assert len(seconds) == 2


async def _end(engine: AsyncEngine, pid: int) -> None:
    async with engine.connect() as other:
        await other.execute(sa.text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
