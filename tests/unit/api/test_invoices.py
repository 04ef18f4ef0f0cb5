import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts, invoices, outbox

ITEM = {"type": "item", "name": "Doge plush", "value": "24.89", "quantity": 2}
DISCOUNT = {"type": "discount", "name": "Friend", "value": -1.5, "quantity": 1}
PUBLIC = [
    "id",
    "items",
    "created",
    "total",
    "pay_to_address",
    "required_confirmations",
    "part_payment_detected",
]
PUBLIC += [
    "total_payment_detected",
    "total_payment_confirmed",
    "payment_unconfirmed",
    "estimate_seconds_to_confirm",
]
ADMIN = [
    "id",
    "account",
    "items",
    "required_confirmations",
    "created",
    "total",
    "total_incoming",
    "total_confirmed",
]
ADMIN += ["pay_to_address", *PUBLIC[6:]]
ITEM_FIELDS = ["type", "name", "sku", "description", "value", "quantity", "image_link"]


@pytest.fixture
async def shop(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await admin.post("/account/shop", content="{}")).status_code == 200
    return admin


async def issued(shop: httpx.AsyncClient, path: str = "/account/shop/invoice", **body: Any) -> dict[str, Any]:
    answer = await shop.post(path, content=json.dumps({"items": [ITEM, DISCOUNT], **body}))
    assert answer.status_code == 200, answer.text
    invoice: dict[str, Any] = answer.json()
    return invoice


async def refusal(shop: httpx.AsyncClient, body: Any) -> dict[str, Any]:
    answer = await shop.post("/account/shop/invoice", content=json.dumps(body))
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize("path", ["/account/shop/invoice", "/account/shop/invoice/"])
async def test_an_invoice_is_issued_in_gigawallets_public_form(shop: httpx.AsyncClient, path: str) -> None:
    invoice = await issued(shop, path)

    assert list(invoice)[: len(PUBLIC)] == PUBLIC
    assert list(invoice["items"][0]) == ITEM_FIELDS
    assert invoice["total"] == "48.28"
    assert invoice["pay_to_address"] == invoice["id"]
    assert invoice["required_confirmations"] == 6
    assert [value for value in invoice.values() if isinstance(value, bool)] == [False] * 5
    assert invoice["state"] == "unpaid"
    assert invoice["uri"] == f"dogecoin:{invoice['id']}?amount=48.28"
    assert not {"amount", "status", "foreign_id"} & set(invoice)


async def test_the_readme_shows_the_first_account_and_invoice_as_they_are_answered(
    shop: httpx.AsyncClient,
) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    blocks = re.findall(r'^    (\{"id":.*?\})\n\n', readme, re.MULTILINE | re.DOTALL)
    account = (await shop.post("/account/shop", content="{}")).json()

    shown = [list(json.loads(re.sub(r"\n *", "", block))) for block in blocks]

    assert shown == [list(account), list(await issued(shop))]


async def test_the_merchant_sees_gigawallets_admin_form(shop: httpx.AsyncClient) -> None:
    made = await issued(shop, reference="order 7", metadata={"basket": [1, 2.5]}, required_confirmations=0)
    account = (await shop.get("/account/shop")).json()

    shown = (await shop.get(f"/account/shop/invoice/{made['id']}")).json()

    assert list(shown)[: len(ADMIN)] == ADMIN
    assert shown["account"] == account["id"]
    assert shown["pay_to_address"] == made["id"]
    assert shown["required_confirmations"] == 0
    assert (shown["reference"], shown["metadata"]) == ("order 7", {"basket": [1, 2.5]})
    assert shown["token"] == made["token"]
    assert shown["created"] == made["created"]


