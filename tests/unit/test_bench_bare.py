"""The bare endpoint that the bench measures beside Kennel's answers what Kennel's would."""

import httpx

from app.api import request_body
from app.api.invoices import CreatedInvoice
from bench import bare


async def test_the_bare_endpoint_answers_with_every_field_of_a_new_invoice() -> None:
    transport = httpx.ASGITransport(app=request_body.WholeBody(bare.app))
    items = [{"type": "item", "name": "Plush", "value": "10", "quantity": 3}]

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post("/account/shop/invoice", json={"items": items})

    assert (answer.status_code, answer.json().keys()) == (200, CreatedInvoice.model_fields.keys())
