"""The pool of ready account keys: whoever opens an account takes one, and needs no seed."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import accounts, ready_keys


async def count_ready_keys(db: Db, limit: int) -> int:
    """Return how many keys are ready, counted up to `limit`."""
    first_keys = sa.select(ready_keys.c.number).limit(limit).subquery()
    return int((await db.execute(sa.select(sa.func.count()).select_from(first_keys))).scalar_one())


async def highest_number(db: Db) -> int:
    """Return the highest number of an account or a ready key; -1 if there is none."""
    numbers = (
        sa.select(sa.func.max(column)).scalar_subquery() for column in (ready_keys.c.number, accounts.c.id)
    )
    return int((await db.execute(sa.select(sa.func.greatest(*numbers, -1)))).scalar_one())


async def add_ready_keys(db: Db, keys: Sequence[Row]) -> None:
    """Add ready keys (`number`, `xpub`, `address` each); a number that is ready or taken stays as it is."""
    await db.execute(_ADD, bulk.arrays(keys))


async def delete_ready_keys(db: Db) -> None:
    """Delete all ready keys; new ones begin above the highest number in the seed file."""
    await db.execute(sa.delete(ready_keys))


_COLUMNS: Final = ("number", "xpub", "address")
_KEYS: Final = bulk.unnested(ready_keys, _COLUMNS)
_NEW_KEYS: Final = bulk.materialized(
    sa.select(_KEYS).where(~sa.exists().where(accounts.c.id == _KEYS.c.number)), "new_keys"
)
_ADD: Final = insert(ready_keys).from_select(_COLUMNS, sa.select(_NEW_KEYS)).on_conflict_do_nothing()
