"""The bare endpoints that the bench measures beside Kennel's answer what Kennel's would."""

import httpx
import pytest

from app.api import request_body
from app.api.accounts import BalanceView
from app.api.invoices import AdminInvoice, CreatedInvoice, PublicInvoice
from bench import bare, bare_reads

ADDRESS = bare_reads.FIXED["id"]


def bare_client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=request_body.WholeBody(bare.app))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_the_bare_endpoint_answers_with_every_field_of_a_new_invoice() -> None:
    items = [{"type": "item", "name": "Plush", "value": "10", "quantity": 3}]

    async with bare_client() as client:
        answer = await client.post("/account/shop/invoice", json={"items": items})

    assert (answer.status_code, answer.json().keys()) == (200, CreatedInvoice.model_fields.keys())


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/account/shop/balance", BalanceView),
        (f"/account/shop/invoice/{ADDRESS}", AdminInvoice),
        (f"/invoice/{ADDRESS}?token=t", PublicInvoice),
    ],
)
async def test_the_bare_endpoints_answer_with_every_field_of_what_is_read(
    path: str, view: type[BalanceView | AdminInvoice | PublicInvoice]
) -> None:
    async with bare_client() as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json().keys()) == (200, view.model_fields.keys())


async def test_the_bare_list_has_as_many_invoices_as_are_asked_for() -> None:
    async with bare_client() as client:
        answer = await client.get("/account/shop/invoices?limit=10")

    assert [set(item) for item in answer.json()["items"]] == [set(AdminInvoice.model_fields)] * 10
