"""Whether the database is as new as what was sent: asked once in each database, before anything is signed or given out."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.sent_marker import DatabaseBehind, HighWater
from app.domain import installation


async def compare(engine: AsyncEngine, high_water: HighWater) -> None:
    """Hold the database against what was sent, and note in it what came of that: those who give out addresses read it there.

    Raises DatabaseBehind, and NotRemembered where the file cannot be written. It is written before the database is marked:
    otherwise a kill between the two would leave a database that misses its file.
    """
    await asyncio.to_thread(high_water.refresh)
    async with engine.begin() as db:
        database = await installation.lock(db)
        reason = high_water.behind(database)
        if reason is not None:
            await installation.set_behind(db, reason)
    if reason is not None:
        raise DatabaseBehind(reason)
    await asyncio.to_thread(high_water.belong_to, database.epoch, database.restores)
    async with engine.begin() as db:
        await installation.set_compared(db, database.epoch)
