"""Webhook endpoints: the URLs that events are posted to, with filters and positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.db import Db, Prepared, Row, bulk
from app.db.tables import cursors as cursor_rows
from app.db.tables import deliveries, webhook_backlogs, webhook_endpoints
from app.domain import outbox, pages
from app.domain.access import EVERYTHING, Reach
from app.domain.pages import Page, PageRequest
from app.domain.refusals import NotFound
from app.domain.webhooks import secrets

CURSOR: Final = "webhooks"
"""The cursor of all endpoints: events up to its position have their deliveries."""
REMOVED: Final = "its section is not in the configuration"


@dataclass(frozen=True, slots=True)
class Callback:
    """An endpoint of the configuration, named like its section. Without a secret nothing is signed."""

    name: str
    url: str = field(repr=False)  # some put a token into it
    types: tuple[str, ...] = ("ALL",)
    secret: str = field(default="", repr=False)
    legacy_base64_message: bool = False
    foreign_id: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. `name` is its section in the configuration; `foreign_id` is empty for every account."""

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
        """The key that verifies signatures of `v1a`; empty for `v1`."""
        return secrets.public_key(self.secret)

    @classmethod
    def of(cls, row: Row) -> "Endpoint":
        """Read a row of `webhook_endpoints`."""
        values = {name: row[name] for name in cls.__slots__}
        return cls(**values | {"types": tuple(row["types"]), "foreign_id": row["foreign_id"] or ""})


class NoSuchEndpoint(NotFound):
    """There is no webhook endpoint {id}."""


_NOT_DELETED: Final = sa.select(webhook_endpoints).where(webhook_endpoints.c.state != "deleted")
_IS_ANY_ACTIVE: Final = sa.exists().where(webhook_endpoints.c.state == bulk.constant("active"))
_ANY_ACTIVE: Final = Prepared(sa.select(_IS_ANY_ACTIVE))
_IS_DUE: Final = deliveries.c.state == sa.literal_column("'due'", sa.Text)  # so says its partial index
_FIRST_DUE: Final = sa.select(deliveries.c.endpoint_id).where(_IS_DUE).order_by(deliveries.c.endpoint_id)
ANY_WORK: Final = sa.and_(
    _IS_ANY_ACTIVE,
    sa.or_(
        outbox.is_behind(CURSOR),
        sa.exists().select_from(webhook_backlogs),
        _FIRST_DUE.limit(1).scalar_subquery().is_not(None),
    ),
)
"""Whether there are events without deliveries, or deliveries to be made, now or later."""
_POSITION: Final = sa.select(cursor_rows.c.position).where(cursor_rows.c.name == CURSOR)


async def any_active_endpoint(db: Db) -> bool:
    """Say whether any endpoint is active: without one there is nothing to fan out or claim."""
    return bool(await bulk.fetch_value(db, _ANY_ACTIVE))


async def fetch(db: Db, endpoint_id: int, reach: Reach = EVERYTHING) -> Endpoint:
    """Return the endpoint, or raise NoSuchEndpoint; also where it gets events of accounts beyond reach."""
    rows = await bulk.fetch_all(db, _NOT_DELETED.where(webhook_endpoints.c.id == endpoint_id))
    if not rows or not reach.covers(rows[0]["foreign_id"] or ""):
        raise NoSuchEndpoint(id=endpoint_id, field="id")
    return Endpoint.of(rows[0])


async def by_ids(db: Db, ids: Sequence[str]) -> Mapping[str, Endpoint]:
    """Return endpoints by their ids as text, also deleted ones."""
    wanted = sa.literal([int(text) for text in ids], bulk.BIGINTS)
    rows = await bulk.fetch_all(
        db, sa.select(webhook_endpoints).where(webhook_endpoints.c.id == sa.any_(wanted))
    )
    return {str(row["id"]): Endpoint.of(row) for row in rows}


async def page(db: Db, request: PageRequest[int], reach: Reach = EVERYTHING) -> Page[Endpoint, int]:
    """Return some of the endpoints within reach, those of the configuration too, in the order in which they were made."""
    key = webhook_endpoints.c.id
    state = pages.texts(["active", "disabled"])
    between = (request.after_or(pages.BEFORE_IDS) + 1, pages.BEHIND_IDS)
    columns = [webhook_endpoints.c.state, key]
    within = sa.select(key).where(reach.includes(webhook_endpoints.c.foreign_id))
    of_state = pages.oldest(within, columns, [state.c.text], between, request.rows)
    ids = pages.of_each(state, of_state, request.rows, newest_first=False)
    rows = await bulk.fetch_all(db, _NOT_DELETED.where(bulk.among(key, ids)).order_by(key))
    return request.page([Endpoint.of(row) for row in rows], lambda endpoint: endpoint.id)


