"""The comparison of a database with sent.json, by two processes that begin at the same time."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import restore_check
from app.chain.sent_marker import SentMarker
from app.domain import installation
from tests.unit.events.steps import until

WAITS = sa.text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock')"
)


async def test_a_file_that_another_process_wrote_since_it_was_looked_for_is_not_missing(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    first, second = (SentMarker(tmp_path / "sent.json") for _ in range(2))

    async def waits() -> bool:
        async with engine.connect() as other:
            return bool(await other.scalar(WAITS))

    async with engine.begin() as db:
        database = await installation.lock(db)
        comparing = asyncio.create_task(restore_check.compare(engine, second))
        await until(waits, waits)
        first.belong_to(database.epoch, database.restores)
        await installation.set_compared(db, database.epoch)
    await comparing

    async with engine.connect() as db:
        assert second.knows(await installation.read(db))
