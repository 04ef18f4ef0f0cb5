"""How the page looks and behaves: sizes, themes, languages, keyboard, copying, paper."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.checkout.conftest import LARGE_PHONE, PHONE, MoonShop, look, screenshot

Open = Callable[..., Page]

LOOKS: dict[str, tuple[tuple[int, int], dict[str, Any], dict[str, str]]] = {
    "small-phone": (PHONE, {}, {}),
    "large-phone": (LARGE_PHONE, {}, {}),
    "desktop": ((1280, 800), {}, {}),
    "dark": (PHONE, {"color_scheme": "dark"}, {}),
    "high-contrast": (PHONE, {"contrast": "more"}, {}),
    "forced-colours": (PHONE, {"forced_colors": "active"}, {}),
    "right-to-left": (PHONE, {"locale": "ar"}, {}),
    "till": (LARGE_PHONE, {}, {"mode": "till"}),
}


@pytest.fixture(scope="module")
def invoice(moon: MoonShop) -> dict[str, Any]:
    return moon.invoice()


@pytest.mark.parametrize("look_name", LOOKS)
def test_shop_amount_and_code_are_there_in_every_look(
    look_name: str, moon: MoonShop, invoice: dict[str, Any], open_page: Open
) -> None:
    size, options, parameters = LOOKS[look_name]
    page = open_page(moon.url(invoice, **parameters), size, **options)

    page.screenshot(path=screenshot(f"look-{look_name}-first-screen"))
    look(page, f"look-{look_name}")

    way_to_pay = ".code:visible" if look_name == "till" else "#wallet"  # a till has no wallet
    for selector in (".shop", ".amount", ".purpose", way_to_pay):
        box = page.locator(selector).bounding_box()
        assert box
        assert box["y"] + box["height"] <= size[1], f"{selector} is below the first screen"
    code = page.locator(".code:visible")
    box = code.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 240
    assert code.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert code.locator("path").first.get_attribute("fill") == "#fff"
    assert code.locator("path").last.evaluate("e => getComputedStyle(e).stroke") == "rgb(0, 0, 0)"


def test_a_tap_copies_and_nothing_that_is_copied_has_blanks(
    moon: MoonShop, invoice: dict[str, Any], open_page: Open
) -> None:
    page = open_page(moon.url(invoice), permissions=["clipboard-read", "clipboard-write"])

    def copied(selector: str) -> str:
        page.locator(selector).click()
        text = str(page.evaluate("navigator.clipboard.readText()"))
        assert page.inner_text("#said") == f"Copied: {text}"
        return text

    assert copied("#copy-amount") == copied("#amount") == "2058.28"
    assert copied("#copy-address") == copied("#address") == invoice["id"]
    assert copied(".code:visible") == f"dogecoin:{invoice['id']}?amount=2058.28"
    page.locator("label[for=address-only]").click()
    assert copied(".code:visible") == invoice["id"]

    page.evaluate("getSelection().selectAllChildren(document.querySelector('#address'))")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == invoice["id"]


def test_where_the_clipboard_is_closed_a_tap_copies_all_the_same(
    moon: MoonShop, invoice: dict[str, Any], open_page: Open
) -> None:
    page = open_page(moon.url(invoice))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.evaluate("addEventListener('copy', () => { window.copied = document.activeElement.value; })")

    page.locator("#copy-amount").click()

    assert page.evaluate("window.copied") == "2058.28"
    assert page.evaluate("document.activeElement.id") == "copy-amount"


def test_the_keyboard_alone_is_enough(moon: MoonShop, invoice: dict[str, Any], open_page: Open) -> None:
    page = open_page(moon.url(invoice))
    reached: list[str] = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "with-amount":
            page.keyboard.press("ArrowRight")
        if reached[-1] == "SUMMARY":
            page.keyboard.press("Enter")

    assert reached == [
        "A", "wallet", "with-amount", "copy-amount", "copy-address", "back", "SUMMARY", "SUMMARY", "A",
    ]  # fmt: skip
    assert page.locator(".code:visible").get_attribute("data-copy") == invoice["id"]
    assert page.locator("details[open]").count() == 2


def test_the_page_is_small_and_loads_nothing_from_others(
    moon: MoonShop, invoice: dict[str, Any], open_page: Open
) -> None:
    page = open_page("about:blank")
    loaded: dict[str, int] = {}
    page.on("response", lambda answer: loaded.update({answer.url: len(answer.body())}))
    page.goto(moon.url(invoice))
    page.locator("#left:visible").wait_for()
    loaded = {url: size for url, size in loaded.items() if not url.startswith("data:")}

    assert {re.sub(r"^(https?://[^/]+).*", r"\1", url) for url in loaded} == {
        str(moon.program.public.base_url).rstrip("/")
    }
    assert len(loaded) >= 3
    assert sum(loaded.values()) < 60_000
    assert next(size for url, size in loaded.items() if "page.js" in url) < 5_000


@pytest.mark.parametrize("paper", ["58mm", "80mm", "210mm"])
def test_the_receipt_prints_on_one_page_of_paper_or_of_a_roll(
    paper: str, moon: MoonShop, open_page: Open
) -> None:
    invoice = moon.invoice(required_confirmations=1)
    moon.pay(invoice)
    page = open_page(moon.url(invoice))
    page.locator("#print:visible").wait_for()

    printed = page.pdf(path=screenshot(f"receipt-{paper}", "pdf"), width=paper, height="200mm")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": int(int(paper[:-2]) / 25.4 * 96) - 30, "height": 600})
    page.screenshot(path=screenshot(f"receipt-{paper}"), full_page=True)

    assert len(re.findall(rb"/Type /Page\b", printed)) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.locator(".pay, .ways, footer").first.is_visible()
    for text in ("1001", "Doge plush", "VAT 19%", "2,058.28 DOGE", "1 Crater Lane"):
        assert text in page.inner_text("#receipt")
