"""What a payer's page asks while it waits, and the pages that an invoice names."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import dogecoin
from tests.scenario import Chain, doge

ITEM = {"type": "item", "name": "Doge plush", "value": "10", "quantity": 1}
PUBLIC_URL = "http://127.0.0.1:8082"
RETURN, CANCEL = "https://shop.example/thanks?order=1001#top", "http://[::1]:8080/basket"


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await admin.post("/account/shop", content="{}")).status_code == 200
    return admin


async def issued(shop: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await shop.post("/account/shop/invoice", content=json.dumps({"items": [ITEM], **body}))
    assert answer.status_code == 200, answer.text
    invoice: dict[str, Any] = answer.json()
    return invoice


async def test_the_status_has_the_fields_of_the_design(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    made = await issued(shop, required_confirmations=3, expire_minutes=30)
    chain = await Chain(engine).start()
    block = await chain.mine((made["id"], doge(4)))
    txid = block.outputs[0].outpoint.txid[::-1].hex()

    answer = await payer.get(f"/invoice/{made['id']}/status")

    assert answer.status_code == 200
    assert answer.json() == {
        "id": made["id"],
        "state": "partial",
        "total": "10",
        "received": "4",
        "confirmed": "0",
        "seen": "0",
        "unconfirmed": False,
        "remaining": "6",
        "confirmations": 1,
        "required_confirmations": 3,
        "estimate_seconds_to_confirm": 2,
        "expires": made["expires"],
        "payments": [{"txid": txid, "amount": "4", "confirmations": 1}],
        "fiat_total": "",
        "fiat_currency": "",
        "rate": "",
        "rate_source": "",
        "rate_at": None,
    }


@pytest.mark.parametrize("text", ["junk", "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb", "D" * 500, "%00", "'"])
async def test_what_is_no_invoice_has_no_status(payer: httpx.AsyncClient, text: str) -> None:
    answer = await payer.get(f"/invoice/{text}/status")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not-found"


async def test_the_merchant_has_no_such_path(shop: httpx.AsyncClient) -> None:
    assert (await shop.get(f"/invoice/{(await issued(shop))['id']}/status")).status_code == 404


async def test_the_pages_of_the_shop_are_shown_wherever_the_invoice_is(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    made = await issued(shop, return_url=RETURN, cancel_url=CANCEL)
    path = f"/account/shop/invoice/{made['id']}"
    answers = [
        await shop.get(path),
        await payer.get(f"/invoice/{made['id']}"),
        await payer.get(f"/invoice/{made['id']}", params={"return_url": "https://evil.example"}),
        await shop.post(f"{path}/cancel"),
    ]
    [listed] = (await shop.get("/account/shop/invoices")).json()["items"]

    shown = [made, listed, *(answer.json() for answer in answers)]

    assert {(invoice["return_url"], invoice["cancel_url"]) for invoice in shown} == {(RETURN, CANCEL)}


async def test_an_invoice_without_pages_leads_nowhere(shop: httpx.AsyncClient) -> None:
    made = await issued(shop, return_url="", cancel_url=None)

    assert (made["return_url"], made["cancel_url"]) == ("", "")


@pytest.mark.parametrize("field", ["return_url", "cancel_url"])
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,hi",
        "ftp://shop.example/",
        "//evil.example/",
        "/thanks",
        "thanks",
        "https:",
        "https://",
        "https:/evil.example",
        "https:///evil.example",
        "http://shop.example:port/",
        "http://shop.example:99999/",
        "https://shibe@shop.example/",
        "https://shibe:wow@shop.example/",
        "https://shop.example@evil.example/",
        "https://@shop.example/",
        "https://evil.example\\@shop.example/",
        "https:\\\\shop.example/",
        "https://shop.example/\n",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\t",
        "https://shop.example/\x00",
        "https://shop.example/\u2028",
        " https://shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\u3000",
        "https://[::1/",
        "https://shop.example/" + "a" * 1_980,
        7,
        ["https://shop.example/"],
    ],
)
async def test_what_is_no_page_is_refused_by_the_fields_name(
    shop: httpx.AsyncClient, field: str, url: object
) -> None:
    answer = await shop.post("/account/shop/invoice", content=json.dumps({"items": [ITEM], field: url}))

    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("bad-request", field)
    assert error["message"].startswith(field)


async def test_a_page_may_have_two_thousand_characters_of_any_language(shop: httpx.AsyncClient) -> None:
    url = "HTTPS://müller.example:8443/straße?q=ü%20" + "a" * 1_960
    assert (await issued(shop, return_url=url[:2_000]))["return_url"] == url[:2_000]


async def test_the_page_that_takes_the_payment_opens_the_items_for_those_who_may_see_them(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    made = await issued(shop)
    plain = f"{PUBLIC_URL}/pay/{made['id']}"
    opening = f"{plain}?token={made['token']}"

    merchant = (await shop.get(f"/account/shop/invoice/{made['id']}")).json()
    bare = (await payer.get(f"/invoice/{made['id']}", params={"token": "guess"})).json()
    whole = (await payer.get(f"/invoice/{made['id']}", params={"token": made["token"]})).json()

    assert [made["pay_url"], merchant["pay_url"], whole["pay_url"]] == [opening] * 3
    assert bare["pay_url"] == plain
    assert dogecoin.to_script_or_none(dogecoin.REGTEST, plain.rpartition("/")[2]) is not None