async def test_metadata_goes_out_as_it_came_in_wherever_an_invoice_is_shown(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    metadata = (
        '"metadata":{"eth":1.000000000000000001,"big":9007199254740993.0,"said":"\\"metadata\\":\\"{}\\" é"}'
    )
    body = f'{{"items":[{json.dumps(ITEM)}],{metadata}}}'

    answers = [
        await shop.post("/account/shop/invoice", content=body, headers={"Idempotency-Key": "m"}) for _ in "12"
    ]
    made = answers[0].json()
    path = f"/account/shop/invoice/{made['id']}"
    answers += [
        await shop.get(path),
        await shop.get("/account/shop/invoices"),
        await shop.post(f"{path}/cancel"),
    ]
    answers += [await payer.get(f"/invoice/{made['id']}", params={"token": made["token"]})]
    async with ready.connect() as db:
        message = await db.scalar(select(outbox.c.message).where(outbox.c.type == "INV_CREATED"))

    assert [metadata in answer.text for answer in answers] == [True] * 6
    assert message is not None
    assert metadata in message
    assert json.loads(message)["items"] == made["items"]


async def test_the_payer_sees_items_with_the_token_only(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    made = await issued(shop, reference="order 7", metadata={"customer": "Shibe"})

    bare = (await payer.get(f"/invoice/{made['id']}")).json()
    wrong = (await payer.get(f"/invoice/{made['id']}?token=guess%C3%BC")).json()
    whole = (await payer.get(f"/invoice/{made['id']}", params={"token": made["token"]})).json()

    assert wrong == bare
    assert (bare["items"], bare["reference"], bare["metadata"]) == ([], "", {})
    assert "token" not in bare
    assert whole == {name: value for name, value in made.items() if name != "token"}
    assert list(bare) == list(whole)


async def test_invoices_are_listed_by_key_index_with_gigawallets_cursor(shop: httpx.AsyncClient) -> None:
    ids = [(await issued(shop))["id"] for _ in range(5)]

    first = (await shop.get("/account/shop/invoices?limit=3")).json()
    second = (await shop.get(f"/account/shop/invoices?limit=3&cursor={first['cursor']}")).json()

    assert [invoice["id"] for invoice in first["items"]] == ids[:3]
    assert first["cursor"] == 3
    assert [invoice["id"] for invoice in second["items"]] == ids[3:]
    assert second["cursor"] == 0
    assert (await shop.get("/account/shop/invoices?cursor=5")).json() == {"items": [], "cursor": 0}


async def test_an_invoice_of_another_account_is_no_such_invoice(shop: httpx.AsyncClient) -> None:
    made = await issued(shop)
    account = (await shop.post("/account/other", content="{}")).json()

    for path in (f"/account/other/invoice/{made['id']}", f"/account/shop/invoice/{account['id']}"):
        answer = await shop.get(path)

        assert answer.status_code == 404
        assert "no such invoice" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/invoice/{}", "/invoice/{}/qr.png", "/invoice/nonsense", "/invoice/%00/qr.png"]
)
async def test_an_unknown_invoice_is_404(payer: httpx.AsyncClient, path: str) -> None:
    answer = await payer.get(path.format("nXWd1WH3xAyaNJt3khVP3ZyJLYeEeC6Kk5"))

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not-found"


async def test_an_invoices_qr_code_is_a_picture_that_may_be_kept(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    made = await issued(shop)

    answer = await payer.get(f"/invoice/{made['id']}/qr.png?fg=00000000&bg=nonsense")

    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "max-age=900, immutable"
    picture = Image.open(io.BytesIO(answer.content)).convert("RGBA")
    assert picture.size == (512, 512)
    assert {colour for _, colour in picture.getcolors() or []} == {(0, 0, 0, 0), (255, 255, 255, 255)}


async def test_invoices_asked_for_at_once_have_an_address_each(shop: httpx.AsyncClient) -> None:
    made = await asyncio.gather(*(issued(shop) for _ in range(30)))

    assert len({invoice["id"] for invoice in made}) == 30


async def test_the_same_key_issues_one_invoice(shop: httpx.AsyncClient) -> None:
    body = json.dumps({"items": [ITEM]})
    headers = {"Idempotency-Key": "order 7"}

    answers = await asyncio.gather(
        *(
            shop.post(f"/account/shop/invoice{slash}", content=body, headers=headers)
            for slash in ("", "/", "")
        )
    )

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]


WRONG: list[tuple[Any, str, str | None]] = [
    ({}, "items", "missing 'items' in JSON body"),
    ({"items": []}, "items", "missing 'items' in JSON body"),
    ({"items": [ITEM] * 501}, "items", "items must have at most 500 entries"),
    ({"items": [{**ITEM, "quantity": 0}]}, "items.0.quantity", "Item quantity should be greater than zero"),
    ({"items": [{**ITEM, "quantity": 10**10}]}, "items.0.quantity", "Item quantity is too large"),
    ({"items": [{**ITEM, "quantity": "1"}]}, "items.0.quantity", "items.0.quantity must be a whole number"),
    ({"items": [ITEM, {**ITEM, "value": 0}]}, "items.1.value", "Item value should be greater than zero"),
    ({"items": [ITEM, {**DISCOUNT, "value": 1}]}, "items.1.value", "Discount value should be less than zero"),
    ({"items": [{**ITEM, "type": "gift"}]}, "items.0.type", "Invalid item type"),
    ({"items": [{"value": 1, "quantity": 1}]}, "items.0.type", "items.0.type is required"),
    ({"items": [{**DISCOUNT}]}, "items", "The total must be greater than zero"),
    ({"items": [{**ITEM, "value": "0.001", "quantity": 1}]}, "items", None),
    ({"items": [{**ITEM, "value": "10000000000", "quantity": 2}]}, "items", None),
    ({"items": [{**ITEM, "value": "0.123456789"}]}, "items.0.value", None),
    ({"items": [{**ITEM, "name": "n" * 1001}]}, "items.0.name", None),
    ({"items": [{**ITEM, "sku": "n" * 256}]}, "items.0.sku", None),
    ({"items": [{**ITEM, "image_link": "n" * 2001}]}, "items.0.image_link", None),
    ({"items": [ITEM], "required_confirmations": -2}, "required_confirmations", None),
    ({"items": [ITEM], "required_confirmations": 1001}, "required_confirmations", None),
    ({"items": [ITEM], "required_confirmations": "3"}, "required_confirmations", None),
    ({"items": [ITEM], "payment_tolerance": -1}, "payment_tolerance", None),
    ({"items": [ITEM], "payment_tolerance": 100}, "payment_tolerance", None),
    ({"items": [ITEM], "payment_tolerance": "x"}, "payment_tolerance", None),
    ({"items": [ITEM], "reference": "r" * 256}, "reference", None),
    ({"items": [ITEM], "metadata": [1]}, "metadata", None),
    ({"items": [ITEM], "expire_minutes": 0}, "expire_minutes", None),
    ({"items": [ITEM], "expire_minutes": "5"}, "expire_minutes", None),
    ({"items": "none"}, "items", None),
    ({"items": [None]}, "items.0.type", None),
]


async def test_a_wrong_invoice_is_refused_by_field_and_changes_nothing(
    shop: httpx.AsyncClient, ready: AsyncEngine
) -> None:
    for body, field, message in WRONG:
        error = await refusal(shop, body)

        assert error["field"] == field
        assert error["code"] == "bad-request"
        assert message is None or error["message"] == message
    async with ready.connect() as db:
        assert (await db.execute(select(invoices))).first() is None
        assert (await db.execute(select(accounts.c.next_index))).scalar_one() == 0


async def test_an_invoice_shows_its_end_and_can_be_cancelled(shop: httpx.AsyncClient) -> None:
    made = await issued(shop, expire_minutes=90)
    path = f"/account/shop/invoice/{made['id']}"

    answers = [await shop.post(f"{path}/cancel", headers={"Idempotency-Key": "end"}) for _ in range(2)]

    assert made["expires"] > made["created"]
    assert (made["late"], made["refunded"]) == (False, "0")
    assert answers[0].json() == answers[1].json() == (await shop.get(path)).json()
    assert answers[0].json()["state"] == "cancelled"
    assert (await shop.post("/account/shop/invoice/junk/cancel")).status_code == 404


async def test_invoices_are_listed_by_state_reference_and_time(shop: httpx.AsyncClient) -> None:
    made = [await issued(shop, reference=f"order {n}") for n in range(3)]
    await shop.post(f"/account/shop/invoice/{made[1]['id']}/cancel")

    async def listed(**query: str) -> list[str]:
        answer = await shop.get("/account/shop/invoices", params=query)
        return [invoice["reference"] for invoice in answer.json()["items"]]

    assert await listed(state="cancelled") == ["order 1"]
    assert await listed(state="unpaid", reference="order 2") == ["order 2"]
    assert await listed(**{"from": made[1]["created"], "to": made[2]["created"]}) == ["order 1"]
    assert await listed(state="", reference="") == ["order 0", "order 1", "order 2"]


@pytest.mark.parametrize("query", ["state=gone", "from=yesterday", "to=2026-01-01T00:00:00", "reference=%00"])
async def test_a_filter_that_makes_no_sense_is_refused(shop: httpx.AsyncClient, query: str) -> None:
    answer = await shop.get(f"/account/shop/invoices?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == query.partition("=")[0]


async def test_an_invoice_for_an_unknown_account_is_404(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/account/nobody/invoice", content=json.dumps({"items": [ITEM]}))

    assert answer.status_code == 404
    assert answer.json()["error"]["field"] == "foreign_id"


async def test_a_closed_account_issues_no_invoice(shop: httpx.AsyncClient, ready: AsyncEngine) -> None:
    async with ready.begin() as db:
        await db.execute(update(accounts).values(state="closed"))

    answer = await shop.post("/account/shop/invoice", content=json.dumps({"items": [ITEM]}))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"


async def test_the_admin_api_describes_its_bodies_with_examples(admin: httpx.AsyncClient) -> None:
    described = (await admin.get("/openapi.json")).json()

    schemas = described["components"]["schemas"]
    assert schemas["NewInvoice"]["examples"]
    assert schemas["AccountFields"]["examples"]
    assert "/account/{foreign_id}/invoice/" not in described["paths"]
    assert (await admin.get("/docs")).status_code == 200


async def test_the_public_api_knows_nothing_but_invoices_and_describes_that(payer: httpx.AsyncClient) -> None:
    for path in ("/account/shop", "/accounts"):
        assert (await payer.get(path)).status_code == 404
    described = (await payer.get("/openapi.json")).json()
    assert {path.split("/")[1] for path in described["paths"]} == {"invoice", "dc", "address", "health"}
    assert "webhooks" not in described
    assert (await payer.get("/docs")).status_code == 200
    assert (await payer.get("/health")).json() == {"status": "ok"}
