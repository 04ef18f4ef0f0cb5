import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application
from tests.unit.api.conftest import client_of, program_on
from tests.unit.domain import bank

KEYS = count()
GIFT = {"from": "alice", "to": "bob", "asset": "gold", "amount": "0.5"}


@pytest.fixture
async def shop(engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """An admin API of a bank in which alice and bob have a coin each."""
    await bank.opened(engine, "alice", "bob", "carol")
    async with client_of(application.admin(program_on(engine), lambda: "id")) as opened:
        yield opened


async def post(client: httpx.AsyncClient, path: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key or f"key-{next(KEYS)}"}
    return await client.post(path, content=json.dumps(body), headers=headers)


async def test_a_transfer_is_shown_as_it_is_and_can_be_looked_up(shop: httpx.AsyncClient, engine: AsyncEngine) -> None:
    described = {"reference_type": "order", "reference": "7", "metadata": {"a": 1}}

    made = await post(shop, "/transfers", GIFT | described)

    shown = made.json()
    assert made.status_code == 200
    assert shown == {
        "id": shown["id"], "type": "TRANSFER", **GIFT, **described, "reversed": "0", "created": shown["created"],
    }  # fmt: skip
    assert list(shown)[:7] == ["id", "type", "from", "to", "asset", "amount", "reference_type"]
    assert (await shop.get(f"/transfers/{shown['id']}")).json() == shown
    assert (await shop.get("/transfers/999")).status_code == 404
    assert await bank.gold(engine, "alice", "bob") == [50, 150]


async def test_the_same_request_again_is_the_same_transfer(shop: httpx.AsyncClient, engine: AsyncEngine) -> None:
    first, same = [await post(shop, "/transfers", GIFT, "key") for _ in range(2)]
    other = await post(shop, "/transfers", GIFT | {"amount": "0.4"}, "key")
    without = await shop.post("/transfers", content=json.dumps(GIFT))

    assert same.json() == first.json()
    assert same.headers["idempotent-replayed"] == "true"
    assert (other.status_code, without.status_code) == (422, 400)
    assert without.json()["error"]["field"] == "Idempotency-Key"
    assert await bank.gold(engine, "alice", "bob") == [50, 150]


async def test_several_payees_are_one_transfer(shop: httpx.AsyncClient) -> None:
    shares = [{"account": "bob", "amount": "0.1"}, {"account": "carol", "amount": "0.2"}]

    made = await post(shop, "/transfers", {"from": "alice", "to": shares, "asset": "gold"})

    assert (made.json()["to"], made.json()["amount"]) == (shares, "0.3")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"to": "alice"}, 400, "to"),
        ({"to": "nobody"}, 404, "to"),
        ({"to": []}, 400, "to"),
        ({"to": [{"account": "bob", "amount": "x"}]}, 400, "to.0.amount"),
        ({"to": [{"account": "bob", "amount": 1}, {"account": "bob", "amount": 1}]}, 400, "to.1.account"),
        ({"from": ""}, 400, "from"),
        ({"from": None}, 400, "from"),
        ({"asset": "lead"}, 404, "asset"),
        ({"amount": "0.001"}, 400, "amount"),
        ({"amount": "9" * 19}, 400, "amount"),
        ({"amount": 0}, 400, "amount"),
        ({"amount": True}, 400, "amount"),
        ({"amount": "1.01"}, 409, "amount"),
        ({"metadata": {"a": "x" * 8192}}, 400, "metadata"),
        ({"reference": "x" * 256}, 400, "reference"),
    ],
)
async def test_a_bad_request_names_the_field_and_moves_nothing(
    shop: httpx.AsyncClient, engine: AsyncEngine, change: dict[str, Any], status: int, field: str
) -> None:
    refused = await post(shop, "/transfers", GIFT | change)

    assert (refused.status_code, refused.json()["error"].get("field")) == (status, field)
    assert await bank.gold(engine, "alice", "bob") == [100, 100]


async def test_too_little_money_is_said_in_the_decimals_of_the_asset(shop: httpx.AsyncClient) -> None:
    refused = await post(shop, "/transfers", GIFT | {"amount": "12.5"})

    assert refused.json()["error"] == {
        "code": "insufficient-funds", "message": "alice has 1 gold, 12.5 needed.", "field": "amount",
    }  # fmt: skip
