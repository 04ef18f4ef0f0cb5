"""An endpoint is made and changed in all cells at once, and each cell delivers its own events."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app.db.tables import webhook_endpoints
from app.domain import webhooks
from tests.unit.api.cells.conftest import COUNT, Town

HOOK = {"url": "https://shop.example/hook", "types": ["ACC"]}


async def copies(town: Town, *columns: str) -> list[tuple[Any, ...]]:
    """Return the columns of the endpoint in each cell."""
    rows = []
    for engine in town.database.engines:
        async with engine.connect() as db:
            chosen = sa.select(*(webhook_endpoints.c[name] for name in columns))
            rows.append(tuple((await db.execute(chosen)).one()))
    return rows


async def test_an_endpoint_is_the_same_in_all_cells(town: Town) -> None:
    name = town.names()[3]
    await town.open(name)

    made = await town.post("/webhooks", HOOK | {"foreign_id": name})
    changed = await town.admin.patch(f"/webhooks/{made['id']}", json={"description": "orders"})
    rotated = await town.post(f"/webhooks/{made['id']}/rotate")

    assert changed.json()["description"] == "orders"
    same = (
        made["id"],
        "https://shop.example/hook",
        name,
        "orders",
        rotated["secret"],
        made["secret"],
        "active",
    )
    names = ("id", "url", "foreign_id", "description", "secret", "previous_secret", "state")
    assert await copies(town, *names) == [same] * COUNT
    assert (await town.get("/webhooks"))["items"] == [await town.get(f"/webhooks/{made['id']}")]


async def test_an_endpoint_of_no_account_is_made_nowhere(town: Town) -> None:
    refused = await town.ask("/webhooks", HOOK | {"foreign_id": "nobody"})

    assert (refused.status_code, refused.json()["error"]["field"]) == (404, "foreign_id")
    assert (await town.get("/webhooks"))["items"] == []


async def test_the_same_request_again_makes_no_second_endpoint(town: Town) -> None:
    made = await town.post("/webhooks", HOOK, key="once")
    again = await town.ask("/webhooks", HOOK, key="once")

    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (made["id"], "true")
    assert "secret" not in again.json()
    assert await copies(town, "id") == [(made["id"],)] * COUNT


async def test_an_endpoint_that_is_disabled_in_one_cell_is_shown_so_and_enabled_in_all(town: Town) -> None:
    made = await town.post("/webhooks", HOOK)
    async with town.database.engines[2].begin() as db:
        await webhooks.disable(db, [made["id"]], "it answered 410 Gone")
    async with town.database.engines[1].begin() as db:
        await db.execute(sa.update(webhook_endpoints).values(failing_since=datetime.now(UTC)))

    shown = await town.get(f"/webhooks/{made['id']}")
    listed = (await town.get("/webhooks"))["items"]
    enabled = await town.admin.patch(f"/webhooks/{made['id']}", json={"state": "active"})
    disabled = await town.admin.patch(f"/webhooks/{made['id']}", json={"state": "disabled"})

    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "it answered 410 Gone")
    assert listed == [shown]
    assert enabled.json()["state"] == "active"
    assert disabled.json()["state"] == "disabled"
    assert await copies(town, "state") == [("disabled",)] * COUNT


async def test_a_deleted_endpoint_is_gone_from_all_cells(town: Town) -> None:
    made = await town.post("/webhooks", HOOK)

    await town.admin.delete(f"/webhooks/{made['id']}")

    assert await copies(town, "state", "secret") == [("deleted", "")] * COUNT
    assert (await town.admin.get(f"/webhooks/{made['id']}")).status_code == 404


async def fan_out(town: Town) -> None:
    await town.number()
    for engine in town.database.engines:
        async with engine.begin() as db:
            await webhooks.step(db, stride=COUNT)


async def test_deliveries_of_all_cells_are_listed_newest_first_and_sent_again_by_their_ids(
    town: Town,
) -> None:
    made = await town.post("/webhooks", HOOK)
    names = [*town.names("a"), *town.names("b")]
    await town.open(*names)
    await fan_out(town)

    path = f"/webhooks/{made['id']}/deliveries"
    listed = [item for page in await town.pages(path, 3) for item in page]
    events = {event["event_id"]: event for event in (await town.get("/events?limit=100"))["items"]}

    told = [events[delivery["event_id"]]["message"]["foreign_id"] for delivery in listed]
    assert sorted(told) == sorted(names)
    assert {delivery["id"] % COUNT for delivery in listed} == set(range(COUNT))
    for delivery in listed[:COUNT]:
        assert (await town.post(f"{path}/{delivery['id']}/redeliver"))["state"] == "due"


async def test_a_replay_sends_the_events_of_all_cells_again(town: Town) -> None:
    await town.open(*town.names("a"))
    await town.number()
    made = await town.post("/webhooks", HOOK)
    path = f"/webhooks/{made['id']}"

    one = await town.ask(f"{path}/replay", {"after": 7})
    cursor = (await town.get("/events?limit=2"))["cursor"]
    await town.post(f"{path}/replay", {"after": cursor})
    again = await town.ask(f"{path}/replay", {"after": 0})
    for _ in range(3):
        await fan_out(town)

    assert (one.status_code, one.json()["error"]["field"]) == (400, "after")
    assert again.status_code == 409
    assert len((await town.get(f"{path}/deliveries?limit=100"))["items"]) == 2  # the refused one left nothing
