"""Deliveries over HTTP: looked at, sent again, and replayed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import deliveries as rows
from app.db.tables import events as event_rows
from app.db.tables import webhook_backlogs
from app.domain import outbox, webhooks
from app.domain.outbox import OutboxEvent
from app.domain.webhooks import Delivery, Key, Load, Outcome

URL = "https://shop.example/dogecoin"
NOW = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
RETRIES = (60,)


async def tell(engine: AsyncEngine, count: int, kind: str = "ACC_UPDATED") -> None:
    async with engine.begin() as db:
        await outbox.emit(db, [OutboxEvent(1, "shop", kind, "{}")] * count)
        await outbox.sequence(db)


async def work(engine: AsyncEngine, status: int | None = 200) -> list[int]:
    """Fan out, claim what is due, and let each attempt come to `status`; the positions."""
    async with engine.begin() as db:
        while await webhooks.step(db):
            pass
        tried: list[Delivery] = []
        while claimed := await webhooks.claim(db, Load(), 1_000, 60):  # one that fails gets one at a time
            outcomes = [Outcome(delivery, NOW, status, 12, "the head") for delivery in claimed]
            await webhooks.record(db, outcomes, [], RETRIES, lambda: 0.5)
            tried += claimed
    return sorted(delivery.key.position for delivery in tried)


async def due_now(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(rows).values(next=sa.func.now()))


async def states(client: httpx.AsyncClient, query: str = "", number: int = 1) -> list[tuple[int, str, int]]:
    answer = await client.get(f"/webhooks/{number}/deliveries?limit=100{query}")
    assert answer.status_code == 200, answer.text
    return [
        (delivery["id"], delivery["state"], len(delivery["attempts"])) for delivery in answer.json()["items"]
    ]


@pytest.fixture
async def hooked(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """The API with one endpoint that wants all."""
    assert (await admin.post("/webhooks", json={"url": URL})).status_code == 200
    return admin


async def test_deliveries_are_shown_newest_first_with_their_attempts(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await tell(ready, 1)
    await work(ready, 500)
    await due_now(ready)
    await work(ready, None)
    await tell(ready, 1, "INV_CREATED")
    await work(ready)
    await tell(ready, 1)
    await work(ready, 503)

    assert await states(hooked) == [(3, "due", 1), (2, "delivered", 1), (1, "failed", 2)]
    for state, number in (("due", 3), ("delivered", 2), ("failed", 1)):
        assert [state_row[0] for state_row in await states(hooked, f"&state={state}")] == [number]
    page = (await hooked.get("/webhooks/1/deliveries?limit=2")).json()
    assert [delivery["id"] for delivery in page["items"]] == [3, 2]
    [oldest] = (await hooked.get(f"/webhooks/1/deliveries?cursor={page['cursor']}")).json()["items"]
    assert oldest["event_type"] == "ACC_UPDATED"
    assert oldest["next"] is None
    assert page["items"][0]["next"] is not None
    at = NOW.isoformat()
    assert oldest["attempts"] == [
        {"at": at, "status": 500, "milliseconds": 12, "response": "the head"},
        {"at": at, "status": None, "milliseconds": 12, "response": "the head"},
    ]
    event = (await hooked.get("/events?limit=1")).json()["items"][0]
    assert oldest["event_id"] == event["event_id"]


async def test_a_delivery_is_sent_again_with_a_whole_schedule_whatever_became_of_it(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await tell(ready, 2)
    await work(ready, 500)
    await due_now(ready)
    await work(ready, 500)
    assert await states(hooked) == [(2, "failed", 2), (1, "failed", 2)]

    again = await hooked.post("/webhooks/1/deliveries/1/redeliver")
    assert again.json()["state"] == "due"
    assert await work(ready, 500) == [1]
    assert await states(hooked) == [(2, "failed", 2), (1, "due", 3)]  # not failed: the schedule begins anew
    await due_now(ready)
    assert await work(ready) == [1]
    await hooked.post("/webhooks/1/deliveries/1/redeliver", headers={"Idempotency-Key": "once"})
    assert await work(ready) == [1]
    repeated = await hooked.post("/webhooks/1/deliveries/1/redeliver", headers={"Idempotency-Key": "once"})
    assert await work(ready) == []
    assert (repeated.json()["state"], len(repeated.json()["attempts"])) == ("delivered", 5)


async def test_a_range_is_replayed_once_more_and_what_was_never_sent_for_the_first_time(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await tell(ready, 3)
    await tell(ready, 1, "INV_CREATED")
    await admin.post("/webhooks", json={"url": URL, "types": ["ACC"]})
    await tell(ready, 2)
    assert await work(ready) == [5, 6]

    answer = await admin.post("/webhooks/1/replay", json={"after": 1, "before": 6})

    assert answer.json() == {"webhook_id": 1, "after": 1, "until": 5}
    busy = await admin.post("/webhooks/1/replay", json={"after": 0})
    assert busy.status_code == 409
    assert await work(ready) == [2, 3, 5]
    assert await states(admin) == [
        (6, "delivered", 1),
        (5, "delivered", 2),
        (3, "delivered", 1),
        (2, "delivered", 1),
    ]
    async with ready.connect() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(webhook_backlogs)) == 0


async def test_a_replay_takes_times_too(hooked: httpx.AsyncClient, ready: AsyncEngine) -> None:
    await tell(ready, 6)
    await work(ready)
    async with ready.begin() as db:
        minutes = event_rows.c.position * sa.literal(timedelta(minutes=1))
        await db.execute(sa.update(event_rows).values(created=sa.literal(NOW) + minutes))
    after, before = (NOW + timedelta(minutes=minute) for minute in (3, 5))

    answer = await hooked.post(
        "/webhooks/1/replay", json={"after": after.isoformat(), "before": before.isoformat()}
    )

    assert answer.json() == {"webhook_id": 1, "after": 2, "until": 4}
    assert await work(ready) == [3, 4]
    since = await hooked.post("/webhooks/1/replay", json={"after": "2026-11-21T07:06:00Z"})
    assert since.json() == {"webhook_id": 1, "after": 5, "until": 6}


async def test_a_long_replay_goes_in_slices_and_waits_while_enough_is_due(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    for _ in range(3):
        await tell(ready, 1_000)
    async with ready.begin() as db:
        while await webhooks.step(db):
            pass
        await db.execute(sa.update(rows).values(state="delivered"))
    await hooked.post("/webhooks/1/replay", json={"after": 0})

    made: list[int] = []
    for _ in range(3):
        async with ready.begin() as db:
            await webhooks.step(db)
            made.append(await db.scalar(sa.select(sa.func.count()).where(rows.c.state == "due")) or 0)
    assert made == [1_000, 1_000, 1_000]
    async with ready.begin() as db:
        await db.execute(sa.update(rows).where(rows.c.position <= 500).values(state="delivered"))
        assert await webhooks.step(db)
        assert await db.scalar(sa.select(sa.func.count()).where(rows.c.state == "due")) == 1_500


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/webhooks/1/replay", {}, 400, "after"),
        ("/webhooks/1/replay", {"after": "yesterday"}, 400, "after"),
        ("/webhooks/1/replay", {"after": "2026-11-21T07:00:00"}, 400, "after"),
        ("/webhooks/1/replay", {"after": -1}, 400, "after"),
        ("/webhooks/1/replay", {"after": True}, 400, "after"),
        ("/webhooks/1/replay", {"after": 1.5}, 400, "after"),
        ("/webhooks/1/replay", {"after": 0, "before": 1}, 400, "before"),
        ("/webhooks/1/replay", {"after": 99}, 400, "after"),
        ("/webhooks/1/replay", {"after": 0, "before": 99}, 400, "before"),
        ("/webhooks/2/replay", {"after": 0}, 404, "id"),
        ("/webhooks/1/deliveries/7/redeliver", {}, 404, "delivery_id"),
        ("/webhooks/2/deliveries/1/redeliver", {}, 404, "id"),
    ],
)
async def test_what_cannot_be_sent_again_is_refused_by_name(
    hooked: httpx.AsyncClient, ready: AsyncEngine, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    await tell(ready, 2)
    answer = await hooked.post(path, json=body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text


async def test_a_disabled_endpoint_is_sent_nothing_again(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await tell(ready, 1)
    await work(ready)
    await hooked.patch("/webhooks/1", json={"state": "disabled"})

    for path in ("/webhooks/1/replay", "/webhooks/1/deliveries/1/redeliver"):
        assert (await hooked.post(path, json={"after": 0})).status_code == 409
    assert (await hooked.get("/webhooks/7/deliveries")).status_code == 404
    assert (await hooked.get("/webhooks/1/deliveries?state=lost")).json()["error"]["field"] == "state"


async def test_what_happened_while_an_endpoint_was_disabled_comes_once_when_it_is_enabled(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await hooked.post("/webhooks", json={"url": URL, "types": ["INV"]})
    await tell(ready, 2)
    assert await work(ready) == [1, 2]
    for _ in range(2):
        await hooked.patch("/webhooks/1", json={"state": "disabled"})
        await tell(ready, 2)
        await hooked.patch("/webhooks/1", json={"state": "active"})
        await tell(ready, 1)

    positions = []
    while sent := await work(ready):
        positions += sent
    assert sorted(positions) == list(range(3, 9))


async def test_whoever_joins_an_installation_that_told_nobody_hears_nothing_old(
    admin: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await tell(ready, 5)
    await admin.post("/webhooks", json={"url": URL})
    await tell(ready, 1)

    assert await work(ready) == [6]


async def test_a_claim_costs_only_those_that_have_something_due(
    hooked: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    """Two of five hundred endpoints are found by the index of due deliveries; each has a share of its own."""
    async with ready.begin() as db:
        many = (
            "INSERT INTO webhook_endpoints (url, types, secret, position) "
            "SELECT 'https://shop.example/', '{NET}', '', 0 FROM generate_series(1, 500)"
        )
        await db.execute(sa.text(many))
        await db.execute(
            sa.text("INSERT INTO deliveries (endpoint_id, position) SELECT 1, generate_series(1, 300)")
        )
        await db.execute(sa.text("INSERT INTO deliveries (endpoint_id, position) VALUES (9, 7)"))
    await tell(ready, 300)

    async with ready.begin() as db:
        first = await webhooks.claim(db, Load(), 384, 60)
        second = await webhooks.claim(db, Load({1: 32}), 384, 60)

    assert sorted(delivery.key for delivery in first) == [*(Key(1, n) for n in range(1, 33)), Key(9, 7)]
    assert second == []
