"""Webhook endpoints: where events are posted to, which of them, and from where on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db
from app.tables import webhook_endpoints


@dataclass(frozen=True, slots=True)
class Callback:
    """An endpoint of the configuration, known by its section's name; without a secret its requests are not signed."""

    name: str
    url: str = field(repr=False)  # some put a token into it
    types: tuple[str, ...] = ("ALL",)
    secret: str = field(default="", repr=False)


async def reconcile(db: Db, callbacks: Sequence[Callback], start: int) -> None:
    """Make the named endpoints as the configuration has them.

    A new one begins after the position `start`. One whose section is gone is disabled and keeps its place, so that a
    section that comes back goes on where it stopped. Endpoints without a name were made over HTTP and are left alone.
    """
    for callback in sorted(callbacks, key=lambda callback: callback.name):
        await db.execute(_upsert(callback, start))
    gone = sa.and_(
        webhook_endpoints.c.name.is_not(None), webhook_endpoints.c.name.not_in([known.name for known in callbacks])
    )
    await db.execute(sa.update(webhook_endpoints).where(gone).values(state="disabled"))


async def rename(db: Db, old: str, new: str) -> None:
    """Let the endpoints that hear of the account `old` alone hear of it under its name `new`."""
    of_account = sa.update(webhook_endpoints).where(webhook_endpoints.c.foreign_id == old)
    await db.execute(of_account.values(foreign_id=new))


def _upsert(callback: Callback, start: int) -> sa.Insert:
    settings = {"url": callback.url, "types": list(callback.types), "secret": callback.secret, "state": "active"}
    given = insert(webhook_endpoints).values(name=callback.name, position=start, **settings)
    return given.on_conflict_do_update(index_elements=[webhook_endpoints.c.name], set_=settings)
