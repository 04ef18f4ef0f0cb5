"""What callers do to webhook endpoints: make, change, rotate, test and delete them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from app.db import Db, bulk
from app.db.tables import webhook_endpoints
from app.domain import accounts, idempotency, outbox
from app.domain.commands import Command, plain
from app.domain.installation import Installation
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Conflict, Refusal
from app.domain.webhooks import endpoints, fan_out, health
from app.domain.webhooks.endpoints import Endpoint, NoSuchEndpoint

ENDPOINTS: Final = 10_000
"""All together; each costs a little memory and a look at each type of event."""
ASKED: Final = "somebody asked for it"

Order = TypeVar("Order")
Resource = TypeVar("Resource")


class TooMany(Conflict):
    """There are {count} webhook endpoints {whose} already; delete one that is not needed."""


class OfTheConfiguration(Conflict):
    """This webhook endpoint is [callbacks.{name}] of the configuration: change it there; here it can only be enabled."""


class Disabled(Conflict):
    """Webhook endpoint {id} is disabled ({reason}): enable it first, with PATCH and "state":"active"."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be made; it hears of what happens from now on. `foreign_id` is None for every account."""

    url: str = field(repr=False)
    types: tuple[str, ...]
    secret: str = field(repr=False)
    foreign_id: str | None = None
    description: str = ""
    legacy_base64_message: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What an endpoint is to be, by column; `state` is `active` or `disabled`."""

    id: int
    changes: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret; the one before signs as well for `overlap`."""

    id: int
    secret: str = field(repr=False)
    overlap: timedelta


async def create(db: Db, new: NewEndpoint) -> Endpoint | Refusal:
    """Make an endpoint; its account must be there, and neither it nor all have too many."""
    if new.foreign_id is not None and not await accounts.owners(db, [new.foreign_id]):
        return NoSuchAccount(foreign_id=new.foreign_id, field="foreign_id")
    await endpoints.lock_fan_out(db)  # one at a time
    if (refusal := await _room(db, new.foreign_id)) is not None:
        return refusal
    given = {name: getattr(new, name) for name in new.__slots__} | {"types": list(new.types)}
    made = sa.insert(webhook_endpoints).values(position=await outbox.last_position(db), **given)
    return Endpoint.of((await bulk.fetch_all(db, made.returning(webhook_endpoints)))[0])


async def change(db: Db, order: Change) -> Endpoint | Refusal:
    """Change an endpoint; disabled it hears nothing, and enabled again it goes on where it stopped."""
    given = {name: value for name, value in order.changes.items() if name != "state"}
    endpoint = await endpoints.lock(db, order.id)
    if endpoint is None:
        return NoSuchEndpoint(id=order.id, field="id")
    if endpoint.name is not None and (given or order.changes.get("state") == "disabled"):
        return OfTheConfiguration(name=endpoint.name)
    if (refusal := await _elsewhere(db, endpoint, given)) is not None:
        return refusal
    if given.get("url", endpoint.url) != endpoint.url:
        given["failing_since"] = None  # what failed elsewhere says nothing of another URL
    if given:
        await db.execute(sa.update(webhook_endpoints).where(webhook_endpoints.c.id == order.id).values(given))
    match order.changes.get("state"):
        case "active":
            await endpoints.enable(db, [order.id])
        case "disabled":
            await endpoints.disable(db, [order.id], ASKED)
    return await endpoints.fetch(db, order.id)


async def rotate(db: Db, order: Rotation) -> Endpoint | Refusal:
    """Give an endpoint another secret; what an earlier rotation left to overlap ends here."""
    endpoint = await endpoints.lock(db, order.id)
    if (refusal := _fixed(order.id, endpoint)) is not None or endpoint is None:
        return refusal or NoSuchEndpoint(id=order.id, field="id")
    kept = endpoint.secret if order.overlap else ""
    row = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == order.id)
    until = sa.func.now() + order.overlap
    await db.execute(row.values(secret=order.secret, previous_secret=kept, previous_until=until))
    return await endpoints.fetch(db, order.id)


