"""A new account may open with credits from the treasury: once, whole, or not at all."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts, balances, entries, outbox

OPENING = {"opening": {"gold": "12.5", "gems": 3}}


@pytest.fixture
async def wallet(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """Two assets: gold in hundredths, gems whole."""
    for code, decimals in (("gold", 2), ("gems", 0)):
        await admin.post("/assets", json={"code": code, "decimals": decimals})
    return admin


async def post(admin: httpx.AsyncClient, body: Any, name: str = "alice", **headers: str) -> httpx.Response:
    return await admin.post(f"/account/{name}", content=json.dumps(body), headers=headers)


async def available(admin: httpx.AsyncClient, name: str = "alice") -> dict[str, str]:
    items = (await admin.get(f"/account/{name}/balances")).json()["items"]
    return {item["asset"]: item["available"] for item in items}


async def test_an_account_opens_with_credits_that_are_topups_and_are_told(
    wallet: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    opened = await post(wallet, OPENING | {"name": "Alice"})

    history = (await wallet.get("/account/alice/history")).json()["items"]
    async with ready.connect() as db:
        types = list(await db.scalars(sa.select(outbox.c.type).order_by(outbox.c.id)))
    assert (opened.status_code, opened.json()["name"]) == (200, "Alice")
    assert await available(wallet) == {"DOGE": "0", "gems": "3", "gold": "12.5"}
    assert sorted((line["type"], line["asset"], line["credit"]) for line in history) == [
        ("TOPUP", "gems", "3"),
        ("TOPUP", "gold", "12.5"),
    ]
    assert types == ["ACC_CREATED", "TRANSFER_RECEIVED", "TRANSFER_RECEIVED"]


async def test_an_account_that_exists_takes_no_opening_and_no_other_change_with_it(
    wallet: httpx.AsyncClient,
) -> None:
    await post(wallet, {})

    refused = await post(wallet, OPENING | {"name": "Alice"})

    assert (refused.status_code, refused.json()["error"]["field"]) == (409, "opening")
    assert await available(wallet) == {"DOGE": "0"}
    assert (await wallet.get("/account/alice")).json()["name"] == ""


async def test_many_that_open_one_account_at_once_open_it_once(wallet: httpx.AsyncClient) -> None:
    keyed = [post(wallet, OPENING, "bob", **{"Idempotency-Key": "bob"}) for _ in range(10)]

    plain = await asyncio.gather(*(post(wallet, OPENING) for _ in range(10)))
    replayed = await asyncio.gather(*keyed)

    assert sorted(answer.status_code for answer in plain) == [200] + [409] * 9
    assert [answer.status_code for answer in replayed] == [200] * 10
    assert (
        await available(wallet)
        == await available(wallet, "bob")
        == {"DOGE": "0", "gems": "3", "gold": "12.5"}
    )


async def test_a_wrong_opening_is_named_and_opens_nothing(
    wallet: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    wrong: list[tuple[Any, int, str]] = [
        ({"DOGE": "1"}, 400, "opening.DOGE"),
        ({"silver": "1"}, 404, "opening.silver"),
        ({"gold": "1", "gems": "0.5"}, 400, "opening.gems"),
        ({"gold": "1.234"}, 400, "opening.gold"),
        ({"gold": "-1"}, 400, "opening.gold"),
        ({"gold": 0}, 400, "opening.gold"),
        ({"gold": "92233720368547758.08"}, 400, "opening.gold"),
        ({"gold": None}, 400, "opening.gold"),
        (["gold"], 400, "opening"),
        ({f"a{n}": "1" for n in range(101)}, 400, "opening"),
    ]

    beside = [post(wallet, OPENING, f"good-{number}") for number in range(2)]
    answers = await asyncio.gather(*(post(wallet, {"opening": opening}) for opening, _, _ in wrong), *beside)

    named = [(answer.status_code, answer.json()["error"]["field"]) for answer in answers[: len(wrong)]]
    assert named == [(status, field) for _, status, field in wrong]
    assert [answer.status_code for answer in answers[len(wrong) :]] == [200, 200]
    async with ready.connect() as db:
        assert sorted(await db.scalars(sa.select(accounts.c.foreign_id))) == ["good-0", "good-1"]
        assert await db.scalar(sa.select(sa.func.count()).select_from(entries)) == 4
        assert await db.scalar(sa.select(sa.func.count()).select_from(balances)) == 4
