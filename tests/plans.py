"""The plans of PostgreSQL: a test reads them where the answer alone shows nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from app.db import Db

SETTINGS = (
    "LOAD 'auto_explain'",
    "SET LOCAL auto_explain.log_min_duration = 0",
    "SET LOCAL auto_explain.log_level = notice",
    "SET LOCAL plan_cache_mode = force_generic_plan",  # the plan of a statement that runs often
)


@asynccontextmanager
async def watched(db: Db) -> AsyncIterator[list[str]]:
    """Yield a list that holds the plan of each of the block's statements after it has ended."""
    plans: list[str] = []
    for setting in SETTINGS:
        await db.execute(sa.text(setting))
    driver = (await db.get_raw_connection()).driver_connection
    assert driver is not None

    def note(_: object, notice: object) -> None:
        plans.append(str(notice))

    driver.add_log_listener(note)
    yield plans
    await db.execute(
        sa.text("RESET auto_explain.log_min_duration")
    )  # the next statement brings the last plan
    await asyncio.sleep(0)  # the event loop delivers it
    driver.remove_log_listener(note)
