"""The demo's shop, as a newcomer opens it whom `make run` has told its address."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.checkout.conftest import LARGE_PHONE, launched, look, screenshot, shows
from tests.end_to_end.demo import demo

TOTAL = "29.89"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The shop of a demo that runs; a block comes every second."""
    home = tmp_path_factory.mktemp("demo")
    with demo(home, KENNEL_DEVNET_BLOCK_SECONDS="1") as terminal:
        url = terminal.until(r"open this +(\S+)")[1]
        terminal.until("What happens")
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            yield client


@pytest.fixture(scope="module")
def browser(shop: httpx.Client, chromium: str) -> Iterator[Browser]:
    with launched(chromium) as browser:
        yield browser


def opened(browser: Browser, shop: httpx.Client, size: tuple[int, int]) -> Page:
    """The shop's page, on which every fault of a script or of the policy fails the test."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(60_000)
    page.on("console", lambda line: pytest.fail(line.text) if line.type == "error" else None)
    page.goto(str(shop.base_url))
    return page


def test_a_newcomer_buys_pays_and_sees_the_invoice_paid(shop: httpx.Client, browser: Browser) -> None:
    page = opened(browser, shop, (1280, 800))
    look(page, "demo-shop")
    page.locator("#buy").click()
    frame = page.frame_locator("iframe")
    frame.locator("main[data-screen=unpaid]").wait_for()
    page.screenshot(path=screenshot("demo-shop-checkout"))

    page.locator("#pay").click()
    frame.locator("main[data-screen=paid]").wait_for()

    heard = [line.split()[-1] for line in page.locator("#heard li").all_inner_texts()]
    assert heard[0] == "unpaid"
    assert heard[-1] == "confirmed"
    assert page.inner_text("#pay") == "Sent"
    page.screenshot(path=screenshot("demo-shop-paid"))
    frame.locator("#back").click()
    page.wait_for_url("**/orders/*")
    assert page.inner_text("h1") == "Thank you!"
    look(page, "demo-shop-order")


def test_on_a_phone_the_wallet_pays_by_itself(shop: httpx.Client, browser: Browser) -> None:
    page = opened(browser, shop, LARGE_PHONE)
    look(page, "demo-shop-phone")

    page.locator("#buy").click()

    shows(page, "paid")
    page.locator("#back").click()
    page.wait_for_url("**/orders/*")
    assert page.inner_text("h1") == "Thank you!"


def test_the_wallet_pays_an_order_once(shop: httpx.Client) -> None:
    order = shop.post("/orders").json()
    path = f"/orders/{order['number']}/payment"

    first, again = shop.post(path), shop.post(path)

    assert (order["total"], first.status_code, len(first.json()["txid"])) == (TOTAL, 200, 64)
    assert (again.status_code, again.json()) == (409, {"txid": None})


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
def test_pages_of_others_neither_order_nor_pay(shop: httpx.Client, headers: dict[str, str]) -> None:
    number = shop.post("/orders").json()["number"]

    answers = [shop.post(path, headers=headers) for path in ("/orders", f"/orders/{number}/payment")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert shop.post(f"/orders/{number}/payment").status_code == 200


@pytest.mark.parametrize("path", ["/orders/00000000", "/orders/%22%3E%3Cscript%3E", "/etc", "/..%2fshop.py"])
def test_what_there_is_not_is_a_page_that_says_so(shop: httpx.Client, path: str) -> None:
    answer = shop.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such page" in answer.text
    assert shop.post("/orders/00000000/payment").status_code == 404
