"""Which seed a database's keys come from: one, made once."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import seed_claim
from app.chain.key_pool import KeyPool
from app.chain.keys import Keyring
from app.chain.seed_claim import OtherSeed
from app.chain.seed_file import SeedFile, SeedFileMissing
from app.chain.seed_record import Cost
from app.db.tables import installation, ready_keys
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from tests import scenario

OTHER_WORDS = "zoo " * 11 + "wrong"


def seed_at(home: Path, words: str | None = None) -> SeedFile:
    """Return the seed file of a home; with `words`, create it."""
    home.mkdir(exist_ok=True)
    file = SeedFile(home / "seed.json", REGTEST, Cost(1 << 14, 1))
    if words is not None:
        file.create("", words=words)
    return file


async def height() -> int:
    return 7


async def opened(engine: AsyncEngine, file: SeedFile) -> Keyring:
    return await seed_claim.open_or_create(engine, file, "", height)


def pool(engine: AsyncEngine, file: SeedFile, keyring: Keyring) -> KeyPool:
    return KeyPool(engine, REGTEST, (file, keyring), Lease(engine, "keys", "one"), 20)


async def test_of_two_first_starts_at_once_one_makes_the_seed_and_the_other_makes_nothing(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    files = [seed_at(tmp_path / name) for name in ("one", "two")]

    outcomes = await asyncio.gather(*(opened(engine, file) for file in files), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Keyring", "SeedFileMissing"]
    assert [file.path.exists() for file in files] == [isinstance(outcome, Keyring) for outcome in outcomes]
    [winner] = [file for file in files if file.path.exists()]
    assert winner.read().birth_height == 7
    assert (await opened(engine, winner)).fingerprint == winner.open("").fingerprint


@pytest.mark.parametrize("known", [True, False])
async def test_beside_a_database_that_has_keys_no_seed_is_made(
    engine: AsyncEngine, tmp_path: Path, *, known: bool
) -> None:
    """Even if an older Kennel made the keys, which did not note their seed."""
    file = seed_at(tmp_path / "home", scenario.WORDS)
    await pool(engine, file, await opened(engine, file)).step()
    file.path.unlink()
    if not known:
        async with engine.begin() as db:
            await db.execute(sa.update(installation).values(seed=None))

    with pytest.raises(SeedFileMissing, match="put your copy of it there"):
        await opened(engine, file)

    assert not file.path.exists()


@pytest.mark.parametrize("known", [True, False])
async def test_a_seed_of_another_installation_opens_nothing(
    engine: AsyncEngine, tmp_path: Path, *, known: bool
) -> None:
    own, foreign = seed_at(tmp_path / "ours", scenario.WORDS), seed_at(tmp_path / "other", OTHER_WORDS)
    await pool(engine, own, await opened(engine, own)).step()
    await scenario.open_account(engine)
    if not known:
        async with engine.begin() as db:
            await db.execute(sa.update(installation).values(seed=None))

    with pytest.raises(OtherSeed, match="is of another installation than the database"):
        await opened(engine, foreign)

    assert (await opened(engine, own)).fingerprint == own.open("").fingerprint
    with pytest.raises(OtherSeed):
        await opened(engine, foreign)


async def test_a_database_that_has_no_keys_yet_is_that_of_the_first_seed_that_comes(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    first, second = seed_at(tmp_path / "one", scenario.WORDS), seed_at(tmp_path / "two", OTHER_WORDS)

    await opened(engine, first)

    with pytest.raises(OtherSeed):
        await opened(engine, second)


async def test_what_a_recovery_takes_over_holds_no_key_of_another_seed(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    """Somebody started Kennel on the new database before the old seed was there."""
    new, old = seed_at(tmp_path / "new"), seed_at(tmp_path / "old", scenario.WORDS)
    started = pool(engine, new, await opened(engine, new))
    await started.step()

    async with engine.begin() as db:
        await seed_claim.take_over(db, old.open(""))

    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(ready_keys)) == 0
    with pytest.raises(OtherSeed):
        await started.step()
    assert (await opened(engine, old)).fingerprint == old.open("").fingerprint


async def test_a_recovery_keeps_the_keys_that_its_own_seed_made_ready(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    file = seed_at(tmp_path / "home", scenario.WORDS)
    keyring = await opened(engine, file)
    await pool(engine, file, keyring).step()

    async with engine.begin() as db:
        await seed_claim.take_over(db, keyring)

    async with engine.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(ready_keys)) == 20
