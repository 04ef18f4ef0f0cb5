"""The checkout over a shop's page, opened by kennel.js."""

from collections.abc import Callable

from playwright.sync_api import Page, Route

from tests.checkout.conftest import LARGE_PHONE, MoonShop, look, screenshot

Open = Callable[..., Page]
SHOP = "http://shop.localhost/"
WIDE = (1000, 800)


def shop_page(moon: MoonShop, open_page: Open, size: tuple[int, int]) -> Page:
    """A page of another site that has loaded kennel.js."""
    home = str(moon.program.public.base_url).rstrip("/")
    html = f"""<!doctype html><html lang="en"><title>Moon Shop</title><main><h1>Moon Shop</h1>
        <button id="buy">Buy</button></main><script src="{home}/kennel.js"></script></html>"""
    page = open_page("about:blank", size)
    page.route(SHOP, lambda route: answer(route, html))
    page.goto(SHOP)
    page.evaluate("window.states = []; window.endings = []")
    return page


def answer(route: Route, html: str) -> None:
    policy = "default-src 'none'; script-src http://127.0.0.1:*; frame-src http://127.0.0.1:*"
    route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": policy})


def open_checkout(page: Page, url: str) -> None:
    page.locator("#buy").focus()
    page.evaluate(
        "url => { kennel.open(url, {onState: state => states.push(state), onClose: state => endings.push(state)}); }",
        url,
    )


def test_the_shops_page_hears_each_state_and_escape_closes_the_checkout(
    moon: MoonShop, open_page: Open
) -> None:
    invoice = moon.invoice(required_confirmations=1)
    page = shop_page(moon, open_page, WIDE)
    open_checkout(page, moon.url(invoice))
    frame = page.frame_locator("iframe")
    frame.locator("main[data-screen=unpaid]").wait_for()

    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement.closest('dialog') || document.activeElement === document.body"
        )
    moon.pay(invoice)
    frame.locator("main[data-screen=paid]").wait_for()

    assert page.evaluate("states[0] === 'unpaid' && states.at(-1) === 'confirmed'")
    assert frame.locator("#back").get_attribute("target") == "_top"
    frame.locator("#print").focus()
    page.screenshot(path=screenshot("modal"))
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert page.evaluate("endings") == ["confirmed"]
    assert page.evaluate("document.activeElement.id") == "buy"


def test_messages_of_others_and_pages_of_others_are_not_believed(moon: MoonShop, open_page: Open) -> None:
    page = shop_page(moon, open_page, WIDE)
    open_checkout(page, moon.url(moon.invoice()))
    page.frame_locator("iframe").locator("main[data-screen=unpaid]").wait_for()

    page.evaluate("postMessage({kennel: 'state', state: 'confirmed'}, '*')")
    page.evaluate("postMessage({kennel: 'close'}, '*')")
    refused = page.evaluate(
        "(() => { try { kennel.open('https://evil.example/pay/x'); } catch (e) { return e.name; } })()"
    )

    assert (page.evaluate("states"), page.locator("dialog").count(), refused) == (["unpaid"], 1, "TypeError")


def test_on_a_phone_the_browser_goes_to_the_page(moon: MoonShop, open_page: Open) -> None:
    page = shop_page(moon, open_page, LARGE_PHONE)
    url = moon.url(moon.invoice())

    open_checkout(page, url)

    page.wait_for_url(url)
    look(page, "from-a-shop-on-a-phone")
    assert page.locator("dialog").count() == 0


def test_kennel_js_is_small(moon: MoonShop) -> None:
    assert len(moon.program.public.get("/kennel.js").content) < 5_000
