"""The rows of a database come back in another one as they were, with the numbers that were given out."""

import asyncio
import io
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backup import parts, rows
from app.backup.envelope import NoBackup
from app.backup.rows import CannotRestore
from app.db import migrate
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.db.tables import entries, installation, metadata
from app.domain import installation as installations
from tests import conftest, funding, scenario

PASSPHRASE = "such long words, very secret"


async def contents(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    async with engine.connect() as db:
        return {
            table.name: [
                tuple(row) for row in await db.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in metadata.sorted_tables
            if table is not installation
        }


async def filled(engine: AsyncEngine) -> bytes:
    """A backup of a database with texts that COPY must escape, nulls, binary strings and credits."""
    await funding.fund(engine, {"shop": 7, "buyer": 9})
    await scenario.open_account(engine, "tabs", name='a\tb\\c\nd"e', vendor_name="\\N")
    await funding.credit(engine, 0, 500, funding.GOLD, "gold")
    chain = await scenario.Chain(engine).start()
    await chain.mine(((await scenario.invoice(engine)).address, scenario.doge(10)))
    file = io.BytesIO()
    writer = parts.Writer(file, PASSPHRASE)
    await rows.dump(AllCells.of_one(engine), writer, "regtest")
    writer.close()
    return file.getvalue()


async def load(engine: AsyncEngine, backup: bytes) -> None:
    """Restore the backup into an empty database."""
    async with rows.emptied(AllCells.of_one(engine), migrate.head()) as db:
        for part in parts.read(io.BytesIO(backup), PASSPHRASE):
            await rows.load(db, AllCells.of_one(engine), part)


async def revision(engine: AsyncEngine) -> str:
    async with engine.connect() as db:
        return str(await db.scalar(sa.text("SELECT version_num FROM alembic_version")))


async def test_all_rows_come_back_and_the_database_counts_as_old(engine: AsyncEngine, server: str) -> None:
    backup = await filled(engine)
    async with conftest.cloned(server) as url:
        other = open_engine(url)
        await rows.check_empty(AllCells.of_one(other), await revision(engine))
        await load(other, backup)

        assert await contents(other) == await contents(engine)
        async with other.connect() as db, engine.connect() as original:
            restored, source = await installations.read(db), await installations.read(original)
            numbers = [await read.scalar(_NEXT) or 0 for read in (db, original)]
        await other.dispose()

    assert (restored.epoch, restored.highest) == (source.epoch, source.highest)
    assert (source.behind, restored.behind) == (None, rows.RESTORED)
    assert numbers[0] >= numbers[1] > 0


async def test_a_database_in_use_or_of_another_version_is_left_as_it_is(
    engine: AsyncEngine, server: str
) -> None:
    async with conftest.cloned(server) as url:
        empty = open_engine(url)
        with pytest.raises(CannotRestore, match="of another version"):
            await rows.check_empty(AllCells.of_one(empty), "0001")
        await scenario.open_account(empty)
        with pytest.raises(CannotRestore, match="in use already"):
            await rows.check_empty(AllCells.of_one(empty), await revision(engine))
        await empty.dispose()


async def test_the_shards_of_a_distributed_engine_are_no_tables_of_the_installation(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        await db.execute(sa.text("CREATE TABLE api_keys_102043 AS SELECT 'of api_keys' AS name"))
        version = await revision(engine)

    await rows.check_empty(AllCells.of_one(engine), version)
    async with rows.emptied(AllCells.of_one(engine), version) as db:
        left = await db.scalar(sa.text("SELECT name FROM api_keys_102043"))

    assert left == "of api_keys"


async def test_a_restore_that_breaks_off_leaves_nothing(engine: AsyncEngine, server: str) -> None:
    backup = await filled(engine)
    async with conftest.cloned(server) as url:
        other = open_engine(url)
        before = await contents(other)

        with pytest.raises(NoBackup):
            await load(other, backup[: len(backup) // 2])

        assert await contents(other) == before
        async with other.connect() as db:
            assert (await installations.read(db)).behind is None
        await other.dispose()


async def test_a_kennel_that_starts_meanwhile_comes_first_and_the_restore_is_refused(
    engine: AsyncEngine,
) -> None:
    async def restore() -> None:
        async with rows.emptied(AllCells.of_one(engine), migrate.head()):
            pass

    async with engine.begin() as db:
        await installations.seed(db, changes=True)
        restoring = asyncio.create_task(restore())
        await scenario.until_someone_waits(engine)
        await installations.set_seed(db, "fingerprint")

    with pytest.raises(CannotRestore, match="in use already"):
        await restoring


async def test_a_kennel_that_starts_during_a_restore_finds_what_was_restored(engine: AsyncEngine) -> None:
    async def start() -> str | None:
        async with engine.begin() as db:
            return await installations.seed(db, changes=True)

    async with rows.emptied(AllCells.of_one(engine), migrate.head()) as db:
        starting = asyncio.create_task(start())
        await scenario.until_someone_waits(engine)
        await db.execute(sa.insert(installation).values(id=1, epoch="restored", seed="fingerprint"))

    assert await starting == "fingerprint"


def test_revisions_of_this_program_are_known_and_others_not() -> None:
    assert migrate.knows("0001")
    assert not migrate.knows("9999")


_NEXT = sa.select(sa.func.coalesce(sa.func.max(entries.c.id), 0))
