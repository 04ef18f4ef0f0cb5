import json
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import funding
from tests.funding import GOLD

KEYS = count()


@pytest.fixture
async def bank(admin: httpx.AsyncClient, ready: AsyncEngine) -> httpx.AsyncClient:
    """Alice has 100 gold; Bob has none."""
    await funding.fund(ready, {"alice": 10_000, "bob": 0}, GOLD)
    return admin


async def ask(client: httpx.AsyncClient, path: str, body: Any = None, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key or f"key-{next(KEYS)}"}
    return await client.post(path, content=json.dumps(body) if body is not None else b"", headers=headers)


async def placed(client: httpx.AsyncClient, amount: str = "10") -> dict[str, Any]:
    made = await ask(client, "/account/alice/hold", {"asset": GOLD, "amount": amount})
    assert made.status_code == 200, made.text
    shown: dict[str, Any] = made.json()
    return shown


async def test_a_hold_is_shown_whole_and_found_again(bank: httpx.AsyncClient) -> None:
    order = {
        "asset": GOLD,
        "amount": 12.5,
        "expires_in": 60,
        "reference_type": "auction",
        "reference": "bid 7",
    }

    made = (await ask(bank, "/account/alice/hold", order)).json()

    assert list(made) == [
        "id", "foreign_id", "asset", "amount", "remaining", "captured", "state",
        "reference_type", "reference", "expires",
        "created",
    ]  # fmt: skip
    assert [made[name] for name in list(made)[1:9]] == [
        "alice", GOLD, "12.5", "12.5", "0", "HELD", "auction", "bid 7",
    ]  # fmt: skip
    assert made["created"] < made["expires"]
    assert (await bank.get(f"/hold/{made['id']}")).json() == made
    assert (await bank.get("/account/alice/holds?state=HELD")).json() == {"items": [made], "cursor": ""}
    assert (await bank.get("/account/alice/holds?state=")).json() == {"items": [made], "cursor": ""}
    assert (await bank.get("/account/alice/holds?state=EXPIRED")).json() == {"items": [], "cursor": ""}


async def test_release_without_a_body_gives_all_back_and_capture_names_who_gets_it(
    bank: httpx.AsyncClient,
) -> None:
    hold, other = await placed(bank), await placed(bank)

    released = await ask(bank, f"/hold/{hold['id']}/release")
    captured = await ask(bank, f"/hold/{other['id']}/capture", {"to": "bob", "amount": "4"})

    assert [released.json()[name] for name in ("state", "remaining", "captured", "expires")] == [
        "RELEASED",
        "0",
        "0",
        None,
    ]
    assert [captured.json()[name] for name in ("state", "remaining", "captured")] == ["CAPTURED", "0", "4"]


async def test_what_is_sent_again_with_its_key_is_done_once(bank: httpx.AsyncClient) -> None:
    first = await ask(bank, "/account/alice/hold", {"asset": GOLD, "amount": "1"}, "same")
    again = await ask(bank, "/account/alice/hold", {"asset": GOLD, "amount": "1"}, "same")
    other = await ask(bank, "/account/alice/hold", {"asset": GOLD, "amount": "2"}, "same")

    assert again.json() == first.json()
    assert (again.headers["Idempotent-Replayed"], other.status_code) == ("true", 422)


@pytest.mark.parametrize("path", ["/account/alice/hold", "/hold/1/release", "/hold/1/capture"])
async def test_without_a_key_nothing_is_done(bank: httpx.AsyncClient, path: str) -> None:
    refused = await bank.post(path, content=json.dumps({"asset": GOLD, "amount": "1", "to": "bob"}))

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(("path", "body", "status", "field"), [
    ("/account/alice/hold", {"asset": GOLD}, 400, "amount"),
    ("/account/alice/hold", {"amount": "1"}, 400, "asset"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "one"}, 400, "amount"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "0.001"}, 400, "amount"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "99999999999999999999"}, 400, "amount"),
    ("/account/alice/hold", {"asset": "silver", "amount": "1"}, 404, "asset"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "1", "expires_in": 0}, 400, "expires_in"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "1", "expires_in": 10**9}, 400, "expires_in"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "1", "expires_in": "60"}, 400, "expires_in"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "1", "reference": "x" * 256}, 400, "reference"),
    ("/account/alice/hold", {"asset": GOLD, "amount": "101"}, 409, "amount"),
    ("/account/nobody/hold", {"asset": GOLD, "amount": "1"}, 404, "foreign_id"),
    ("/hold/99/release", {}, 404, "id"),
    ("/hold/x/release", {}, 400, "id"),
    ("/hold/1/capture", {}, 400, "to"),
    ("/hold/1/capture", {"to": "bob", "amount": "10.01"}, 409, "amount"),
    ("/hold/1/capture", {"to": "alice"}, 400, "to"),
])  # fmt: skip
async def test_bad_input_is_named_and_moves_nothing(
    bank: httpx.AsyncClient, path: str, body: Any, status: int, field: str
) -> None:
    hold = await placed(bank)

    refused = await ask(bank, path, body)

    assert (refused.status_code, refused.json()["error"]["field"]) == (status, field), refused.text
    assert (await bank.get("/account/alice/holds")).json()["items"] == [hold]


async def test_pages_go_on_where_the_one_before_ended(bank: httpx.AsyncClient) -> None:
    ids = [(await placed(bank, "1"))["id"] for _ in range(3)]

    first = (await bank.get("/account/alice/holds?limit=2")).json()
    rest = (await bank.get(f"/account/alice/holds?limit=2&cursor={first['cursor']}")).json()

    assert [hold["id"] for page in (first, rest) for hold in page["items"]] == ids[::-1]
    assert rest["cursor"] == ""
    assert (await bank.get("/account/alice/holds?state=GONE")).status_code == 400
    assert (await bank.get("/hold/99")).status_code == 404
