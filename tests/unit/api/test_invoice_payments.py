import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application
from app.domain import dogecoin
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of, context_on

CUSTOMER = dogecoin.to_address(dogecoin.REGTEST, dogecoin.p2pkh(bytes(20))) or ""
KEYS = count()


@pytest.fixture
async def shop(ready: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """An admin API that waits for no sender, with an empty shop and a payer who has 100 DOGE."""
    kennel = replace(context_on(ready), pay_wait_seconds=0)
    async with client_of(application.admin(kennel, lambda: "id")) as opened:
        payer = (await request(opened, "/account/payer")).json()
        await request(opened, "/account/shop")
        chain = await Chain(ready).start()
        await chain.mine((payer["id"], doge(100)))
        await chain.deepen(5)
        yield opened


async def request(client: httpx.AsyncClient, path: str, body: Any = None, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(path, content=json.dumps(body or {}), headers=headers)


async def invoice(shop: httpx.AsyncClient, value: str = "10") -> str:
    item = {"type": "item", "name": "Treat", "value": value, "quantity": 1}
    made = await request(shop, "/account/shop/invoice", {"items": [item]})
    return str(made.json()["id"])


async def paid(shop: httpx.AsyncClient, value: str = "10") -> str:
    made = await invoice(shop, value)
    assert (await shop.post(f"/invoice/{made}/payfrom/payer")).status_code == 200
    return made


async def balance(shop: httpx.AsyncClient, name: str) -> list[str]:
    return list((await shop.get(f"/account/{name}/balance")).json().values())


async def refund(shop: httpx.AsyncClient, path: str, body: Any = None) -> httpx.Response:
    return await request(shop, path, body, f"key-{next(KEYS)}")


async def test_payfrom_answers_as_gigawallet_does_and_without_a_transaction(shop: httpx.AsyncClient) -> None:
    made = await invoice(shop)

    answer = await shop.post(f"/invoice/{made}/payfrom/payer")

    assert answer.json() == {"hex": "", "total": "10", "paid": "10", "fee": "0", "tx": ""}
    assert (await balance(shop, "payer"))[1] == "90"
    assert (await shop.get(f"/account/shop/invoice/{made}")).json()["state"] == "confirmed"


async def test_a_paid_invoice_is_not_paid_again_unless_it_is_the_same_request(
    shop: httpx.AsyncClient,
) -> None:
    path = f"/invoice/{await invoice(shop)}/payfrom/payer"

    first, same = [await request(shop, path, key="pay") for _ in range(2)]
    again = await request(shop, path)
    by_chain = await request(shop, path, {"on_chain": True})

    assert same.json() == first.json()
    assert same.headers["idempotent-replayed"] == "true"
    assert [answer.status_code for answer in (again, by_chain)] == [409, 409]
    assert (await balance(shop, "payer"))[1] == "90"


@pytest.mark.parametrize(("query", "body"), [("?on_chain=true", None), ("", {"on_chain": True})])
async def test_on_the_chain_it_is_a_payment(shop: httpx.AsyncClient, query: str, body: Any) -> None:
    made = await invoice(shop)

    answer = await request(shop, f"/invoice/{made}/payfrom/payer{query}", body)

    payment = (await shop.get(f"/account/payer/payment/{answer.json()['id']}")).json()
    assert payment["pay_to"] == [{"to": made, "amount": "10", "deduct_fee_percent": "0"}]
    assert payment["reference"] == made
    assert (await shop.get(f"/account/shop/invoice/{made}")).json()["state"] == "unpaid"


async def test_one_key_with_and_without_the_query_is_another_request(shop: httpx.AsyncClient) -> None:
    path = f"/invoice/{await invoice(shop)}/payfrom/payer"

    first, other = [await request(shop, path + query, key="pay") for query in ("?on_chain=true", "")]
    await shop.post(path)
    same = await request(shop, f"{path}?on_chain=true", key="pay")

    assert [answer.status_code for answer in (first, other, same)] == [200, 422, 200]
    assert same.json() == first.json()


async def test_what_cannot_be_paid_is_refused(shop: httpx.AsyncClient) -> None:
    made, dear = await invoice(shop), await invoice(shop, "101")

    for path, status, code in (
        (f"/invoice/{made}/payfrom/nobody", 404, "not-found"),
        ("/invoice/junk/payfrom/payer", 404, "not-found"),
        (f"/invoice/{made}/payfrom/shop", 400, "bad-request"),
        (f"/invoice/{dear}/payfrom/payer", 409, "insufficient-funds"),
        (f"/invoice/{dear}/payfrom/payer?on_chain=true", 409, "insufficient-funds"),
        (f"/invoice/{made}/payfrom/payer?on_chain=perhaps", 400, "bad-request"),
    ):
        answer = await shop.post(path)

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await balance(shop, "payer"))[1] == "100"


async def test_a_refund_to_an_account_is_a_transfer(shop: httpx.AsyncClient) -> None:
    made = await paid(shop)

    answer = await refund(shop, f"/invoice/{made}/refundtoacc/payer", {"amount": "4"})

    assert answer.json() == {
        "id": answer.json()["id"], "type": "REFUND",
        "from": "shop", "to": "payer", "asset": "DOGE", "amount": "4",
        "reference_type": "invoice", "reference": made, "metadata": {},
        "reversed": "0", "reverses": None, "created": answer.json()["created"],
    }  # fmt: skip
    assert (await balance(shop, "payer"))[1] == "94"
    assert (await shop.get(f"/account/shop/invoice/{made}")).json()["refunded"] == "4"


async def test_a_refund_to_an_address_is_a_payment(shop: httpx.AsyncClient) -> None:
    made = await paid(shop)

    answer = await refund(shop, f"/invoice/{made}/refundtoaddr/{CUSTOMER}", {"amount": 4})

    payment = answer.json()
    assert payment["pay_to"] == [{"to": CUSTOMER, "amount": "4", "deduct_fee_percent": "0"}]
    assert (payment["foreign_id"], payment["state"], payment["reference"]) == ("shop", "PENDING", made)
    assert (await shop.get(f"/account/shop/payment/{payment['id']}")).json() == payment


@pytest.mark.parametrize("to", ["refundtoacc/payer", f"refundtoaddr/{CUSTOMER}"])
async def test_a_refund_needs_a_key_and_with_it_happens_once(shop: httpx.AsyncClient, to: str) -> None:
    path = f"/invoice/{await paid(shop)}/{to}"

    keyless = await request(shop, path, {"amount": 4})
    answers = await asyncio.gather(*(request(shop, path, {"amount": 4}, "refund") for _ in range(4)))
    other = await request(shop, path, {"amount": 5}, "refund")

    assert keyless.status_code == 400
    assert keyless.json()["error"]["field"] == "Idempotency-Key"
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert other.status_code == 422


async def test_what_cannot_be_refunded_is_refused(shop: httpx.AsyncClient) -> None:
    made, unpaid = await paid(shop), await invoice(shop)

    for path, body, status, field in (
        (f"/invoice/{made}/refundtoacc/payer", {"amount": "10.00000001"}, 409, "amount"),
        (f"/invoice/{made}/refundtoaddr/{CUSTOMER}", {"amount": "11"}, 409, "amount"),
        (f"/invoice/{made}/refundtoacc/payer", {"amount": 0}, 400, "amount"),
        (f"/invoice/{made}/refundtoacc/payer", {"amount": -1}, 400, "amount"),
        (f"/invoice/{made}/refundtoacc/payer", {"amount": "x"}, 400, "amount"),
        (f"/invoice/{made}/refundtoacc/nobody", None, 404, "foreign_id"),
        (f"/invoice/{made}/refundtoacc/shop", None, 400, "foreign_id"),
        (f"/invoice/{made}/refundtoaddr/junk", None, 400, "address"),
        (f"/invoice/{unpaid}/refundtoacc/payer", None, 409, "id"),
        ("/invoice/junk/refundtoacc/payer", None, 404, "id"),
    ):
        answer = await refund(shop, path, body)

        assert (answer.status_code, answer.json()["error"].get("field")) == (status, field), (
            path,
            answer.text,
        )


async def test_openapi_says_where_a_key_is_needed_and_which_bodies_may_be_missing(
    shop: httpx.AsyncClient,
) -> None:
    described = (await shop.get("/openapi.json")).json()["paths"]

    needed = {
        path: next(
            parameter["required"]
            for parameter in described[path]["post"]["parameters"]
            if parameter["in"] == "header"
        )
        for path in (
            "/invoice/{invoice_id}/refundtoacc/{foreign_id}",
            "/escrow/{id}/release",
            "/invoice/{invoice_id}/payfrom/{foreign_id}",
        )
    }
    assert list(needed.values()) == [True, True, False]
    assert not described["/account/{foreign_id}/address"]["post"]["requestBody"]["required"]
