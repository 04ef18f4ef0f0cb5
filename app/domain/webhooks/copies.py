"""Endpoints in the cells behind the first: the same row under the same id, with a position of the cell's own.

The first cell makes and changes them. Each cell fans its own events out, so each has positions of its own, and finds out
for itself whether a receiver answers.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from app.db import Db, Row, bulk
from app.db.tables import webhook_endpoints
from app.domain import outbox
from app.domain.webhooks import endpoints

COPIED: Final = (
    "name", "url", "types", "foreign_id", "secret", "created", "description", "previous_secret", "previous_until",
    "legacy_base64_message",
)  # fmt: skip
"""The columns that are the same in all cells."""
MADE: Final = ("id", "state", "disabled_reason", *COPIED)


async def read(db: Db, ids: Sequence[int]) -> Sequence[Row]:
    """Return the rows of these endpoints in the first cell, those of deleted ones too."""
    wanted = webhook_endpoints.c.id == sa.any_(sa.literal(list(ids), bulk.BIGINTS))
    return await bulk.fetch_all(db, sa.select(webhook_endpoints).where(wanted))


async def named(db: Db, names: Sequence[str]) -> Sequence[Row]:
    """Return the rows of these endpoints of the configuration in the first cell."""
    wanted = webhook_endpoints.c.name == sa.any_(sa.literal(list(names), bulk.TEXTS))
    return await bulk.fetch_all(db, sa.select(webhook_endpoints).where(wanted))


async def write(db: Db, rows: Sequence[Row]) -> None:
    """Have these rows of the first cell in this one; a new endpoint gets the events from now on.

    What was deleted there is deleted here. Else an endpoint stays as active or disabled as it is in this cell.
    """
    for row in sorted(rows, key=lambda row: int(row["id"])):
        if not await _change(db, row):
            await endpoints.lock_fan_out(db)  # one at a time joins
            await _make(db, row, await outbox.last_position(db))


async def make_missing(db: Db, rows: Sequence[Row], start: int) -> None:
    """Make the endpoints of the configuration that this cell has not; they get the events after `start`."""
    here = {row["id"] for row in await read(db, [int(row["id"]) for row in rows])}
    for row in rows:
        if row["id"] not in here:
            position = max(start, await endpoints.lock_fan_out(db, start))
            await _make(db, {**row, "state": "active", "disabled_reason": ""}, position)


async def _change(db: Db, row: Row) -> bool:
    """Change the endpoint's row; say whether this cell has one."""
    same_url = webhook_endpoints.c.url == row["url"]  # failures of the old URL do not count for a new one
    values = {column: row[column] for column in COPIED}
    values["failing_since"] = sa.case((same_url, webhook_endpoints.c.failing_since))
    if row["state"] == "deleted":
        values["state"] = "deleted"
    changed = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == row["id"]).values(values)
    return bool(await bulk.fetch_all(db, changed.returning(webhook_endpoints.c.id)))


async def _make(db: Db, row: Row, position: int) -> None:
    await db.execute(_MAKE, {column: row[column] for column in MADE} | {"position": position})


_MAKE: Final = sa.text("""
    INSERT INTO webhook_endpoints (
        id, state, disabled_reason, name, url, types, foreign_id, secret, created, description, previous_secret, previous_until,
        legacy_base64_message, position
    ) OVERRIDING SYSTEM VALUE VALUES (
        :id, :state, :disabled_reason, :name, :url, :types, :foreign_id, :secret, :created, :description, :previous_secret,
        :previous_until, :legacy_base64_message, :position
    )
""").bindparams(*(sa.bindparam(name, type_=webhook_endpoints.c[name].type) for name in (*MADE, "position")))
