"""Cursors: up to which position the events were sent to a place that takes them in order."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db
from app.domain import outbox
from app.tables import cursors

FIRST_START = "first start"


async def start(db: Db) -> int:
    """Return where a receiver that is new now begins: at 0 in the installation's first start, else at the last event.

    Who adds a receiver to an installation of three years does not want to hear all three.
    """
    marked = insert(cursors).values(name=FIRST_START, position=0).on_conflict_do_nothing().returning(cursors.c.name)
    first = (await db.execute(marked)).first() is not None
    return 0 if first else await outbox.last_position(db)


async def begin(db: Db, name: str, position: int) -> None:
    """Make the cursor at `position`; one that exists goes on where it was."""
    await db.execute(insert(cursors).values(name=name, position=position).on_conflict_do_nothing())


async def read(db: Db, name: str) -> int:
    """Return the position up to which the events were sent."""
    return int((await db.execute(sa.select(cursors.c.position).where(cursors.c.name == name))).scalar_one())


async def advance(db: Db, name: str, position: int) -> None:
    """Move the cursor on; never back, whoever else moved it meanwhile."""
    behind = sa.and_(cursors.c.name == name, cursors.c.position < position)
    await db.execute(sa.update(cursors).where(behind).values(position=position))
