"""A key of some accounts: lists and streams show those, and all others are unknown to it."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests import funding
from tests.funding import GOLD
from tests.unit.api.access.conftest import ADMIN, Made, bearer

ALL = (
    "accounts:read", "accounts:write", "invoices:read", "payments:write", "ledger:read", "ledger:write", "events:read",
    "webhooks:read", "webhooks:write",
)  # fmt: skip
REACHES: list[dict[str, Any]] = [{"prefix": "my."}, {"accounts": ["my.a", "my.b"]}]


@pytest.fixture
async def bank(locked: httpx.AsyncClient, ready: AsyncEngine) -> httpx.AsyncClient:
    await funding.fund(ready, {"other": 10_000, "my.a": 10_000, "my.b": 0, "mx": 0}, GOLD)
    return locked


async def post(client: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": path + str(body), **headers})


async def sent(client: httpx.AsyncClient, payer: str, payee: str) -> int:
    body = {"from": payer, "to": payee, "asset": GOLD, "amount": "1"}
    number: int = (await post(client, "/transfers", body, ADMIN)).json()["id"]
    return number


@pytest.mark.parametrize("reach", REACHES)
async def test_lists_show_the_accounts_within_reach(
    bank: httpx.AsyncClient, make: Made, reach: dict[str, Any]
) -> None:
    key = bearer(await make(*ALL, **reach))
    foreign, own = await sent(bank, "other", "mx"), await sent(bank, "other", "my.b")

    first = (await bank.get("/accounts?limit=1", headers=key)).json()
    rest = (await bank.get(f"/accounts?cursor={first['cursor']}", headers=key)).json()
    transfers = (await bank.get("/transfers", headers=key)).json()["items"]

    assert [item["foreign_id"] for item in (*first["items"], *rest["items"])] == ["my.a", "my.b"]
    assert rest["cursor"] == ""
    assert [item["id"] for item in transfers] == [own]
    assert (await bank.get(f"/transfers/{own}", headers=key)).status_code == 200
    assert (await bank.get(f"/transfers/{foreign}", headers=key)).status_code == 404
    assert (await bank.get("/transfers?foreign_id=other", headers=key)).status_code == 404


@pytest.mark.parametrize("reach", REACHES)
async def test_no_money_moves_from_or_to_accounts_beyond_reach(
    bank: httpx.AsyncClient, make: Made, reach: dict[str, Any]
) -> None:
    key = bearer(await make(*ALL, **reach))
    foreign = await sent(bank, "other", "my.b")
    held = await post(bank, "/account/other/hold", {"asset": GOLD, "amount": "1"}, ADMIN)
    one = {"asset": GOLD, "amount": "1"}
    orders = {
        "from": ("/transfers", {"from": "other", "to": "my.a", **one}),
        "to": ("/transfers", {"from": "my.a", "to": "other", **one}),
        "transfers.1.from": (
            "/transfers",
            {"transfers": [{"from": "my.a", "to": "my.b", **one}, {"from": "mx", "to": "my.a", **one}]},
        ),
        "to.0.account": (
            "/transfers",
            {"from": "my.a", "to": [{"account": "mx", "amount": "1"}], "asset": GOLD},
        ),
        "id": (f"/transfers/{foreign}/reverse", {}),
        "seller": ("/escrow", {"order_id": "o", "buyer": "my.a", "seller": "other", **one}),
        "foreign_id": ("/account/other/hold", one),
    }

    for field, (path, body) in orders.items():
        answer = await post(bank, path, body, key)
        assert (answer.status_code, answer.json()["error"]["field"]) == (404, field)
    for verb, body in (("release", {}), ("capture", {"to": "my.a"})):
        assert (await post(bank, f"/hold/{held.json()['id']}/{verb}", body, key)).status_code == 404
    assert (await post(bank, "/transfers", {"from": "my.a", "to": "my.b", **one}, key)).status_code == 200


@pytest.mark.parametrize("reach", REACHES)
async def test_escrows_and_webhooks_of_others_are_unknown(
    bank: httpx.AsyncClient, make: Made, reach: dict[str, Any]
) -> None:
    key = bearer(await make(*ALL, **reach))
    order = {"order_id": "o", "buyer": "other", "seller": "my.a", "asset": GOLD, "amount": "1"}
    escrow = (await post(bank, "/escrow", order, ADMIN)).json()["id"]
    url = "https://shop.example/hook"
    every = (await post(bank, "/webhooks", {"url": url}, ADMIN)).json()["id"]
    own = await post(bank, "/webhooks", {"url": url, "foreign_id": "my.a"}, key)

    assert (await bank.get(f"/escrow/{escrow}", headers=key)).status_code == 200
    assert (await post(bank, f"/escrow/{escrow}/refund", None, key)).status_code == 404
    assert (await bank.get("/escrow", headers=key)).status_code == 403
    assert len((await bank.get("/escrow?seller=my.a", headers=key)).json()["items"]) == 1
    assert own.status_code == 200
    assert [item["id"] for item in (await bank.get("/webhooks", headers=key)).json()["items"]] == [
        own.json()["id"]
    ]
    assert (await post(bank, "/webhooks", {"url": url}, key)).status_code == 403
    assert (await bank.get(f"/webhooks/{every}", headers=key)).status_code == 404
    assert (await bank.delete(f"/webhooks/{every}", headers=key)).status_code == 404
    assert (await bank.get(f"/webhooks/{every}/deliveries", headers=key)).status_code == 404
    moved = await bank.patch(f"/webhooks/{own.json()['id']}", json={"foreign_id": ""}, headers=key)
    assert (moved.status_code, moved.json()["error"]["field"]) == (403, "foreign_id")
