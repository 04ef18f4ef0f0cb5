"""The page in each state of an invoice, as a payer sees it who waits before it."""

from collections.abc import Callable

import httpx
from playwright.sync_api import APIResponse, Page, Route

from tests.checkout.conftest import PHONE, TOTAL, MoonShop, look, screenshot, shows

Open = Callable[..., Page]


def links(page: Page) -> dict[str, str | None]:
    """Where the buttons lead, by what they are called."""
    buttons = page.locator("main a.button").all()
    return {button.inner_text(): button.get_attribute("href") for button in buttons}


def test_a_payer_sees_each_step_to_the_receipt_without_a_reload(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    page.evaluate("window.same = true")
    page.locator("#copy-address").focus()
    look(page, "unpaid")

    moon.program.pay(invoice["id"], "1000.5")
    shows(page, "seen_part")
    look(page, "seen-part")
    assert page.inner_text("#amount") == "1057.78"
    moon.program.mine()
    shows(page, "partial")
    look(page, "partial")
    assert page.evaluate("document.activeElement.id") == "copy-address"
    assert "1,000.5 DOGE have come. 1,057.78 DOGE are still to be paid" in page.inner_text(".saying")
    assert (page.get_attribute("#wallet", "href") or "").endswith("?amount=1057.78")

    moon.pay(invoice, "1057.78")
    shows(page, "confirming")
    look(page, "confirming")
    assert "Confirmations: 1 of 3" in page.inner_text(".progress")
    assert page.evaluate("document.activeElement.id") == "state"
    assert page.inner_text("#said").endswith("Payment received")

    moon.program.mine(2)
    shows(page, "paid")
    look(page, "paid")
    assert links(page) == {"Back to Moon Shop": "https://moon.example/thanks"}
    assert page.locator("#receipt .long a").count() == 2
    assert page.evaluate("window.same")


def test_what_comes_too_late_and_too_much_is_told(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    moon.pay(invoice, "1000")
    shows(page, "partial")
    moon.age(invoice)
    page.reload()
    shows(page, "over")
    assert page.locator(".code, #wallet").count() == 0

    moon.end(invoice)
    shows(page, "expired_partial")
    look(page, "expired-partial")
    assert "1,000 of 2,058.28 DOGE have come" in page.inner_text(".saying")
    assert links(page)["Contact Moon Shop"] == "mailto:help@moon.example?subject=Order%201001"
    page.locator("#rest summary").click()
    assert page.inner_text("#amount") == "1058.28"

    moon.pay(invoice, "1100", blocks=3)
    shows(page, "paid")
    look(page, "paid-late-overpaid")
    notices = page.locator(".notice").all_inner_texts()
    assert ["after the time was over" in notices[0], "41.72 DOGE too much" in notices[1]] == [True, True]
    assert "Contact Moon Shop" in links(page)


def test_a_payment_is_seen_before_a_block_has_it(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))

    moon.program.pay(invoice["id"], TOTAL)

    shows(page, "seen")
    look(page, "seen")
    assert page.locator(".code, #wallet").count() == 0
    moon.program.mine()
    shows(page, "confirming")


def test_after_the_end_the_page_says_to_send_nothing(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    moon.end(invoice)
    shows(page, "expired")
    look(page, "expired")

    assert "Send nothing to this address any more" in page.inner_text(".saying")
    assert page.locator(".code, #wallet").count() == 0
    assert links(page) == {
        "Back to Moon Shop": "https://moon.example/basket",
        "Contact Moon Shop": "mailto:help@moon.example?subject=Order%201001",
    }


def test_a_confirmation_that_is_taken_back_is_told(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    moon.pay(invoice, blocks=3)
    shows(page, "paid")
    page.reload()

    node = moon.program.node
    node("invalidateblock", node("getblockhash", node.height - 2))
    node.mine_empty(4)
    moon.program.keep_up()
    page.reload()

    shows(page, "reorged")
    look(page, "reorged")
    assert "Contact Moon Shop" in links(page)
    moon.program.mine(3)
    shows(page, "paid")
    assert links(page) == {"Back to Moon Shop": "https://moon.example/thanks"}


def test_an_answer_that_comes_late_does_not_put_an_older_state_back(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    held: list[Route] = []
    late: list[APIResponse] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) == 1:
            late.append(route.fetch())
        else:
            route.continue_()

    page.route("**/pay/**", hold_the_first)
    moon.pay(invoice)
    while not late:
        page.wait_for_timeout(10)  # the browser's events are handled meanwhile
    moon.program.mine(2)
    shows(page, "paid")

    assert 'data-screen="paid"' not in late[0].text()
    with page.expect_event("requestfinished", lambda request: "/pay/" in request.url):
        held[0].fulfill(response=late[0])
    page.evaluate("fetch(location.href).then((answer) => answer.text())")
    shows(page, "paid")


def test_cancelled_and_unknown_have_no_amount_and_no_address(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    moon.program.admin.post(f"/account/moon/invoice/{invoice['id']}/cancel")
    shows(page, "cancelled")
    look(page, "cancelled")
    cancelled = page.inner_text("body")
    assert links(page)["Back to Moon Shop"] == "https://moon.example/basket"

    page.goto(moon.url({**invoice, "id": "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb"}))
    shows(page, "unknown")
    look(page, "unknown")
    unknown = page.inner_text("body")

    for text in (cancelled, unknown):
        assert not {"DOGE", "2058", "2,058", invoice["id"][:8]} & set(text.replace("\n", " ").split(" "))
        assert "Send nothing" in text


def test_without_javascript_the_page_renews_itself(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice), PHONE, java_script_enabled=False)
    assert page.locator("noscript meta[http-equiv=refresh][content='15']").count() == 1
    assert page.locator("button:visible, #left:visible").count() == 0
    page.locator("label[for=address-only]").click()
    assert page.locator(".code:visible").get_attribute("data-copy") == invoice["id"]
    page.screenshot(path=screenshot("without-javascript"), full_page=True)

    moon.pay(invoice, TOTAL)
    page.reload()

    shows(page, "confirming")


def test_a_text_of_the_merchant_is_never_a_script(moon: MoonShop, open_page: Open) -> None:
    evil = "<script>document.title='owned'</script><img src=x onerror=alert(1)>{{7*7}}{shop}\"'"
    item = {"type": "item", "name": evil, "description": evil, "sku": evil, "value": "1", "quantity": 2}
    moon.program.admin.post(
        "/account/evil",
        json={
            "vendor_name": evil,
            "vendor_address": evil,
            "vendor_icon": evil,
            "vendor_url": "javascript:alert(1)",
        },
    )
    order = {"items": [item], "reference": evil, "metadata": {"a": evil}}
    made: httpx.Response = moon.program.admin.post("/account/evil/invoice", json=order)
    dialogs: list[str] = []
    page = open_page(moon.url(made.json()))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.locator("#receipt summary").click()

    assert page.locator("main script, body img, [href^=javascript]").count() == 0
    assert page.inner_text(".shop") == evil
    assert page.inner_text("#receipt").count(evil) >= 4
    assert (page.title(), dialogs) == (f"Waiting for payment · {evil}", [])
    look(page, "script-in-texts")
