import json
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import outbox
from tests import funding
from tests.funding import GOLD

KEYS = count()
ORDER = {"order_id": "order 7", "buyer": "alice", "seller": "bob", "asset": GOLD, "amount": "10"}


@pytest.fixture
async def bank(admin: httpx.AsyncClient, ready: AsyncEngine) -> httpx.AsyncClient:
    """Alice has 100 gold; Bob has none, and there is no account for the platform yet."""
    await funding.fund(ready, {"alice": 10_000, "bob": 0}, GOLD)
    return admin


async def ask(client: httpx.AsyncClient, path: str, body: Any = None, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key or f"key-{next(KEYS)}"}
    return await client.post(path, content=json.dumps(body) if body is not None else b"", headers=headers)


async def locked(client: httpx.AsyncClient, **terms: Any) -> dict[str, Any]:
    made = await ask(client, "/escrow", {**ORDER, **terms})
    assert made.status_code == 200, made.text
    shown: dict[str, Any] = made.json()
    return shown


async def test_an_escrow_is_shown_whole_and_found_again(bank: httpx.AsyncClient) -> None:
    made = await locked(bank, fee=0.5, reference_type="cart", reference="c1", metadata={"size": "L"})

    assert {name: made[name] for name in list(made)[1:-1]} == {
        **ORDER, "fee": "0.5", "hold": None, "state": "LOCKED",
        "to_seller": "0", "to_buyer": "0", "to_platform": "0",
        "reference_type": "cart", "reference": "c1", "metadata": {"size": "L"},
    }  # fmt: skip
    assert (await bank.get(f"/escrow/{made['id']}")).json() == made
    for query in (
        "order_id=order%207",
        "buyer=alice&state=LOCKED",
        "seller=bob",
        "buyer=alice&seller=bob",
        "",
    ):
        assert (await bank.get(f"/escrow?{query}")).json() == {"items": [made], "cursor": ""}
    for query in ("order_id=order%208", "buyer=bob", "seller=nobody", "state=RELEASED"):
        assert (await bank.get(f"/escrow?{query}")).json()["items"] == []


