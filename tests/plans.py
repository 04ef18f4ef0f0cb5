"""How PostgreSQL carries statements out: what a test must see where the answer would be right either way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from app.db import Db

_TOLD = (
    "LOAD 'auto_explain'",
    "SET LOCAL auto_explain.log_min_duration = 0",
    "SET LOCAL auto_explain.log_level = notice",
    "SET LOCAL plan_cache_mode = force_generic_plan",  # what a statement comes to that is asked often
)


@asynccontextmanager
async def watched(db: Db) -> AsyncIterator[list[str]]:
    """Yield a list that holds the plan of each statement of the block when that has ended."""
    plans: list[str] = []
    for setting in _TOLD:
        await db.execute(sa.text(setting))
    driver = (await db.get_raw_connection()).driver_connection
    assert driver is not None

    def hear(_: object, said: object) -> None:
        plans.append(str(said))

    driver.add_log_listener(hear)
    yield plans
    await db.execute(
        sa.text("RESET auto_explain.log_min_duration")
    )  # a plan is told when the next statement begins
    await asyncio.sleep(0)  # it is told by the event loop
    driver.remove_log_listener(hear)
