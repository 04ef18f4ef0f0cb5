import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.scenario import Chain, doge


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await admin.post("/account/shop", content="{}")).status_code == 200
    return admin


async def give_address(shop: httpx.AsyncClient, content: str = "", **headers: str) -> dict[str, Any]:
    answer = await shop.post("/account/shop/address", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    address: dict[str, Any] = answer.json()
    return address


async def pages(shop: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """All items of a list, two by two."""
    items, cursor = [], ""
    while True:
        answer = await shop.get(path, params={"cursor": cursor, "limit": 2})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if not (cursor := page["cursor"]):
            return items


async def test_a_deposit_address_comes_with_its_uri_and_qr_code(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    made = await give_address(shop)

    assert list(made) == ["address", "uri", "qr"]
    assert made["uri"] == f"dogecoin:{made['address']}"
    answer = await payer.get(made["qr"])
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (512, 512)


async def test_it_stays_the_same_until_a_fresh_one_is_asked_for(shop: httpx.AsyncClient) -> None:
    bodies = ["", "{}", '{"fresh":false}', '{"fresh":true}', "{}"]

    made = [(await give_address(shop, body))["address"] for body in bodies]

    assert made[0] == made[1] == made[2]
    assert made[3] == made[4] != made[0]


async def test_the_same_key_gives_one_address(shop: httpx.AsyncClient) -> None:
    fresh = [
        await give_address(shop, '{"fresh":true}', **{"Idempotency-Key": key}) for key in ("a", "a", "b")
    ]

    assert fresh[0] == fresh[1] != fresh[2]


@pytest.mark.parametrize("body", ['{"fresh":"yes"}', "[]", "{"])
async def test_a_wrong_body_is_refused(shop: httpx.AsyncClient, body: str) -> None:
    assert (await shop.post("/account/shop/address", content=body)).status_code == 400


async def test_an_unknown_account_has_no_addresses_and_no_deposits(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/account/nobody/address")).status_code == 404
    for path in ("addresses", "deposits"):
        assert (await admin.get(f"/account/nobody/{path}")).status_code == 404


async def test_addresses_are_listed_page_by_page(shop: httpx.AsyncClient) -> None:
    made = [(await give_address(shop, '{"fresh":true}'))["address"] for _ in range(4)]
    account = (await shop.get("/account/shop")).json()

    listed = await pages(shop, "/account/shop/addresses")

    assert [address["address"] for address in listed] == [*made, account["id"]]
    assert list(listed[0]) == ["address", "path", "purpose", "used", "created"]
    assert [address["path"] for address in listed[:2]] == ["m/44'/1'/0'/0/0", "m/44'/1'/0'/0/1"]


async def test_deposits_are_listed_page_by_page(shop: httpx.AsyncClient, ready: AsyncEngine) -> None:
    made = await give_address(shop)
    item = {"type": "item", "name": "Treat", "value": "1", "quantity": 1}
    invoice = (await shop.post("/account/shop/invoice", content=json.dumps({"items": [item]}))).json()
    chain = await Chain(ready).start()
    for amount in (1, 2, 3):
        await chain.mine((made["address"], doge(amount)))
    await chain.mine((invoice["id"], doge(4)))

    deposits = await pages(shop, "/account/shop/deposits")

    assert [deposit["amount"] for deposit in deposits] == ["4", "3", "2", "1"]
    assert [deposit["confirmations"] for deposit in deposits] == [1, 2, 3, 4]
    assert [deposit["invoice"] for deposit in deposits] == [invoice["id"], "", "", ""]
    assert deposits[1] == {
        "txid": chain.blocks[2].outputs[0].outpoint.txid[::-1].hex(), "vout": 0, "address": made["address"],
        "invoice": "", "amount": "3", "confirmations": 2, "required_confirmations": 6, "state": "incoming",
        "created": deposits[1]["created"], "fiat": None,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["addresses", "deposits"])
@pytest.mark.parametrize("cursor", ["x", "MA", "%00", "A" * 500, "OTk5OTk5OTk5OTkgMSAwMCAw"])
async def test_a_cursor_of_another_making_is_refused(shop: httpx.AsyncClient, path: str, cursor: str) -> None:
    answer = await shop.get(f"/account/shop/{path}?cursor={cursor}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "cursor"


async def test_only_deposit_addresses_have_a_qr_code_here(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    account = (await shop.get("/account/shop")).json()

    for address in (account["id"], "nonsense", "%00", "D" * 100):
        answer = await payer.get(f"/address/{address}/qr.png")

        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not-found"
    assert (await shop.get(f"/address/{(await give_address(shop))['address']}/qr.png")).status_code == 404
