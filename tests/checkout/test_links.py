"""The page of a pay link in a browser: on phones, in the dark, from right to left, without JavaScript."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.checkout.conftest import LARGE_PHONE, PHONE, MoonShop, look, shows
from tests.end_to_end.program import until

Open = Callable[..., Page]
PLUSH = {"type": "item", "name": "Doge plush", "fiat_value": "9.95", "quantity": 2}
LOOKS: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    "phone": (PHONE, {}),
    "large-phone-dark": (LARGE_PHONE, {"color_scheme": "dark"}),
    "right-to-left": (PHONE, {"locale": "ar"}),
    "without-script": (PHONE, {"java_script_enabled": False}),
    "high-contrast": (PHONE, {"contrast": "more"}),
}


@pytest.fixture(scope="module")
def priced(moon: MoonShop) -> MoonShop:
    """The shop, once there is a rate."""
    until(lambda: moon.program.admin.get("/rates").json()["items"])
    return moon


def link_of(moon: MoonShop, **order: Any) -> str:
    made = moon.program.admin.post("/account/moon/link", content=json.dumps(order))
    assert made.status_code == 200, made.text
    return str(moon.program.public.base_url.copy_with(path=f"/l/{made.json()['id']}"))


@pytest.mark.parametrize("look_name", LOOKS)
def test_a_link_is_opened_and_leads_to_an_invoice_in_every_look(
    look_name: str, priced: MoonShop, open_page: Open
) -> None:
    size, options = LOOKS[look_name]
    scripted = options.get("java_script_enabled", True)
    page = open_page(link_of(priced, fiat_currency="EUR", items=[PLUSH]), size, **options)

    if scripted:
        look(page, f"link-{look_name}")
    for selector in (".shop", ".amount", "#pay"):
        box = page.locator(selector).bounding_box()
        assert box
        assert box["y"] + box["height"] <= size[1], f"{selector} is below the first screen"
    page.locator("#pay").click()

    shows(page, "unpaid")
    assert "EUR" in page.inner_text(".money")
    if scripted:
        look(page, f"invoice-in-money-{look_name}")


def test_a_payer_says_how_much_with_the_keyboard_and_is_told_what_is_no_amount(
    priced: MoonShop, open_page: Open
) -> None:
    page = open_page(link_of(priced, fiat_currency="EUR", open_amount=True), LARGE_PHONE, locale="de")

    page.locator("#amount").fill("viel")
    page.keyboard.press("Enter")
    page.locator("#fault").wait_for()
    look(page, "link-no-amount")
    page.locator("#amount").fill("2,50")
    page.keyboard.press("Enter")

    shows(page, "unpaid")
    assert page.inner_text(".money bdi") == "2,50 EUR"
    total = Decimal(page.inner_text("#amount"))
    assert total == Decimal("16.66666667")


def test_when_the_price_runs_out_the_page_leads_to_a_new_one(priced: MoonShop, open_page: Open) -> None:
    page = open_page(link_of(priced, fiat_currency="EUR", fiat_total="5"), LARGE_PHONE)
    page.locator("#pay").click()
    shows(page, "unpaid")
    first = page.locator("main").get_attribute("data-invoice") or ""

    priced.end(priced.shop.shown(first))
    shows(page, "expired")
    look(page, "link-expired")
    page.locator("#again").click()
    page.locator("#pay").click()

    shows(page, "unpaid")
    assert page.locator("main").get_attribute("data-invoice") != first


def test_the_receipt_of_a_price_in_money_prints_with_the_rate(priced: MoonShop, open_page: Open) -> None:
    invoice = priced.invoice(items=[PLUSH], fiat_currency="EUR")
    page = open_page(priced.url(invoice), LARGE_PHONE)

    priced.pay(invoice, invoice["total"], blocks=3)

    shows(page, "paid")
    look(page, "receipt-in-money")
    receipt = page.inner_text("#receipt")
    assert "19.90 EUR" in receipt
    assert "1 DOGE = 0.15 EUR (fixed" in receipt
