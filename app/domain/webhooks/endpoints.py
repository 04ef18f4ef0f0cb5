"""Webhook endpoints: where events are posted to, which of them, and from where on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Row, bulk
from app.db.tables import cursors as cursor_rows
from app.db.tables import webhook_backlogs, webhook_endpoints
from app.domain import outbox, pages
from app.domain.pages import Page, PageRequest
from app.domain.refusals import NotFound
from app.domain.webhooks import secrets

CURSOR: Final = "webhooks"
"""The cursor of all endpoints: events up to there have their deliveries."""
REMOVED: Final = "its section is not in the configuration"


@dataclass(frozen=True, slots=True)
class Callback:
    """An endpoint of the configuration, known by its section's name; without a secret its requests are not signed."""

    name: str
    url: str = field(repr=False)  # some put a token into it
    types: tuple[str, ...] = ("ALL",)
    secret: str = field(default="", repr=False)
    legacy_base64_message: bool = False
    foreign_id: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it is; `name` is that of its section in the configuration, `foreign_id` empty for every account."""

    id: int
    name: str | None
    url: str = field(repr=False)
    types: tuple[str, ...]
    foreign_id: str
    description: str
    secret: str = field(repr=False)
    state: str
    legacy_base64_message: bool
    failing_since: datetime | None
    disabled_reason: str
    created: datetime

    @property
    def signature(self) -> str:
        """`v1` or `v1a`; empty where nothing is signed."""
        return secrets.scheme_of(self.secret) if self.secret else ""

    @property
    def public_key(self) -> str:
        """What verifies the signatures of `v1a`."""
        return secrets.public_key(self.secret)

    @classmethod
    def of(cls, row: Row) -> "Endpoint":
        """Read a row of `webhook_endpoints`."""
        given = {name: row[name] for name in cls.__slots__}
        return cls(**given | {"types": tuple(row["types"]), "foreign_id": row["foreign_id"] or ""})


class NoSuchEndpoint(NotFound):
    """There is no webhook endpoint {id}."""


_THERE: Final = sa.select(webhook_endpoints).where(webhook_endpoints.c.state != "deleted")
_ANYBODY: Final = sa.select(sa.exists().where(webhook_endpoints.c.state == "active"))
_POSITION: Final = sa.select(cursor_rows.c.position).where(cursor_rows.c.name == CURSOR)


async def any_active_endpoint(db: Db) -> bool:
    """Whether any endpoint wants to hear anything: without one there is nothing to fan out or claim."""
    return bool(await db.scalar(_ANYBODY))


async def fetch(db: Db, endpoint_id: int) -> Endpoint:
    """Return the endpoint, or raise NoSuchEndpoint."""
    found = await bulk.fetch_all(db, _THERE.where(webhook_endpoints.c.id == endpoint_id))
    if not found:
        raise NoSuchEndpoint(id=endpoint_id, field="id")
    return Endpoint.of(found[0])


async def by_ids(db: Db, ids: Sequence[str]) -> Mapping[str, Endpoint]:
    """Return endpoints by their ids as text, also those that were deleted since."""
    wanted = sa.literal([int(one) for one in ids], bulk.BIGINTS)
    found = await bulk.fetch_all(
        db, sa.select(webhook_endpoints).where(webhook_endpoints.c.id == sa.any_(wanted))
    )
    return {str(row["id"]): Endpoint.of(row) for row in found}


async def page(db: Db, request: PageRequest[int]) -> Page[Endpoint, int]:
    """Return some of the endpoints, those of the configuration too, in the order in which they were made."""
    key = webhook_endpoints.c.id
    state = pages.texts(["active", "disabled"])
    between = (request.after_or(pages.BEFORE_IDS) + 1, pages.BEHIND_IDS)
    columns = [webhook_endpoints.c.state, key]
    of_state = pages.oldest(sa.select(key), columns, [state.c.text], between, request.rows)
    ids = pages.of_each(state, of_state, request.rows, newest_first=False)
    rows = await bulk.fetch_all(db, _THERE.where(bulk.among(key, ids)).order_by(key))
    return request.page([Endpoint.of(row) for row in rows], lambda endpoint: endpoint.id)


async def lock(db: Db, endpoint_id: int) -> Endpoint | None:
    """Return the endpoint for changing, or None where there is none."""
    found = await bulk.fetch_all(
        db, _THERE.where(webhook_endpoints.c.id == endpoint_id).with_for_update(key_share=True)
    )
    return Endpoint.of(found[0]) if found else None


async def lock_fan_out(db: Db, start: int | None = None) -> int:
    """Hold back the fan-out until the end of this transaction, so that an endpoint can join; return up to where it is.

    While nobody listens it stands still. Then it goes on at `start`, without one at the end: who joins now asks for
    nothing that was before.
    """
    position = int((await db.execute(_POSITION.with_for_update())).scalar_one())
    if await any_active_endpoint(db):
        return position
    begin = await outbox.last_position(db) if start is None else start
    await outbox.advance(db, CURSOR, begin)
    return max(position, begin)


async def enable(db: Db, ids: Sequence[int]) -> None:
    """Let the endpoints go on where they stopped: what they did not hear meanwhile is theirs as backlog."""
    if not ids:
        return
    position = await lock_fan_out(db)
    disabled = sa.and_(webhook_endpoints.c.id.in_(ids), webhook_endpoints.c.state == "disabled")
    woken = sa.update(webhook_endpoints).where(disabled)
    woken = woken.values(state="active", disabled_reason="", failing_since=None)
    stopped = await bulk.fetch_all(db, woken.returning(webhook_endpoints.c.id, webhook_endpoints.c.position))
    missed = [
        {"endpoint_id": row["id"], "position": row["position"], "until": position, "again": False}
        for row in stopped
        if row["position"] < position
    ]
    if missed:
        await bulk.insert(db, webhook_backlogs, missed)


async def disable(db: Db, ids: Sequence[int], reason: str) -> list[Endpoint]:
    """Stop active endpoints where they are, and return them; whoever wants them told tells it."""
    if not ids:
        return []
    active = sa.and_(webhook_endpoints.c.id.in_(ids), webhook_endpoints.c.state == "active")
    here = sa.func.greatest(webhook_endpoints.c.position, _POSITION.scalar_subquery())
    stopped = (
        sa.update(webhook_endpoints)
        .where(active)
        .values(state="disabled", disabled_reason=reason, position=here)
    )
    return [Endpoint.of(row) for row in await bulk.fetch_all(db, stopped.returning(webhook_endpoints))]


async def reconcile(db: Db, callbacks: Sequence[Callback], start: int) -> None:
    """Make the named endpoints as the configuration has them.

    A new one begins after the position `start`, or after what was fanned out without it since. One whose section is gone is disabled and keeps its place, so that a
    section that comes back goes on where it stopped. One that was disabled because it failed stays so unless its URL is
    another now. Endpoints without a name were made over HTTP and are left alone.
    """
    named = (
        sa.select(webhook_endpoints)
        .where(webhook_endpoints.c.name.is_not(None))
        .order_by(webhook_endpoints.c.id)
    )
    there = {row["name"]: row for row in await bulk.fetch_all(db, named.with_for_update(key_share=True))}
    if any(callback.name not in there for callback in callbacks):
        start = max(start, await lock_fan_out(db, start))
    for callback in sorted(callbacks, key=lambda callback: callback.name):
        await db.execute(_upsert(callback, start))
    known = {callback.name: callback for callback in callbacks}
    await enable(
        db, [row["id"] for name, row in there.items() if name in known and _returns(row, known[name])]
    )
    await disable(db, [row["id"] for name, row in there.items() if name not in known], REMOVED)


async def rename(db: Db, old: str, new: str) -> None:
    """Let the endpoints that hear of the account `old` alone hear of it under its name `new`."""
    of_account = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.foreign_id == old)
    ids = (
        await db.scalars(of_account.order_by(webhook_endpoints.c.id).with_for_update(key_share=True))
    ).all()
    await db.execute(
        sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids)).values(foreign_id=new)
    )


def _returns(row: Row, callback: Callback) -> bool:
    wanted: bool = row["disabled_reason"] == REMOVED or row["url"] != callback.url
    return wanted and row["state"] == "disabled"


def _upsert(callback: Callback, start: int) -> sa.Insert:
    settings: dict[str, Any] = {
        "url": callback.url,
        "types": list(callback.types),
        "secret": callback.secret,
        "legacy_base64_message": callback.legacy_base64_message,
        "foreign_id": callback.foreign_id,
        "description": callback.description,
    }
    given = insert(webhook_endpoints).values(name=callback.name, position=start, **settings)
    same = webhook_endpoints.c.url == given.excluded.url  # what failed elsewhere says nothing of another URL
    settings["failing_since"] = sa.case((same, webhook_endpoints.c.failing_since))
    return given.on_conflict_do_update(index_elements=[webhook_endpoints.c.name], set_=settings)
