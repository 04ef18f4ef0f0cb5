import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell, CellMap
from app.chain import key_pool
from app.chain.key_pool import CHUNK, KeyPool
from app.chain.keys import MAX_BATCH, Keyring
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.db.engine import open_engine
from app.db.tables import ready_keys
from app.domain import dogecoin
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from tests import conftest, scenario

READY = 2 * CHUNK + 100
"""Small enough to be filled in three chunks."""

Pool = Callable[..., KeyPool]


@pytest.fixture
def seed(tmp_path: Path) -> tuple[SeedFile, Keyring]:
    seed_file = SeedFile(tmp_path / "seed.json", REGTEST, Cost(n=1 << 14, p=1))
    return seed_file, seed_file.create("", words=scenario.WORDS)


@pytest.fixture
def pool(engine: AsyncEngine, seed: tuple[SeedFile, Keyring]) -> Pool:
    def of(ready: int = READY, holder: str = "one") -> KeyPool:
        return KeyPool(engine, REGTEST, seed, Lease(engine, "keys", holder), ready)

    return of


async def fill(pool: KeyPool) -> int:
    """Step until there is nothing to do; return the number of steps."""
    steps = 0
    while await pool.step():
        steps += 1
    return steps


async def numbers(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as db:
        return list(await db.scalars(sa.select(ready_keys.c.number).order_by(ready_keys.c.number)))


async def take(engine: AsyncEngine, count: int) -> None:
    """Delete the lowest keys, as opening accounts does."""
    lowest = sa.select(ready_keys.c.number).order_by(ready_keys.c.number).limit(count)
    async with engine.begin() as db:
        await db.execute(sa.delete(ready_keys).where(ready_keys.c.number.in_(lowest)))


async def test_an_empty_pool_is_filled_chunk_by_chunk(engine: AsyncEngine, pool: Pool) -> None:
    filling = pool()

    assert await filling.step()
    assert await numbers(engine) == list(range(CHUNK))
    assert await fill(filling) == 2
    assert await numbers(engine) == list(range(READY))


async def test_ready_keys_are_those_of_the_seed(
    engine: AsyncEngine, pool: Pool, seed: tuple[SeedFile, Keyring]
) -> None:
    await fill(pool(7))

    async with engine.connect() as db:
        rows = list(await db.execute(sa.select(ready_keys).order_by(ready_keys.c.number)))
    assert [(row.number, row.xpub, row.address) for row in rows] == [
        (key.number, key.xpub, dogecoin.to_address(REGTEST, key.address_script))
        for key in seed[1].account_xpubs(0, 7)
    ]


async def test_it_is_filled_again_when_it_is_half_empty_and_not_before(
    engine: AsyncEngine, pool: Pool
) -> None:
    filling = pool(20)
    await fill(filling)

    await take(engine, 10)
    assert await fill(filling) == 0
    await take(engine, 1)
    assert await fill(filling) == 1
    assert await numbers(engine) == list(range(11, 31))


async def test_after_a_restart_it_is_filled_whole_and_no_number_is_given_twice(
    engine: AsyncEngine, pool: Pool
) -> None:
    await fill(pool(20))
    await take(engine, 3)

    assert await fill(pool(20)) == 1

    assert await numbers(engine) == list(range(3, 23))


async def test_accounts_that_were_opened_count_as_given_out(engine: AsyncEngine, pool: Pool) -> None:
    await fill(pool(2))
    for foreign_id in ("a", "b"):
        await scenario.open_account(engine, foreign_id)

    await fill(pool(2))

    assert await numbers(engine) == [2, 3]


async def test_the_seed_file_knows_of_the_numbers_before_the_database(
    engine: AsyncEngine, pool: Pool, seed: tuple[SeedFile, Keyring]
) -> None:
    seed_file, _ = seed
    async with engine.connect() as blocker:
        await blocker.execute(sa.text("LOCK TABLE ready_keys IN SHARE MODE"))  # nobody can write there
        step = asyncio.create_task(pool(20).step())
        await scenario.until_someone_waits(engine)
        assert seed_file.read().highest_account == 19
        await blocker.rollback()

    assert await step
    assert await numbers(engine) == list(range(20))


async def test_numbers_that_the_seed_file_knows_are_never_given_out_again(
    engine: AsyncEngine, pool: Pool, seed: tuple[SeedFile, Keyring]
) -> None:
    """As after a kill between the two, or with an older database."""
    seed[0].raise_highest(99)

    await fill(pool(20))

    assert await numbers(engine) == list(range(100, 120))
    assert seed[0].read().highest_account == 119


async def test_each_cell_has_numbers_of_its_own_from_one_seed_without_gaps(
    server: str, seed: tuple[SeedFile, Keyring]
) -> None:
    async with AsyncExitStack() as stack:
        engines = []
        for _ in range(3):
            engines.append(open_engine(await stack.enter_async_context(conftest.cloned(server))))
            stack.push_async_callback(engines[-1].dispose)
        for engine, cell in zip(engines, CellMap(3), strict=True):
            await fill(KeyPool(engine, REGTEST, seed, Lease(engine, "keys", "one"), 20, cell))
        await take(engines[1], 15)
        await fill(KeyPool(engines[1], REGTEST, seed, Lease(engines[1], "keys", "one"), 20, Cell(1, 3)))

        assert await numbers(engines[0]) == list(range(0, 60, 3))
        assert await numbers(engines[1]) == list(range(46, 106, 3))
        assert await numbers(engines[2]) == list(range(2, 62, 3))
    record = seed[0].read()
    assert (record.highest_account, record.highest_of_cells) == (103, (57, 103, 59))


async def test_an_older_database_of_a_cell_gives_no_number_out_again(
    engine: AsyncEngine, seed: tuple[SeedFile, Keyring]
) -> None:
    """The seed file knows what this cell had, and what nobody knows the cell of."""
    seed[0].raise_highest(100, Cell(1, 3))
    await fill(KeyPool(engine, REGTEST, seed, Lease(engine, "keys", "one"), 2, Cell(1, 3)))
    assert await numbers(engine) == [103, 106]

    await take(engine, 2)
    seed[0].raise_highest(500)
    await fill(KeyPool(engine, REGTEST, seed, Lease(engine, "keys", "one"), 2, Cell(1, 3)))

    assert await numbers(engine) == [502, 505]


async def test_one_fills_and_the_other_stands_by(engine: AsyncEngine, pool: Pool) -> None:
    first, second = pool(20), pool(20, "two")
    await fill(first)
    await take(engine, 15)

    assert await fill(second) == 0
    assert await fill(first) == 1


async def test_two_that_both_believe_to_be_the_only_one_make_every_key_once(
    engine: AsyncEngine, pool: Pool
) -> None:
    first, second = pool(40, "same"), pool(40, "same")

    await asyncio.gather(*(filling.step() for filling in (first, second) * 3))

    keys = await numbers(engine)
    assert keys == list(range(len(keys)))
    assert len(keys) >= 40


def test_a_chunk_is_no_more_than_is_derived_at_once() -> None:
    assert CHUNK <= MAX_BATCH
    assert CHUNK <= key_pool.READY // 2
