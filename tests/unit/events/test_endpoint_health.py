"""Rotated secrets, the waits that endpoints ask for, and the end of endpoints that fail."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import deliveries, events, webhook_endpoints
from app.domain import outbox
from app.domain.refusals import Refusal
from app.domain.webhooks import (
    Callback,
    Change,
    Endpoint,
    NewEndpoint,
    Rotation,
    endpoints,
    health,
    retention,
)
from app.domain.webhooks.changes import change as change_endpoint
from app.domain.webhooks.changes import create, delete, rotate
from app.domain.webhooks.changes import test as send_test_event
from app.events import signatures
from app.events.http_post import Poster
from tests.unit.events.receiver import Receiver, status
from tests.unit.events.steps import emit, until
from tests.unit.events.test_webhooks import AT_ONCE, NEVER, deliver_all, prepare, tried, webhooks

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "another secret of enough characters"


async def new(engine: AsyncEngine, url: str, *types: str) -> Endpoint:
    async with engine.begin() as db:
        endpoint = await create(db, NewEndpoint(url, types or ("ALL",), OLD))
    assert not isinstance(endpoint, Refusal)
    return endpoint


async def change(engine: AsyncEngine, number: int, **changes: Any) -> None:
    async with engine.begin() as db:
        assert isinstance(await change_endpoint(db, Change(number, changes)), Endpoint)


async def alter(engine: AsyncEngine, **values: Any) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(webhook_endpoints).values(**values))


async def messages(engine: AsyncEngine, kind: str) -> list[dict[str, Any]]:
    async with engine.begin() as db:
        await outbox.sequence(db)
        texts = await db.scalars(sa.select(events.c.message).where(events.c.type == kind))
        return [json.loads(text) for text in texts]


async def test_while_two_secrets_overlap_each_request_verifies_with_both(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    endpoint = await new(engine, receiver.url())
    async with engine.begin() as db:
        await rotate(db, Rotation(endpoint.id, NEW, timedelta(hours=1)))

    async with webhooks(engine, poster) as running:
        await emit(engine, 1)
        await deliver_all(engine, running, 1)
        await alter(engine, previous_until=sa.func.now())
        await emit(engine, 1)
        await deliver_all(engine, running, 2)

    for request, secrets in zip(receiver.requests, ([NEW, OLD], [NEW]), strict=True):
        signed = (request.headers["webhook-id"], int(request.headers["webhook-timestamp"]), request.body)
        expected = " ".join(signatures.standard(secret, *signed) for secret in secrets)
        assert request.headers["webhook-signature"] == expected
        assert request.headers["x-giga-signature"] == f"sha256={signatures.giga(NEW, *signed[1:])}"


async def test_receivers_of_old_gigawallet_get_the_message_in_base64(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    await prepare(engine, Callback("old", receiver.url(), legacy_base64_message=True))
    await emit(engine, 1)

    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 1)

    [request] = receiver.requests
    assert json.loads(base64.b64decode(request.event["message"])) == {"n": 0}
    assert list(request.event)[:3] == ["event_type", "message", "event_id"]


@pytest.mark.parametrize(("header", "seconds"), [("Retry-After: 7200", 7_200), ("retry-after: 1", 1_000)])
async def test_a_receiver_that_asks_for_a_longer_wait_gets_it(
    engine: AsyncEngine, receiver: Receiver, poster: Poster, header: str, seconds: int
) -> None:
    receiver.always["/hook"] = status(429, header)
    await prepare(engine, Callback("shop", receiver.url()))
    await emit(engine, 1)

    async with webhooks(engine, poster, type(NEVER)((1_000,), chance=lambda: 0.5)) as running:
        await until(running.step, lambda: attempts_of(engine, 1))

    async with engine.connect() as db:
        wait = await db.scalar(sa.select(deliveries.c.next - sa.func.now()))
    assert wait is not None
    assert seconds - 10 < wait.total_seconds() <= seconds


async def attempts_of(engine: AsyncEngine, count: int) -> bool:
    return len(await tried(engine)) == count


async def test_410_disables_at_once_emits_an_event_and_enabled_again_nothing_is_missing(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.behaviours["/hook"] = [status(410)]
    endpoint = await new(engine, receiver.url())
    listener = await new(engine, receiver.url("/operator"), "SYS")
    await emit(engine, 1)

    async with webhooks(engine, poster) as running:
        await until(running.step, lambda: attempts_of(engine, 1))
        [message] = await messages(engine, "SYS_WEBHOOK_DISABLED")
        await until(running.step, lambda: receiver.of("/operator"))
        await emit(engine, 2)
        await asyncio.sleep(0)
        assert not [await running.step() for _ in range(5)][-1]
        assert len(receiver.of("/hook")) == 1
        await change(engine, endpoint.id, state="active")
        await until(running.step, lambda: len(receiver.of("/hook")) == 5)

    assert message["webhook_id"] == endpoint.id
    assert message["reason"] == "it answered 410 Gone"
    assert [r.event["message"]["webhook_id"] for r in receiver.of("/operator")] == [endpoint.id]
    assert sorted(r.event["position"] for r in receiver.of("/hook")) == [1, 1, 2, 3, 4]
    assert listener.id != endpoint.id


async def test_five_days_without_a_success_disable_and_one_success_begins_anew(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    receiver.behaviours["/hook"] = [status(500), status(500), status(200), status(500), status(500)]
    await prepare(engine, Callback("shop", receiver.url()))
    almost = sa.func.now() - health.PATIENCE + timedelta(minutes=1)
    async with webhooks(engine, poster) as running:
        await emit(engine, 1)
        await until(running.step, lambda: attempts_of(engine, 1))
        await alter(engine, failing_since=almost)
        await until(running.step, lambda: attempts_of(engine, 3))
        async with engine.connect() as db:
            assert (await endpoints.fetch(db, 1)).failing_since is None
        await emit(engine, 1)
        await until(running.step, lambda: attempts_of(engine, 4))
        await alter(engine, failing_since=almost - timedelta(minutes=2))
        await until(running.step, lambda: attempts_of(engine, 5))

    async with engine.connect() as db:
        endpoint = await endpoints.fetch(db, 1)
    assert (endpoint.state, endpoint.disabled_reason) == ("disabled", "every attempt has failed for 5 days")
    [message] = await messages(engine, "SYS_WEBHOOK_DISABLED")
    assert (message["webhook_id"], message["name"]) == (1, "shop")
    assert message["failing_since"] is not None
    await prepare(engine, Callback("shop", receiver.url()))
    async with engine.connect() as db:
        assert (await endpoints.fetch(db, 1)).state == "disabled"  # a start does not mend it
    await prepare(engine, Callback("shop", receiver.url("/moved")))
    async with engine.connect() as db:
        assert (await endpoints.fetch(db, 1)).state == "active"


async def test_the_answer_of_an_old_url_does_not_count_for_the_new_one(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    endpoint = await new(engine, receiver.url())
    async with engine.begin() as db:
        await health.update(db, [health.AttemptResult(endpoint.id, "https://old.example/", gone=True)])
        endpoint = await endpoints.fetch(db, endpoint.id)

    assert (endpoint.state, endpoint.failing_since) == ("active", None)


async def test_a_new_url_begins_without_the_failures_of_the_old_one(
    engine: AsyncEngine, receiver: Receiver
) -> None:
    async def failing(number: int) -> bool:
        async with engine.connect() as db:
            return (await endpoints.fetch(db, number)).failing_since is not None

    url, moved = receiver.url(), receiver.url("/moved")
    await prepare(engine, Callback("shop", url))
    endpoint = await new(engine, url)
    await alter(engine, failing_since=sa.func.now())

    await prepare(engine, Callback("shop", url, ("INV",)))
    await change(engine, endpoint.id, url=url, description="the same")
    assert await failing(1) and await failing(endpoint.id)  # noqa: PT018  both stay as they were

    await prepare(engine, Callback("shop", moved))
    await change(engine, endpoint.id, url=moved)
    assert not await failing(1) and not await failing(endpoint.id)  # noqa: PT018  both begin anew


async def test_a_test_reaches_its_endpoint_alone_whatever_its_types_are(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    tested = await new(engine, receiver.url("/tested"), "INV")
    await new(engine, receiver.url("/other"))
    async with engine.begin() as db:
        await send_test_event(db, tested.id)
        await outbox.sequence(db)
    await emit(engine, 1)

    async with webhooks(engine, poster, AT_ONCE) as running:
        await deliver_all(engine, running, 2)

    assert [r.event["message"] for r in receiver.of("/tested")] == [{"webhook_id": tested.id}]
    assert [r.event["event_type"] for r in receiver.of("/other")] == ["ACC_UPDATED"]


async def test_what_a_deleted_endpoint_leaves_goes_in_slices_and_the_others_keep_theirs(
    engine: AsyncEngine, receiver: Receiver, poster: Poster
) -> None:
    deleted, other = await new(engine, receiver.url("/deleted")), await new(engine, receiver.url("/other"))
    await emit(engine, 5)
    async with webhooks(engine, poster) as running:
        await deliver_all(engine, running, 10)
    async with engine.begin() as db:
        await delete(db, deleted.id)

    swept: list[bool] = []
    while not swept or swept[-1]:
        async with engine.begin() as db:
            swept.append(await retention.sweep(db, limit=2))
    assert swept == [True] * 3 + [False]
    assert {row.endpoint_id for row in await tried(engine)} == {other.id}
    async with engine.connect() as db:
        assert set(await db.scalars(sa.select(deliveries.c.endpoint_id))) == {other.id}
        assert str(deleted.id) in await endpoints.by_ids(db, [str(deleted.id)])
    await alter(engine, previous_until=sa.func.now(), previous_secret=OLD)
    async with engine.begin() as db:
        assert not await retention.sweep(db)
        assert list(await endpoints.by_ids(db, ["1", "2"])) == [str(other.id)]
        assert await db.scalar(sa.select(webhook_endpoints.c.previous_secret)) == ""
