"""The page of an invoice with a price in money: both amounts, the rate, who says so and until when."""

import re

import httpx
import pytest

from app.api.context import AppContext
from tests.unit.api.conftest import rate_in_euros

ITEM = {"type": "item", "name": "Doge plush", "fiat_value": "617.28", "quantity": 2}


@pytest.fixture
async def invoice(admin: httpx.AsyncClient, kennel: AppContext) -> dict[str, str]:
    await rate_in_euros(kennel, "0.1512", "api.example")
    await admin.post("/account/shop", json={})
    made = await admin.post("/account/shop/invoice", json={"fiat_currency": "EUR", "items": [ITEM]})
    return dict(made.json())


async def page(payer: httpx.AsyncClient, invoice: dict[str, str], **parameters: str) -> str:
    """Return the texts of the page with single blanks."""
    answer = await payer.get(f"/pay/{invoice['id']}", params={"token": invoice["token"], **parameters})
    return " ".join(re.sub(r"<[^>]+>|[\u2068\u2069]", " ", answer.text).split())


async def test_the_page_says_both_amounts_the_rate_its_source_and_until_when(
    payer: httpx.AsyncClient, invoice: dict[str, str]
) -> None:
    text = await page(payer, invoice)

    assert "8,165.07936508 DOGE 1,234.56 EUR 1 DOGE = 0.1512 EUR (api.example, 20" in text
    assert "This price holds until 20" in text


async def test_the_receipt_has_the_items_in_money_and_the_sum_in_both(
    payer: httpx.AsyncClient, invoice: dict[str, str]
) -> None:
    text = await page(payer, invoice, lang="de")

    assert "Doge plush 2 \u00d7 617,28 1.234,56 Summe 1.234,56 EUR In DOGE 8.165,07936508 DOGE" in text
    assert "Kurs 1 DOGE = 0,1512 EUR (api.example, 20" in text


async def test_an_invoice_in_dogecoin_says_nothing_of_rates(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient, invoice: dict[str, str]
) -> None:
    items = [{"type": "item", "name": "Treat", "value": "1", "quantity": 1}]
    made = (await admin.post("/account/shop/invoice", json={"items": items})).json()

    text = await page(payer, made)

    assert "EUR" not in text
    assert "1 DOGE =" not in text
