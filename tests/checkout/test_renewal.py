"""A price in money runs out before its payer: the page offers a new one, in every look, and without a script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.checkout.conftest import LARGE_PHONE, PHONE, MoonShop, look, screenshot, shows
from tests.checkout.test_modal import WIDE, open_checkout, shop_page
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


@pytest.fixture(scope="module", autouse=True)
def priced(moon: MoonShop) -> None:
    """The shop, once there is a rate."""
    until(lambda: moon.program.admin.get("/rates").json()["items"])


def invoice_in_money(moon: MoonShop) -> dict[str, Any]:
    return moon.invoice(items=[PLUSH], fiat_currency="EUR", required_confirmations=1)


def held(page: Page) -> str:
    """The id of the invoice that the page shows."""
    return page.locator("main").get_attribute("data-invoice") or ""


@pytest.mark.parametrize("look_name", LOOKS)
def test_a_payer_gets_a_new_price_and_pays_it(look_name: str, moon: MoonShop, open_page: Open) -> None:
    size, options = LOOKS[look_name]
    scripted = options.get("java_script_enabled", True)
    invoice = invoice_in_money(moon)
    page = open_page(moon.url(invoice), size, **options)
    shows(page, "unpaid")

    moon.age(invoice)
    page.reload()
    page.locator("#again").wait_for()  # the time is over; a block may have said so already
    page.screenshot(path=screenshot(f"renewal-over-{look_name}"), full_page=True)
    moon.end(invoice)
    page.reload()
    shows(page, "expired")
    if scripted:
        look(page, f"renewal-expired-{look_name}")
    page.locator("#again").click()

    shows(page, "unpaid")
    again = held(page)
    assert again != invoice["id"]
    assert f"token={invoice['token']}" in page.url
    assert page.locator(".purpose").count() == 1
    page.screenshot(path=screenshot(f"renewal-new-{look_name}"), full_page=True)
    moon.pay({"id": again}, invoice["total"])
    page.reload()
    shows(page, "paid")
    if scripted:
        look(page, f"renewal-paid-{look_name}")
        side = "right" if look_name == "right-to-left" else "left"
        assert page.locator(".vendor").evaluate("e => getComputedStyle(e).textAlign") == side
    assert moon.shop.shown(again)["renews"] == invoice["id"]


def test_while_the_page_is_open_the_button_comes_by_itself_and_works(moon: MoonShop, open_page: Open) -> None:
    invoice = invoice_in_money(moon)
    page = open_page(moon.url(invoice), PHONE)
    shows(page, "unpaid")

    moon.end(invoice)
    shows(page, "expired")
    page.locator("#again").focus()
    page.keyboard.press("Enter")

    shows(page, "unpaid")
    assert held(page) != invoice["id"]


def test_in_a_frame_over_the_shops_page_the_new_price_is_told_too(moon: MoonShop, open_page: Open) -> None:
    invoice = invoice_in_money(moon)
    page = shop_page(moon, open_page, WIDE)
    open_checkout(page, moon.url(invoice))
    frame = page.frame_locator("iframe")
    frame.locator("main[data-screen=unpaid]").wait_for()

    moon.end(invoice)
    frame.locator("main[data-screen=expired]").wait_for()
    page.screenshot(path=screenshot("renewal-modal"))
    frame.locator("#again").click()
    frame.locator("main[data-screen=unpaid]").wait_for()
    again = frame.locator("main").get_attribute("data-invoice") or ""
    moon.pay({"id": again}, invoice["total"])
    frame.locator("main[data-screen=paid]").wait_for()

    assert page.evaluate("states") == ["unpaid", "expired", "unpaid", *page.evaluate("states.slice(3)")]
    assert page.evaluate("states.at(-1)") == "confirmed"


def test_a_payment_of_the_old_price_is_shown_where_the_new_one_waits(moon: MoonShop, open_page: Open) -> None:
    invoice = invoice_in_money(moon)
    moon.end(invoice)
    page = open_page(moon.url(invoice), LARGE_PHONE)
    page.locator("#again").click()
    shows(page, "unpaid")

    moon.program.pay(invoice["id"], invoice["total"])

    shows(page, "elsewhere")
    look(page, "elsewhere")
    assert page.locator(".code, #wallet").count() == 0
    page.locator("#elsewhere").click()
    shows(page, "seen")
    moon.program.mine()
    shows(page, "paid")
    assert held(page) == invoice["id"]
    look(page, "renewal-paid-late")


def test_an_order_that_the_shop_cancels_takes_no_payment_at_its_new_price(
    moon: MoonShop, open_page: Open
) -> None:
    invoice = invoice_in_money(moon)
    moon.end(invoice)
    page = open_page(moon.url(invoice), PHONE)
    page.locator("#again").click()
    shows(page, "unpaid")

    moon.program.admin.post(f"/account/moon/invoice/{invoice['id']}/cancel").raise_for_status()

    shows(page, "cancelled")
    look(page, "renewal-cancelled")
    assert page.locator(".code, #wallet, #again").count() == 0


def test_without_a_fresh_rate_the_page_says_so_and_keeps_its_button(moon: MoonShop, open_page: Open) -> None:
    invoice = invoice_in_money(moon)
    moon.end(invoice)
    page = open_page(moon.url(invoice), PHONE)
    moon.outdate_rates()

    page.locator("#again").click()

    page.locator("#fault").wait_for()
    look(page, "renewal-no-rate")
    assert "There is no price in DOGE right now." in page.inner_text("#fault")
    assert page.locator("#again").is_visible()
