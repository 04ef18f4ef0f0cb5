from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import outbox


async def sequenced(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await outbox.sequence(db)


async def read(client: httpx.AsyncClient, **query: Any) -> tuple[list[tuple[str, int, int]], str]:
    answer = await client.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [(event["event_type"], event["position"], event["sequence"]) for event in page["items"]], page[
        "cursor"
    ]


@pytest.fixture
async def shop(admin: httpx.AsyncClient, ready: AsyncEngine) -> httpx.AsyncClient:
    """Two accounts, an invoice, and an account changed."""
    for path, body in (
        ("/account/a", "{}"),
        ("/account/b", "{}"),
        ("/account/a/invoice", '{"items":[{"type":"item","value":1,"quantity":1}]}'),
        ("/account/b", '{"name":"B"}'),
    ):
        assert (await admin.post(path, content=body)).status_code == 200
        await sequenced(ready)
    return admin


async def test_events_are_read_oldest_first_and_the_cursor_goes_on(shop: httpx.AsyncClient) -> None:
    first, cursor = await read(shop, limit=3)
    second, end = await read(shop, cursor=cursor)

    assert first == [("ACC_CREATED", 1, 1), ("ACC_CREATED", 2, 1), ("INV_CREATED", 3, 2)]
    assert second == [("ACC_UPDATED", 4, 2)]
    assert (cursor, end) == ("3", "4")
    assert await read(shop, cursor=end) == ([], "4")


async def test_events_are_filtered_by_class_type_and_account(shop: httpx.AsyncClient) -> None:
    assert [event[1] for event in (await read(shop, types="INV"))[0]] == [3]
    assert [event[1] for event in (await read(shop, types="acc_updated,INV_CREATED"))[0]] == [3, 4]
    assert [event[1] for event in (await read(shop, foreign_id="b"))[0]] == [2, 4]
    assert [event[1] for event in (await read(shop, types="", foreign_id=""))[0]] == [1, 2, 3, 4]
    assert await read(shop, foreign_id="nobody") == ([], "4")


async def test_an_event_has_gigawallets_envelope_and_the_message_of_its_fact(shop: httpx.AsyncClient) -> None:
    event = (await shop.get("/events?limit=1")).json()["items"][0]

    assert list(event) == ["event_type", "message", "event_id", "sequence", "position", "created"]
    assert event["message"] == (await shop.get("/account/a")).json()


async def test_what_posts_nothing_new_tells_nothing(shop: httpx.AsyncClient, ready: AsyncEngine) -> None:
    await shop.post("/account/b", content='{"name":"B"}')
    await sequenced(ready)

    assert await read(shop, cursor=4) == ([], "4")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=x", "cursor"),
        ("cursor=-1", "cursor"),
        ("limit=101", "limit"),
        ("types=a%00", "types"),
        ("types=" + "A" * 65, "types"),
        ("types=INV_PAID", "types"),
        ("foreign_id=%00", "foreign_id"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(admin: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await admin.get(f"/events?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize("path", ["/events", "/account/a/events"])
async def test_a_cursor_beyond_the_last_event_is_refused_by_name(shop: httpx.AsyncClient, path: str) -> None:
    """A consumer of a database that was lost may know a higher position: it would miss what comes."""
    at_the_end, beyond = [await shop.get(path, params={"cursor": cursor}) for cursor in (4, 5)]

    assert (at_the_end.status_code, at_the_end.json()["cursor"]) == (200, "4")
    assert (beyond.status_code, beyond.json()["error"]["field"]) == (400, "cursor")
    assert "the last one is 4" in beyond.json()["error"]["message"]


async def test_an_accounts_events_are_read_by_its_name_and_an_unknown_one_is_404(
    shop: httpx.AsyncClient,
) -> None:
    page = (await shop.get("/account/a/events", params={"types": "INV"})).json()
    missing = await shop.get("/account/nobody/events")

    assert [event["event_type"] for event in page["items"]] == ["INV_CREATED"]
    assert (missing.status_code, missing.json()["error"]["field"]) == (404, "foreign_id")


async def test_openapi_describes_what_is_posted_for_every_type_of_event(admin: httpx.AsyncClient) -> None:
    described = (await admin.get("/openapi.json")).json()

    assert described["webhooks"].keys() == outbox.TYPES.keys()
    for name, webhook in described["webhooks"].items():
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["event_type"] == name
        assert (
            content["schema"]["$ref"].removeprefix("#/components/schemas/")
            in described["components"]["schemas"]
        )
