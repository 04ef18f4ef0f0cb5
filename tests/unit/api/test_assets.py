"""Assets are made once over HTTP, and listed in the order of their codes."""

import json
from typing import Any

import httpx

GOLD = {"code": "gold_coins", "name": "Gold coins", "decimals": 0}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"code": ""}, "code"),
    ({"code": "a" * 33}, "code"),
    ({"code": "1up"}, "code"),
    ({"code": "gold coins"}, "code"),
    ({"code": "gold\n"}, "code"),
    ({"code": "g\u00f6ld"}, "code"),
    ({"code": None}, "code"),
    ({"decimals": 19}, "decimals"),
    ({"decimals": -1}, "decimals"),
    ({"decimals": "2"}, "decimals"),
    ({"decimals": None}, "decimals"),
    ({"name": "a\u0000"}, "name"),
    ({"name": "n" * 256}, "name"),
]


async def post(admin: httpx.AsyncClient, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await admin.post("/assets", content=json.dumps(body), headers=headers)


async def test_an_asset_is_made_once_and_never_changes(admin: httpx.AsyncClient) -> None:
    made = await post(admin, GOLD, **{"Idempotency-Key": "gold"})

    again = await post(admin, GOLD)
    replayed = await post(admin, GOLD, **{"Idempotency-Key": "gold"})
    taken = await post(admin, {**GOLD, "decimals": 2})

    assert list(made.json()) == ["code", "name", "decimals", "created"]
    assert made.json() == again.json() == replayed.json() | GOLD
    assert replayed.headers["idempotent-replayed"] == "true"
    assert (taken.status_code, taken.json()["error"]["field"]) == (409, "code")


async def test_the_list_has_dogecoin_in_it_and_goes_on_from_its_cursor(admin: httpx.AsyncClient) -> None:
    for code in ("silver", "AUX", "gold"):
        await post(admin, {**GOLD, "code": code})

    first = (await admin.get("/assets?limit=2")).json()
    second = (await admin.get(f"/assets?limit=2&cursor={first['cursor']}")).json()

    assert [asset["code"] for asset in first["items"] + second["items"]] == ["AUX", "DOGE", "gold", "silver"]
    assert second["cursor"] == ""


async def test_a_wrong_field_is_named_and_makes_no_asset(admin: httpx.AsyncClient) -> None:
    for change, field in WRONG:
        answer = await post(admin, GOLD | change)

        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert len((await admin.get("/assets")).json()["items"]) == 1
