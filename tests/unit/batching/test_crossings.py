"""The lane of crossings: what a GroupCommit promises, over cells."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.batching.crossings import Crossings, lane_of
from app.batching.group_commit import WAITING, Overloaded, PerhapsDone, Stopping
from app.db import tables
from app.domain import transfers
from app.domain.commands import Result, Submitted
from app.domain.idempotency import KeyReused
from app.domain.transfers import LacksFunds
from tests import crossing_town, scenario
from tests.cells import MakeCells
from tests.crossing_town import EACH, Town, answered, claim, order
from tests.ledger_walk import invariants

DIES = """
    CREATE FUNCTION cell_{cell:03}.dies() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
    CREATE {kind} TRIGGER dies AFTER INSERT OR UPDATE ON cell_{cell:03}.{table}
        {when} FOR EACH ROW EXECUTE FUNCTION cell_{cell:03}.dies()
"""
LIVES = "DROP FUNCTION cell_{cell:03}.dies() CASCADE"
WRITTEN = ("balances", "entries", "postings", "crossings", "counterparties", "outbox")
"""The tables into which a crossing writes in each cell; its key lies at home."""
FAILS = """
    CREATE SEQUENCE cell_001.tries;
    CREATE FUNCTION cell_001.fails() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('cell_001.tries') < {tries} THEN RAISE EXCEPTION 'again' USING ERRCODE = '{state}'; END IF;
            RETURN NEW;
        END $$;
    CREATE TRIGGER fails BEFORE INSERT ON cell_001.entries FOR EACH ROW EXECUTE FUNCTION cell_001.fails()
"""


@pytest.fixture
async def town(cells: MakeCells) -> AsyncIterator[Town]:
    """Two cells."""
    async with crossing_town.built(await cells(2)) as town:
        yield town


async def administer(town: Town, statements: str) -> None:
    async with town.cells.crossing.begin() as db:
        await (await db.get_raw_connection()).driver_connection.execute(statements)  # type: ignore[union-attr]


async def pay(town: Town, amount: int | str = 1, key: str = "k") -> Result[transfers.Transfer]:
    """Pay from the higher cell to the lower one."""
    asked = order(town.name(1), (town.name(0), amount), key=key)
    return await town.crossings.submit(transfers.MAKE, asked, claim(key, str(amount).encode()), (1, 0))


async def state_of(town: Town) -> list[str]:
    states = []
    for engine in town.engines:
        async with engine.connect() as db:
            states.append(await invariants.snapshot(db))
    return states


@pytest.mark.parametrize(("cell", "table"), [(1, "idempotency"), *product((0, 1), WRITTEN)])
async def test_a_server_that_dies_between_the_halves_leaves_neither(
    town: Town, table: str, cell: int
) -> None:
    before = await state_of(town)
    await administer(town, DIES.format(cell=cell, table=table, kind="", when=""))

    with pytest.raises(DBAPIError):
        await pay(town)
    await administer(town, LIVES.format(cell=cell))

    assert await state_of(town) == before
    assert not (await pay(town)).replayed
    assert await town.has(town.name(0)) == (EACH + 100, 0)
    await town.check()


async def test_a_server_that_dies_at_the_commit_may_have_done_it_and_a_key_finds_out(town: Town) -> None:
    deferred = "DEFERRABLE INITIALLY DEFERRED"
    await administer(town, DIES.format(cell=0, table="entries", kind="CONSTRAINT", when=deferred))
    keyless = order(town.name(1), (town.name(0), 1))

    with pytest.raises(PerhapsDone):
        await town.crossings.submit(transfers.MAKE, keyless, None, (1, 0))
    with pytest.raises(DBAPIError):
        await pay(town)
    await administer(town, LIVES.format(cell=0))

    assert not (await pay(town)).replayed
    assert await town.has(town.name(0)) == (EACH + 100, 0)
    await town.check()


@pytest.mark.parametrize("state", ["40P01", "40001"])
async def test_what_met_others_is_run_again_as_a_whole(town: Town, state: str) -> None:
    await administer(town, FAILS.format(tries=3, state=state))

    await pay(town)

    assert await town.has(town.name(0)) == (EACH + 100, 0)
    await town.check()


async def test_what_waits_together_is_one_transaction_and_a_refusal_is_for_its_caller_alone(
    town: Town,
) -> None:
    answers = await answered(*(pay(town, amount, f"k{n}") for n, amount in enumerate([1, 2, 30, 3])))

    assert [isinstance(answer, LacksFunds) for answer in answers] == [False, False, True, False]
    assert len(town.news) == 1
    assert await town.has(town.name(0)) == (EACH + 600, 0)
    assert not (await pay(town, 4, "k2")).replayed  # a refused request leaves no key
    await town.check()


async def test_one_key_for_two_requests_of_a_batch_serves_the_first(town: Town) -> None:
    first = pay(town, 1, "begins")
    answers = await answered(first, pay(town, 1), pay(town, 2), pay(town, 1))

    assert [type(answer).__name__ for answer in answers] == ["Result", "Result", "KeyReused", "Result"]
    assert await town.has(town.name(0)) == (EACH + 200, 0)


async def test_two_programs_with_the_same_keys_do_each_once(town: Town) -> None:
    other = Crossings(town.cells.crossing, [scenario.INSTALLATION] * 2, lambda *_: None)
    mine = [order(town.name(n % 2), (town.name(1 - n % 2), "0.1"), key=f"k{n}") for n in range(20)]

    def of(crossings: Crossings, n: int) -> asyncio.Future[Result[transfers.Transfer]]:
        cells = (n % 2, 1 - n % 2)
        return asyncio.ensure_future(crossings.submit(transfers.MAKE, mine[n], claim(f"k{n}"), cells))

    answers = await answered(
        *(of(town.crossings, n) for n in range(20)), *(of(other, n) for n in reversed(range(20)))
    )
    await other.close()

    assert sum(answer.replayed for answer in answers) == 20
    assert {await town.has(town.name(cell)) for cell in (0, 1)} == {(EACH, 0)}
    await town.check()


async def test_at_the_end_what_was_taken_in_is_answered_and_nothing_more_is_taken(town: Town) -> None:
    waiting = asyncio.ensure_future(pay(town))
    await asyncio.sleep(0)
    await town.crossings.close()

    assert isinstance(await waiting, Result)
    with pytest.raises(Stopping):
        await pay(town, key="late")


async def test_more_than_can_wait_are_turned_away(town: Town) -> None:
    many = [Submitted(order(town.name(1), (town.name(0), 1)))] * (WAITING + 1)

    with pytest.raises(Overloaded):
        await town.crossings.submit_all(transfers.MAKE, many, [(1, 0)] * len(many))


async def test_a_transfer_under_a_key_that_is_older_than_keys_are_kept_is_refused(town: Town) -> None:
    await pay(town)
    async with town.engines[1].begin() as db:
        await db.execute(sa.delete(tables.idempotency))

    with pytest.raises(KeyReused):
        await pay(town)
    await town.check()


def test_lanes_do_not_grow_with_the_sets_of_cells_that_transfers_are_split_between() -> None:
    among = [lane_of(cells, 4) for cells in ((0, 1, 2), (1, 3, 2), (3, 0, 1, 2))]
    pairs = [lane_of(cells, 4) for cells in ((0, 1), (1, 0), (2, 3))]

    assert among == [(0, 1, 2, 3)] * 3
    assert pairs == [(0, 1), (0, 1), (2, 3)]