async def test_metadata_goes_out_as_it_came_in_wherever_an_escrow_is_shown(
    bank: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    metadata = '"metadata":{"eth":1.000000000000000001,"big":9007199254740993.0}'
    body = f"{json.dumps(ORDER)[:-1]},{metadata}}}"

    made = await bank.post("/escrow", content=body, headers={"Idempotency-Key": "exact"})
    path = f"/escrow/{made.json()['id']}"
    answers = [made, await bank.get(path), await bank.get("/escrow"), await ask(bank, f"{path}/release")]
    async with ready.connect() as db:
        messages = list(await db.scalars(select(outbox.c.message).where(outbox.c.type.startswith("ESCROW_"))))

    assert [metadata in answer.text for answer in answers] == [True] * 4
    assert [metadata in message for message in messages] == [True] * 4


async def test_an_order_goes_from_a_hold_over_a_dispute_to_a_split(bank: httpx.AsyncClient) -> None:
    hold = (await ask(bank, "/account/alice/hold", {"asset": GOLD, "amount": "15"})).json()
    made = await locked(bank, hold=hold["id"], fee="1")
    path = f"/escrow/{made['id']}"

    disputed = await ask(bank, f"{path}/dispute")
    resolved = await ask(bank, f"{path}/resolve", {"to_seller": "6", "to_buyer": "4"})
    late = await ask(bank, f"{path}/refund")

    assert (disputed.json()["state"], resolved.json()["state"]) == ("DISPUTED", "RESOLVED")
    assert [resolved.json()[name] for name in ("hold", "to_seller", "to_buyer", "to_platform")] == [
        hold["id"],
        "5",
        "4",
        "1",
    ]
    assert (late.status_code, late.json()["error"]["message"]) == (
        409, f"The escrow {made['id']} is RESOLVED: it cannot be REFUNDED.",
    )  # fmt: skip
    assert (await bank.get(f"/hold/{hold['id']}")).json()["state"] == "CONVERTED"
    platform = (await bank.get("/account/platform/balances")).json()["items"]
    available = {balance["asset"]: balance["available"] for balance in platform}
    assert {asset: amount for asset, amount in available.items() if amount != "0"} == {GOLD: "1"}


async def test_an_order_has_one_escrow_and_the_same_key_is_the_same_request(bank: httpx.AsyncClient) -> None:
    first = await ask(bank, "/escrow", ORDER, "same")
    again = await ask(bank, "/escrow", ORDER, "same")
    other = await ask(bank, "/escrow", ORDER, "another")
    path = f"/escrow/{first.json()['id']}/release"
    released = await ask(bank, path, key="release")
    replayed = await ask(bank, path, key="release")

    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert (other.status_code, other.json()["error"]["field"]) == (409, "order_id")
    assert other.json()["error"]["message"] == "The order order 7 has an escrow already."
    assert (replayed.json(), replayed.headers["Idempotent-Replayed"]) == (released.json(), "true")


@pytest.mark.parametrize(
    "path", ["/escrow", *(f"/escrow/1/{verb}" for verb in ("release", "refund", "dispute", "resolve"))]
)
async def test_without_a_key_nothing_is_done(bank: httpx.AsyncClient, path: str) -> None:
    refused = await bank.post(path, content=json.dumps({**ORDER, "to_seller": "1", "to_buyer": "1"}))

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(("path", "body", "status", "field"), [
    ("/escrow", {**ORDER, "order_id": ""}, 400, "order_id"),
    ("/escrow", {**ORDER, "order_id": "x" * 256}, 400, "order_id"),
    ("/escrow", {**ORDER, "buyer": None}, 400, "buyer"),
    ("/escrow", {**ORDER, "seller": "alice"}, 400, "seller"),
    ("/escrow", {**ORDER, "seller": "nobody"}, 404, "seller"),
    ("/escrow", {**ORDER, "asset": "silver"}, 404, "asset"),
    ("/escrow", {**ORDER, "amount": "0.001"}, 400, "amount"),
    ("/escrow", {**ORDER, "amount": "99999999999999999999"}, 400, "amount"),
    ("/escrow", {**ORDER, "amount": "101"}, 409, "amount"),
    ("/escrow", {**ORDER, "fee": "10.01"}, 400, "fee"),
    ("/escrow", {**ORDER, "fee": "-1"}, 400, "fee"),
    ("/escrow", {**ORDER, "hold": 99}, 404, "hold"),
    ("/escrow", {**ORDER, "hold": "1"}, 400, "hold"),
    ("/escrow", {**ORDER, "metadata": {"x": "y" * 8192}}, 400, "metadata"),
    ("/escrow", {**ORDER, "metadata": []}, 400, "metadata"),
    ("/escrow/99/release", None, 404, "id"),
    ("/escrow/x/release", None, 400, "id"),
    ("/escrow/1/resolve", {"to_seller": "1"}, 400, "to_buyer"),
    ("/escrow/1/resolve", {"to_seller": "1", "to_buyer": "1"}, 400, "to_seller"),
    ("/escrow/1/resolve", {"to_seller": "-1", "to_buyer": "2"}, 400, "to_seller"),
])  # fmt: skip
async def test_bad_input_is_named_and_moves_nothing(
    bank: httpx.AsyncClient, path: str, body: Any, status: int, field: str
) -> None:
    made = await locked(bank, order_id="order 1", amount="1")
    disputed = (await ask(bank, f"/escrow/{made['id']}/dispute")).json()

    refused = await ask(bank, path, body)

    assert (refused.status_code, refused.json()["error"]["field"]) == (status, field), refused.text
    assert (await bank.get("/escrow")).json()["items"] == [disputed]


@pytest.mark.parametrize(
    ("buyer", "seller", "end", "types"),
    [
        ("alice", "platform", "release", ["FEE_CREDIT", "FEE_DEBIT", "SALE_CREDIT"]),
        ("platform", "bob", "release", ["FEE_CREDIT"]),
        ("platform", "bob", "resolve", ["FEE_CREDIT", "REFUND"]),
    ],
)
async def test_the_platforms_fee_has_its_name_also_where_it_buys_or_sells(
    bank: httpx.AsyncClient, buyer: str, seller: str, end: str, types: list[str]
) -> None:
    assert (await bank.post("/account/platform", json={"opening": {GOLD: "20"}})).status_code == 200
    made = await locked(bank, buyer=buyer, seller=seller, fee="1")
    if end == "resolve":
        await ask(bank, f"/escrow/{made['id']}/dispute")
    split = {"to_seller": "6", "to_buyer": "4"} if end == "resolve" else None
    assert (await ask(bank, f"/escrow/{made['id']}/{end}", split)).status_code == 200

    lines = (await bank.get("/account/platform/history")).json()["items"]

    gained = [
        line
        for line in lines
        if line["bucket"] == "available" and line["type"] not in ("TOPUP", "ESCROW_LOCK")
    ]
    assert [line["type"] for line in gained] == types
    assert {line["credit"] for line in gained if line["type"] == "FEE_CREDIT"} == {"1"}


async def test_pages_go_on_where_the_one_before_ended(bank: httpx.AsyncClient) -> None:
    ids = [(await locked(bank, order_id=f"order {n}", amount="1"))["id"] for n in range(3)]

    first = (await bank.get("/escrow?limit=2")).json()
    rest = (await bank.get(f"/escrow?limit=2&cursor={first['cursor']}")).json()

    assert [escrow["id"] for page in (first, rest) for escrow in page["items"]] == ids[::-1]
    assert rest["cursor"] == ""
    assert len((await bank.get("/escrow?state=&buyer=")).json()["items"]) == 3
    assert (await bank.get("/escrow?state=GONE")).status_code == 400
    assert (await bank.get("/escrow/99")).status_code == 404
