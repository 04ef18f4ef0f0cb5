"""Whether the database is as new as what was sent: compared once, before anything is signed or given out."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.sent_marker import DatabaseBehind, SentMarker
from app.domain import installation


async def compare(engine: AsyncEngine, marker: SentMarker) -> None:
    """Compare the database with what was sent, and note the result in it for those who give out addresses.

    Raises DatabaseBehind, and NotRemembered where the file cannot be written. The file is written before the
    database is marked: otherwise a kill between the two would leave a database that misses its file.
    """
    await asyncio.to_thread(marker.refresh)
    async with engine.begin() as db:
        database = await installation.lock(db)
        if marker.behind(database) is not None:  # another process may have written the file since it was read
            await asyncio.to_thread(marker.refresh)
            database = await installation.lock(db)
        reason = marker.behind(database)
        if reason is not None:
            await installation.set_behind(db, reason)
    if reason is not None:
        raise DatabaseBehind(f"The database is or may be older than what was sent: {reason}.")
    await asyncio.to_thread(marker.belong_to, database.epoch, database.restores)
    async with engine.begin() as db:
        await installation.set_compared(db, database.epoch)