async def lock(db: Db, endpoint_id: int) -> Endpoint | None:
    """Return the endpoint for changing, or None where there is none."""
    rows = await bulk.fetch_all(
        db, _NOT_DELETED.where(webhook_endpoints.c.id == endpoint_id).with_for_update(key_share=True)
    )
    return Endpoint.of(rows[0]) if rows else None


async def lock_fan_out(db: Db, start: int | None = None) -> int:
    """Stop the fan-out until the end of this transaction, so that an endpoint can join; return its position.

    Without an active endpoint it does not move. Then it goes on at `start`, or at the last event: an endpoint
    that joins now gets no event from before.
    """
    position = int((await db.execute(_POSITION.with_for_update())).scalar_one())
    if await any_active_endpoint(db):
        return position
    begin = await outbox.last_position(db) if start is None else start
    await outbox.advance(db, CURSOR, begin)
    return max(position, begin)


_ENABLE: Final = (
    sa.update(webhook_endpoints)
    .where(webhook_endpoints.c.state == "disabled")
    .values(state="active", disabled_reason="", failing_since=None)
    .returning(webhook_endpoints.c.id, webhook_endpoints.c.position)
)


async def enable(db: Db, ids: Sequence[int]) -> None:
    """Let the endpoints go on where they stopped: a backlog brings the events that they missed."""
    if not ids:
        return
    position = await lock_fan_out(db)
    rows = await bulk.fetch_all(db, _ENABLE.where(webhook_endpoints.c.id.in_(ids)))
    missed = [
        {"endpoint_id": row["id"], "position": row["position"], "until": position, "redelivers": False}
        for row in rows
        if row["position"] < position
    ]
    if missed:
        await bulk.insert(db, webhook_backlogs, missed)


async def disable(db: Db, ids: Sequence[int], reason: str) -> list[Endpoint]:
    """Disable active endpoints at their positions, and return them; no event is emitted."""
    if not ids:
        return []
    active = sa.and_(webhook_endpoints.c.id.in_(ids), webhook_endpoints.c.state == "active")
    position = sa.func.greatest(webhook_endpoints.c.position, _POSITION.scalar_subquery())
    stopped = (
        sa.update(webhook_endpoints)
        .where(active)
        .values(state="disabled", disabled_reason=reason, position=position)
    )
    return [Endpoint.of(row) for row in await bulk.fetch_all(db, stopped.returning(webhook_endpoints))]


async def reconcile(db: Db, callbacks: Sequence[Callback], start: int) -> None:
    """Make the named endpoints as the configuration has them.

    A new endpoint begins after the position `start`, or after the fan-out where that is further. An endpoint
    whose section is gone is disabled and keeps its position, so that a section that comes back goes on where
    it stopped. One that was disabled because it failed stays disabled unless its URL is a new one. Endpoints
    without a name were created over HTTP and stay as they are.
    """
    named = (
        sa.select(webhook_endpoints)
        .where(webhook_endpoints.c.name.is_not(None))
        .order_by(webhook_endpoints.c.id)
    )
    rows = {row["name"]: row for row in await bulk.fetch_all(db, named.with_for_update(key_share=True))}
    if any(callback.name not in rows for callback in callbacks):
        start = max(start, await lock_fan_out(db, start))
    for callback in sorted(callbacks, key=lambda callback: callback.name):
        await db.execute(_upsert(callback, start))
    known = {callback.name: callback for callback in callbacks}
    await enable(
        db, [row["id"] for name, row in rows.items() if name in known and _returns(row, known[name])]
    )
    await disable(db, [row["id"] for name, row in rows.items() if name not in known], REMOVED)


async def rename(db: Db, old: str, new: str) -> None:
    """Give the endpoints of the account `old` its name `new`."""
    of_account = sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.foreign_id == old)
    ids = (
        await db.scalars(of_account.order_by(webhook_endpoints.c.id).with_for_update(key_share=True))
    ).all()
    await db.execute(
        sa.update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids)).values(foreign_id=new)
    )


def _returns(row: Row, callback: Callback) -> bool:
    enables: bool = row["disabled_reason"] == REMOVED or row["url"] != callback.url
    return enables and row["state"] == "disabled"


def _upsert(callback: Callback, start: int) -> sa.Insert:
    settings: dict[str, Any] = {
        "url": callback.url,
        "types": list(callback.types),
        "secret": callback.secret,
        "legacy_base64_message": callback.legacy_base64_message,
        "foreign_id": callback.foreign_id,
        "description": callback.description,
    }
    row = insert(webhook_endpoints).values(name=callback.name, position=start, **settings)
    same = webhook_endpoints.c.url == row.excluded.url  # failures of the old URL do not count for a new one
    settings["failing_since"] = sa.case((same, webhook_endpoints.c.failing_since))
    return row.on_conflict_do_update(index_elements=[webhook_endpoints.c.name], set_=settings)
