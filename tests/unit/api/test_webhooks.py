"""Webhook endpoints over HTTP."""

import base64
import json
import logging
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import webhook_endpoints
from app.domain import outbox, webhooks
from app.domain.webhooks import Callback

URL = "https://shop.example/dogecoin"
OWN = "a secret of twenty-four characters"


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """The API of an installation that has the account `shop`."""
    assert (await admin.post("/account/shop", content="{}")).status_code == 200
    return admin


async def make(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def stored(engine: AsyncEngine, column: str) -> list[Any]:
    async with engine.connect() as db:
        return list(await db.scalars(sa.select(webhook_endpoints.c[column]).order_by(webhook_endpoints.c.id)))


async def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(shop: httpx.AsyncClient) -> None:
    made = await make(
        shop, types=["INV", "payment", "ACC_PAYMENT", "INV"], foreign_id="shop", description="orders"
    )

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    created = made.pop("created")
    assert made == {
        "id": 1,
        "url": URL,
        "types": ["INV", "PAYMENT", "ACC_PAYMENT"],
        "foreign_id": "shop",
        "description": "orders",
        "state": "active",
        "name": "",
        "signature": "v1",
        "public_key": "",
        "legacy_base64_message": False,
        "failing_since": None,
        "disabled_reason": "",
    }
    assert (await shop.get("/webhooks/1")).json() == {**made, "created": created}
    assert (await shop.get("/webhooks")).json() == {"items": [{**made, "created": created}], "cursor": ""}


async def test_an_own_secret_is_taken_and_ed25519_shows_its_public_key(shop: httpx.AsyncClient) -> None:
    own = await make(shop, secret=OWN)
    asymmetric = await make(shop, signature="v1a")
    key = webhooks.generate("v1a", bytes(range(32)))
    brought = await make(shop, secret=key)

    assert (own["secret"], own["signature"]) == (OWN, "v1")
    assert asymmetric["secret"].startswith("whsk_")
    assert asymmetric["public_key"] == webhooks.public_key(asymmetric["secret"])
    assert (brought["signature"], brought["public_key"]) == ("v1a", webhooks.public_key(key))


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "url", "url is required"),
        ({"url": "https://user:***@shop.example/"}, "url", "stars for its password"),
        ({"url": "shop.example"}, "url", "malformed"),
        ({"url": "ftp://shop.example/"}, "url", "malformed"),
        ({"url": "https://"}, "url", "malformed"),
        ({"url": "https://[::1"}, "url", "malformed"),
        ({"url": "https://shop.example:99999/"}, "url", "malformed"),
        ({"url": "https://shop.example/\n"}, "url", "ends of lines"),
        ({"url": "https://shop.example/" + "x" * 2_000}, "url", "at most 2000"),
        ({"url": URL, "types": []}, "types", "at least 1"),
        ({"url": URL, "types": ["INV", "INV_PAID"]}, "types", "There is no event type INV_PAID"),
        ({"url": URL, "types": "INV"}, "types", "list"),
        ({"url": URL, "secret": "x" * 23}, "secret", "24 to 255 characters"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "secret", "24 to 64 bytes"),
        ({"url": URL, "secret": OWN, "signature": "v1a"}, "signature", "The secret is one of v1"),
        ({"url": URL, "signature": "v2"}, "signature", "'v1' or 'v1a'"),
        ({"url": URL, "foreign_id": "nobody"}, "foreign_id", "account not found: nobody"),
        ({"url": URL, "legacy_base64_message": "yes"}, "legacy_base64_message", "true or false"),
    ],
)
async def test_what_is_wrong_is_refused_by_name_and_changes_nothing(
    shop: httpx.AsyncClient, ready: AsyncEngine, body: dict[str, Any], field: str, says: str
) -> None:
    answer = await shop.post("/webhooks", json=body)

    error = answer.json()["error"]
    assert 400 <= answer.status_code < 500
    assert says in error["message"]
    assert error["field"].startswith(field)
    assert await stored(ready, "id") == []