async def test(db: Db, endpoint_id: int) -> Endpoint | Refusal:
    """Let something happen that this endpoint alone is told, as it is told everything else."""
    endpoint = await endpoints.lock(db, endpoint_id)
    if (refusal := unusable(endpoint_id, endpoint)) is not None or endpoint is None:
        return refusal or NoSuchEndpoint(id=endpoint_id, field="id")
    await outbox.emit(db, [health.test(endpoint)])
    return endpoint


async def delete(db: Db, endpoint_id: int) -> Endpoint | Refusal:
    """End an endpoint at once, and forget its secrets; the record of its deliveries goes in slices (endpoint_ends)."""
    endpoint = await endpoints.lock(db, endpoint_id)
    if (refusal := _fixed(endpoint_id, endpoint)) is not None:
        return refusal
    row = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
    kept = sa.func.now() + idempotency.KEPT
    await db.execute(
        row.values(
            state="deleted", secret="", previous_secret="", previous_until=kept, url="", foreign_id=None
        )
    )
    return (await endpoints.by_ids(db, [str(endpoint_id)]))[str(endpoint_id)]


def unusable(endpoint_id: int, endpoint: Endpoint | None) -> Refusal | None:
    """Refuse what cannot be asked of an endpoint that is not there, or is disabled."""
    if endpoint is None:
        return NoSuchEndpoint(id=endpoint_id, field="id")
    return Disabled(id=endpoint_id, reason=endpoint.disabled_reason) if endpoint.state == "disabled" else None


def _fixed(endpoint_id: int, endpoint: Endpoint | None) -> Refusal | None:
    if endpoint is None:
        return NoSuchEndpoint(id=endpoint_id, field="id")
    return OfTheConfiguration(name=endpoint.name) if endpoint.name is not None else None


async def _elsewhere(db: Db, endpoint: Endpoint, given: Mapping[str, Any]) -> Refusal | None:
    """Refuse a move to an account that is not there, or has too many endpoints."""
    name = given.get("foreign_id")
    if name is None or name == endpoint.foreign_id:
        return None
    if not await accounts.owners(db, [name]):
        return NoSuchAccount(foreign_id=name, field="foreign_id")
    await endpoints.lock_fan_out(db)
    return await _room(db, name)


async def _room(db: Db, foreign_id: str | None) -> Refusal | None:
    there = sa.select(sa.func.count()).where(webhook_endpoints.c.state != "deleted")
    if (await db.execute(there)).scalar_one() >= ENDPOINTS:
        return TooMany(count=ENDPOINTS, whose="in all")
    of_account = there.where(webhook_endpoints.c.foreign_id == foreign_id)
    if foreign_id is not None and (await db.execute(of_account)).scalar_one() >= fan_out.OF_ACCOUNT:
        return TooMany(count=fan_out.OF_ACCOUNT, whose="of this account", field="foreign_id")
    return None


def one_by_one(
    rule: Callable[[Db, Order], Awaitable[Resource | Refusal]],
) -> Callable[[Db, Sequence[Order], Installation], Awaitable[Sequence[Resource | Refusal]]]:
    """Make a command's `run` of what is asked for so rarely that each request may have statements of its own."""

    async def run(db: Db, orders: Sequence[Order], _: Installation) -> list[Resource | Refusal]:
        return [await rule(db, order) for order in orders]

    return run


def _id(endpoint: Endpoint) -> str:
    return str(endpoint.id)


_LOAD: Final = plain(endpoints.by_ids)
CREATE: Final = Command("webhook", one_by_one(create), _LOAD, _id)
CHANGE: Final = Command("webhook-change", one_by_one(change), _LOAD, _id)
ROTATE: Final = Command("webhook-rotation", one_by_one(rotate), _LOAD, _id)
TEST: Final = Command("webhook-test", one_by_one(test), _LOAD, _id)
DELETE: Final = Command("webhook-end", one_by_one(delete), _LOAD, _id)
