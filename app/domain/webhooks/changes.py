"""What callers do with webhook endpoints: create, change, rotate, test and delete them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import webhook_endpoints
from app.domain import accounts, idempotency, outbox
from app.domain.audit_log import Audited, Shown
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal
from app.domain.webhooks import endpoints, fan_out, health
from app.domain.webhooks.endpoints import Endpoint, NoSuchEndpoint

ENDPOINTS: Final = 10_000
"""In all; each costs a little memory, and is compared with each type of event."""
BY_REQUEST: Final = "somebody asked for it"

Order = TypeVar("Order")
Resource = TypeVar("Resource")
HasAccount = Callable[[Db, str], Awaitable[bool]]
"""Says whether there is an account of this name."""


class TooMany(Conflict):
    """There are {count} webhook endpoints {whose} already; delete one that is not needed."""


class OfTheConfiguration(Conflict):
    """This webhook endpoint is [callbacks.{name}] of the configuration: change it there; here it can only be enabled."""


class Disabled(Conflict):
    """Webhook endpoint {id} is disabled ({reason}): enable it first, with PATCH and "state":"active"."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to create; it gets the events from now on. `foreign_id` is None for every account."""

    url: str = field(repr=False)
    types: tuple[str, ...]
    secret: str = field(repr=False)
    foreign_id: str | None = None
    description: str = ""
    legacy_base64_message: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """New values of an endpoint, by column; `state` is `active` or `disabled`."""

    id: int
    changes: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret; the previous one signs too for `overlap`."""

    id: int
    secret: str = field(repr=False)
    overlap: timedelta


async def _has_account(db: Db, foreign_id: str) -> bool:
    return bool(await accounts.owners(db, [foreign_id]))


async def create(db: Db, new: NewEndpoint, has_account: HasAccount = _has_account) -> Endpoint | Refusal:
    """Create an endpoint. Its account must exist, and there is a limit for the account and one for all."""
    if new.foreign_id is not None and not await has_account(db, new.foreign_id):
        return NoSuchAccount(foreign_id=new.foreign_id, field="foreign_id")
    await endpoints.lock_fan_out(db)  # one at a time
    if (refusal := await _refuse_too_many(db, new.foreign_id)) is not None:
        return refusal
    values = {name: getattr(new, name) for name in new.__slots__} | {"types": list(new.types)}
    row = sa.insert(webhook_endpoints).values(position=await outbox.last_position(db), **values)
    return Endpoint.of((await bulk.fetch_all(db, row.returning(webhook_endpoints)))[0])


async def change(db: Db, order: Change, has_account: HasAccount = _has_account) -> Endpoint | Refusal:
    """Change an endpoint. While it is disabled it gets nothing; enabled again it goes on where it stopped."""
    values = {name: value for name, value in order.changes.items() if name != "state"}
    endpoint = await endpoints.lock(db, order.id)
    if endpoint is None:
        return NoSuchEndpoint(id=order.id, field="id")
    if endpoint.name is not None and (values or order.changes.get("state") == "disabled"):
        return OfTheConfiguration(name=endpoint.name)
    if (refusal := await _refuse_account(db, endpoint, values, has_account)) is not None:
        return refusal
    if values.get("url", endpoint.url) != endpoint.url:
        values["failing_since"] = None  # failures of the old URL do not count for the new one
    if values:
        await db.execute(
            sa.update(webhook_endpoints).where(webhook_endpoints.c.id == order.id).values(values)
        )
    match order.changes.get("state"):
        case "active":
            await endpoints.enable(db, [order.id])
        case "disabled":
            await endpoints.disable(db, [order.id], BY_REQUEST)
    return await endpoints.fetch(db, order.id)


async def rotate(db: Db, order: Rotation) -> Endpoint | Refusal:
    """Give an endpoint another secret; the overlap of an earlier rotation ends."""
    endpoint = await endpoints.lock(db, order.id)
    if (refusal := _unchangeable(order.id, endpoint)) is not None or endpoint is None:
        return refusal or NoSuchEndpoint(id=order.id, field="id")
    previous = endpoint.secret if order.overlap else ""
    row = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == order.id)
    until = sa.func.now() + order.overlap
    await db.execute(row.values(secret=order.secret, previous_secret=previous, previous_until=until))
    return await endpoints.fetch(db, order.id)


async def test(db: Db, endpoint_id: int) -> Endpoint | Refusal:
    """Emit an event that only this endpoint gets, in the way of all others."""
    endpoint = await endpoints.lock(db, endpoint_id)
    if (refusal := unusable(endpoint_id, endpoint)) is not None or endpoint is None:
        return refusal or NoSuchEndpoint(id=endpoint_id, field="id")
    await outbox.emit(db, [health.test(endpoint)])
    return endpoint


async def delete(db: Db, endpoint_id: int) -> Endpoint | Refusal:
    """Delete an endpoint and its secrets at once; `retention.sweep` deletes its deliveries in slices."""
    endpoint = await endpoints.lock(db, endpoint_id)
    if (refusal := _unchangeable(endpoint_id, endpoint)) is not None:
        return refusal
    row = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
    until = sa.func.now() + idempotency.LIFETIME
    await db.execute(
        row.values(
            state="deleted", secret="", previous_secret="", previous_until=until, url="", foreign_id=None
        )
    )
    return (await endpoints.by_ids(db, [str(endpoint_id)]))[str(endpoint_id)]


def unusable(endpoint_id: int, endpoint: Endpoint | None) -> Refusal | None:
    """Refuse an endpoint that does not exist or is disabled."""
    if endpoint is None:
        return NoSuchEndpoint(id=endpoint_id, field="id")
    return Disabled(id=endpoint_id, reason=endpoint.disabled_reason) if endpoint.state == "disabled" else None


def _unchangeable(endpoint_id: int, endpoint: Endpoint | None) -> Refusal | None:
    """Refuse an endpoint that does not exist or is of the configuration."""
    if endpoint is None:
        return NoSuchEndpoint(id=endpoint_id, field="id")
    return OfTheConfiguration(name=endpoint.name) if endpoint.name is not None else None


async def _refuse_account(
    db: Db, endpoint: Endpoint, values: Mapping[str, Any], has_account: HasAccount
) -> Refusal | None:
    """Refuse a new account that does not exist, or has too many endpoints."""
    name = values.get("foreign_id")
    if name is None or name == endpoint.foreign_id:
        return None
    if not await has_account(db, name):
        return NoSuchAccount(foreign_id=name, field="foreign_id")
    await endpoints.lock_fan_out(db)
    return await _refuse_too_many(db, name)


async def _refuse_too_many(db: Db, foreign_id: str | None) -> Refusal | None:
    count = sa.select(sa.func.count()).where(webhook_endpoints.c.state != "deleted")
    if (await db.execute(count)).scalar_one() >= ENDPOINTS:
        return TooMany(count=ENDPOINTS, whose="in all")
    of_account = count.where(webhook_endpoints.c.foreign_id == foreign_id)
    if foreign_id is not None and (await db.execute(of_account)).scalar_one() >= fan_out.OF_ACCOUNT:
        return TooMany(count=fan_out.OF_ACCOUNT, whose="of this account", field="foreign_id")
    return None


def one_by_one(
    rule: Callable[[Db, Order], Awaitable[Resource | Refusal]],
) -> Callable[[Db, Sequence[Order], Installation], Awaitable[Sequence[Resource | Refusal]]]:
    """Make the `run` of a command that is so rare that each request may have statements of its own."""

    async def run(db: Db, orders: Sequence[Order], _: Installation) -> list[Resource | Refusal]:
        return [await rule(db, order) for order in orders]

    return run


def _id(endpoint: Endpoint) -> str:
    return str(endpoint.id)


async def _before(db: Db, orders: Sequence[Change | int], _: Installation) -> list[Shown | None]:
    """Lock the endpoints, by id, and return them as they are."""
    ids = [order if isinstance(order, int) else order.id for order in orders]
    known = {endpoint_id: await endpoints.lock(db, endpoint_id) for endpoint_id in sorted(set(ids))}
    return [None if (endpoint := known[endpoint_id]) is None else _shown(endpoint) for endpoint_id in ids]


def _shown(endpoint: Endpoint) -> Shown:
    """Return what the audit log has of an endpoint: of its URL, which may hold a token, only where it leads."""
    parts = urlsplit(endpoint.url)
    return {
        "id": endpoint.id,
        "foreign_id": endpoint.foreign_id,
        "host": f"{parts.scheme}://{parts.hostname}" if parts.hostname else "",
        "types": list(endpoint.types),
        "description": endpoint.description,
        "state": endpoint.state,
        "legacy_base64_message": endpoint.legacy_base64_message,
    }


_LOAD: Final = plain(endpoints.by_ids)
_MADE: Final[Audited[Any, Endpoint]] = Audited(_shown, _id)
_CHANGED: Final[Audited[Any, Endpoint]] = Audited(_shown, _id, _before)
CREATE: Final = Command("webhook", one_by_one(create), _LOAD, _id, audited=_MADE)
CHANGE: Final = Command("webhook-change", one_by_one(change), _LOAD, _id, audited=_CHANGED)
ROTATE: Final = Command("webhook-rotation", one_by_one(rotate), _LOAD, _id, audited=_MADE)
TEST: Final = Command("webhook-test", one_by_one(test), _LOAD, _id, audited=_MADE)
DELETE: Final = Command("webhook-end", one_by_one(delete), _LOAD, _id, audited=_CHANGED)