async def test_the_same_request_again_makes_nothing_and_tells_no_secret(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    key = {"Idempotency-Key": "hook-1"}
    first = await shop.post("/webhooks", json={"url": URL}, headers=key)
    again = await shop.post("/webhooks", json={"url": URL}, headers=key)
    other = await shop.post("/webhooks", json={"url": URL + "2"}, headers=key)
    turned = [await shop.post("/webhooks/1/rotate", headers={"Idempotency-Key": "turn"}) for _ in range(2)]

    assert again.headers["Idempotent-Replayed"] == "true"
    assert {**again.json(), "secret": first.json()["secret"]} == first.json()
    assert "secret" not in again.json()
    assert other.status_code == 422
    assert ["secret" in answer.json() for answer in turned] == [True, False]
    assert await stored(ready, "secret") == [turned[0].json()["secret"]]


async def test_an_endpoint_is_changed_field_by_field(shop: httpx.AsyncClient) -> None:
    made = await make(shop, foreign_id="shop", secret=OWN)
    del made["secret"]
    orders: list[dict[str, Any]] = [
        {"types": ["SYS", "ALL"]},
        {"url": "http://user:pass@shop.example/x"},
        {"description": "d"},
        {"foreign_id": ""},
        {"legacy_base64_message": True},
        {"state": "disabled"},
        {"state": "active", "url": URL},
        {},
    ]
    for order in orders:
        answer = await shop.patch("/webhooks/1", json=order)
        made |= order
        if made["state"] == "disabled":
            made["disabled_reason"] = "somebody asked for it"
        else:
            made["disabled_reason"] = ""
        shown = made["url"].replace(":pass@", ":***@")
        assert answer.json() == {**made, "url": shown}, answer.text

    for order in (
        {"url": "x"},
        {"types": ["X"]},
        {"state": "deleted"},
        {"foreign_id": "nobody"},
        {"types": []},
    ):
        answer = await shop.patch("/webhooks/1", json=order)
        assert answer.json()["error"]["field"].startswith(next(iter(order)))
    assert (await shop.get("/webhooks/1")).json() == made


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/{webhook_id}/rotate", "/keys"])
async def test_an_answer_that_tells_no_secret_again_is_described_too(
    shop: httpx.AsyncClient, path: str
) -> None:
    described = (await shop.get("/openapi.json")).json()

    content = described["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]
    names = [form["$ref"].rpartition("/")[2] for form in content["schema"]["anyOf"]]
    told = ["secret" in described["components"]["schemas"][name]["required"] for name in names]

    assert told == [True, False]


async def test_a_rotation_keeps_the_secret_before_for_a_while(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await make(shop, secret=OWN)
    first = (await shop.post("/webhooks/1/rotate")).json()["secret"]
    async with ready.connect() as db:
        until = await db.scalar(sa.select(webhook_endpoints.c.previous_until - sa.func.now()))
    assert await stored(ready, "previous_secret") == [OWN]
    assert until is not None
    assert 86_390 < until.total_seconds() <= 86_400

    second = (await shop.post("/webhooks/1/rotate", json={"secret": OWN, "overlap_seconds": 0})).json()[
        "secret"
    ]
    third = (await shop.post("/webhooks/1/rotate", json={"signature": "v1a"})).json()["secret"]
    fourth = (await shop.post("/webhooks/1/rotate", json={"overlap_seconds": 60})).json()["secret"]

    assert first.startswith("whsec_")
    assert second == OWN
    assert third.startswith("whsk_")
    assert fourth.startswith("whsk_")
    assert fourth != third
    assert await stored(ready, "previous_secret") == [third]
    wrong = await shop.post("/webhooks/1/rotate", json={"overlap_seconds": -1})
    assert wrong.json()["error"]["field"] == "overlap_seconds"
    short = await shop.post("/webhooks/1/rotate", json={"secret": "short"})
    assert short.json()["error"]["field"] == "secret"


async def test_an_endpoint_of_the_configuration_is_listed_and_can_only_be_enabled(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    async with ready.begin() as db:
        old = Callback(
            "old-shop", URL, ("INV",), "config-secret", foreign_id="old", description="to be moved"
        )
        for callback in (Callback("old-shop", URL), old):  # first so, then so
            await webhooks.reconcile(db, [callback], 0)
        await webhooks.disable(db, [1], "it failed")

    answers = [
        await shop.patch("/webhooks/1", json={"url": URL}),
        await shop.patch("/webhooks/1", json={"state": "disabled"}),
        await shop.delete("/webhooks/1"),
        await shop.post("/webhooks/1/rotate"),
    ]

    for answer in answers:
        assert answer.status_code == 409
        assert answer.json()["error"]["message"] == (
            "This webhook endpoint is [callbacks.old-shop] of the configuration: change it there; "
            "here it can only be enabled."
        )
    [listed] = (await shop.get("/webhooks")).json()["items"]
    assert (listed["name"], listed["state"], listed["disabled_reason"]) == (
        "old-shop",
        "disabled",
        "it failed",
    )
    assert (listed["foreign_id"], listed["description"]) == ("old", "to be moved")
    enabled = await shop.patch("/webhooks/1", json={"state": "active"})
    assert (enabled.json()["state"], enabled.json()["disabled_reason"]) == ("active", "")


async def test_a_deleted_endpoint_is_gone_with_its_secrets(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await make(shop, secret=OWN)
    await shop.post("/webhooks/1/rotate")

    deleted = await shop.delete("/webhooks/1")

    assert deleted.json()["state"] == "deleted"
    assert [await stored(ready, name) for name in ("secret", "previous_secret", "url")] == [[""], [""], [""]]
    for answer in (
        await shop.get("/webhooks/1"),
        await shop.patch("/webhooks/1", json={"state": "active"}),
        await shop.delete("/webhooks/1"),
        await shop.post("/webhooks/1/rotate"),
        await shop.post("/webhooks/1/test"),
    ):
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            404,
            "There is no webhook endpoint 1.",
        )
    assert (await shop.get("/webhooks")).json()["items"] == []
    assert (await shop.get("/webhooks/x")).status_code == 400


async def test_endpoints_are_listed_page_by_page_and_an_account_has_twenty_at_the_most(
    shop: httpx.AsyncClient,
) -> None:
    for _ in range(20):
        await make(shop, foreign_id="shop")
    refused = await shop.post("/webhooks", json={"url": URL, "foreign_id": "shop"})
    everywhere = await make(shop)
    moved = await shop.patch(f"/webhooks/{everywhere['id']}", json={"foreign_id": "shop"})

    first = (await shop.get("/webhooks?limit=15")).json()
    second = (await shop.get(f"/webhooks?limit=15&cursor={first['cursor']}")).json()
    assert [hook["id"] for hook in (*first["items"], *second["items"])] == list(range(1, 22))
    assert second["cursor"] == ""
    for answer in (refused, moved):
        assert answer.status_code == 409
        assert answer.json()["error"]["field"] == "foreign_id"


async def test_a_test_happens_to_an_endpoint_that_is_enabled(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    await make(shop, types=["INV"])
    answer = await shop.post("/webhooks/1/test")
    await shop.patch("/webhooks/1", json={"state": "disabled"})
    refused = await shop.post("/webhooks/1/test")

    async with ready.begin() as db:
        await outbox.sequence(db)
    events = (await shop.get("/events?types=SYS")).json()["items"]
    assert answer.status_code == 200
    assert [(event["event_type"], event["message"]) for event in events] == [
        ("SYS_WEBHOOK_TEST", {"webhook_id": 1})
    ]
    assert refused.status_code == 409
    assert "is disabled (somebody asked for it)" in refused.json()["error"]["message"]


async def test_no_secret_is_logged_or_in_a_repr(
    shop: httpx.AsyncClient, ready: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await make(shop, secret=OWN, url="https://user:in-the-url@shop.example/token-1")
    await shop.post("/webhooks/1/rotate", json={"secret": OWN + "2"})
    await shop.post("/webhooks", json={"url": URL, "secret": "whsec_" + OWN})

    async with ready.connect() as db:
        shown = repr(await webhooks.fetch(db, 1)) + caplog.text
    assert "shop" in json.dumps((await shop.get("/webhooks")).json())
    assert not [secret for secret in (OWN, "in-the-url", "token-1") if secret in shown]
