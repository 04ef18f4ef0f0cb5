"""Pay links as the merchant makes, lists and closes them."""

import json
from typing import Any

import httpx
import pytest

TREAT = {"type": "item", "name": "Treat", "value": "2.5", "quantity": 2}
PLUSH = {"type": "item", "name": "Doge plush", "fiat_value": "9.95", "quantity": 2}
TERMS = {
    "reference": "order-7", "metadata": {"a": 1.50}, "required_confirmations": 2,
    "return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/basket",
}  # fmt: skip


async def made(shop: httpx.AsyncClient, **order: Any) -> dict[str, Any]:
    answer = await shop.post("/account/shop/link", content=json.dumps(order))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_link_has_what_it_asks_for_in_dogecoin_or_in_money(shop: httpx.AsyncClient) -> None:
    plain = await made(shop, amount="5", once=True, expires="2100-01-01T00:00:00Z", **TERMS)
    bought = await made(shop, items=[TREAT])
    money = await made(shop, fiat_currency="eur", items=[PLUSH])
    tips = await made(shop, fiat_currency="EUR", open_amount=True)

    assert plain["url"] == f"http://127.0.0.1:8082/l/{plain['id']}"
    assert {name: plain[name] for name in TERMS} == TERMS
    assert (plain["amount"], plain["fiat_total"], plain["once"], plain["state"]) == ("5", "", True, "open")
    assert plain["expires"] == "2100-01-01T00:00:00+00:00"
    assert (bought["amount"], bought["items"][0]["value"]) == ("5", "2.5")
    assert (money["amount"], money["fiat_total"], money["fiat_currency"]) == ("", "19.90", "EUR")
    assert "value" not in money["items"][0]
    assert (tips["fiat_total"], tips["open_amount"], tips["once"], tips["expires"]) == ("", True, False, None)


async def test_links_are_listed_newest_first_and_closed_for_good(shop: httpx.AsyncClient) -> None:
    links = [await made(shop, amount=n + 1) for n in range(3)]

    closed = [await shop.post(f"/link/{links[0]['id']}/close") for _ in range(2)]
    first = (await shop.get("/account/shop/links?limit=2")).json()
    rest = (await shop.get("/account/shop/links", params={"cursor": first["cursor"]})).json()

    assert [answer.json()["state"] for answer in closed] == ["closed", "closed"]
    assert first["items"] == links[:0:-1]
    assert rest == {"items": [links[0] | {"state": "closed"}], "cursor": ""}


async def test_a_link_is_made_once_for_a_key(shop: httpx.AsyncClient) -> None:
    keyed = {"Idempotency-Key": "k"}

    answers = [await shop.post("/account/shop/link", json={"amount": 5}, headers=keyed) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"fiat_currency": "EUR"}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": 1, "amount": 1}, "amount"),
        ({"fiat_currency": "CHF", "fiat_total": 1}, "fiat_currency"),
        ({"fiat_total": 1}, "fiat_total"),
        ({"items": [TREAT], "open_amount": True}, "items"),
        ({"items": [TREAT], "amount": 6}, "amount"),
        ({"items": [PLUSH]}, "items.0.fiat_value"),
        ({"amount": 1, "expires": "tomorrow"}, "expires"),
        ({"amount": 1, "return_url": "javascript:alert(1)"}, "return_url"),
        ({"amount": 1, "required_confirmations": 1001}, "required_confirmations"),
    ],
)
async def test_what_can_make_no_invoice_is_refused_by_name(
    shop: httpx.AsyncClient, order: dict[str, Any], field: str
) -> None:
    answer = await shop.post("/account/shop/link", content=json.dumps(order))

    assert (answer.status_code, answer.json()["error"].get("field")) == (400, field), answer.text
    assert (await shop.get("/account/shop/links")).json()["items"] == []


async def test_there_is_no_link_of_nobody(shop: httpx.AsyncClient) -> None:
    statuses = [
        (await shop.post("/account/nobody/link", json={"amount": 5})).status_code,
        (await shop.get("/account/nobody/links")).status_code,
        (await shop.post("/link/nothing/close")).status_code,
        (await shop.get("/account/shop/links?cursor=x")).status_code,
    ]

    assert statuses == [404, 404, 404, 400]
