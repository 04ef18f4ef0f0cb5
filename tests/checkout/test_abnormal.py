"""The page where a payment goes another way than it should: honest sentences, the next step, and the shop's help."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from playwright.sync_api import Page

from tests.checkout.conftest import LARGE_PHONE, PHONE, TOTAL, MoonShop, look, screenshot, shows

Open = Callable[..., Page]
REPLACEABLE = 0xFFFFFFFD
CONTACT = "mailto:help@moon.example?subject=Order%201001"
DAY_SECONDS = 86_400


def coin(moon: MoonShop) -> dict[str, Any]:
    """A coin of the faucet's, large enough for an order."""
    node = moon.program.node
    txid = node("sendtoaddress", node("getnewaddress"), 3000)
    moon.program.mine()
    outputs = node("getrawtransaction", txid, True)["vout"]
    [vout] = [output["n"] for output in outputs if output["value"] == 3000]
    return {"txid": txid, "vout": vout, "sequence": REPLACEABLE}


def send(moon: MoonShop, spent: dict[str, Any], to: str, amount: str) -> str:
    """Spend the coin: what does not go to the address is the fee."""
    node = moon.program.node
    signed = node("signrawtransaction", node("createrawtransaction", [spent], {to: amount}))["hex"]
    return str(node("sendrawtransaction", signed, True))


def forget_mempool(moon: MoonShop) -> None:
    """Let the node drop what waits in it, as it does after some days."""
    node = moon.program.node
    time = node("getblock", node("getbestblockhash"))["time"]
    node("setmocktime", time + 30 * DAY_SECONDS)
    node("invalidateblock", node("generateblock", node.miner(), []))
    node("setmocktime", 0)
    for _ in range(2):  # Kennel may have followed that block: it goes back only to a chain with more work
        node("generateblock", node.miner(), [])


def help_of(page: Page) -> str | None:
    return page.locator("#contact").get_attribute("href")


def test_a_payment_that_is_replaced_is_told_and_can_be_made_again(moon: MoonShop, open_page: Open) -> None:
    invoice, spent = moon.invoice(), coin(moon)
    page = open_page(moon.url(invoice))
    send(moon, spent, invoice["id"], TOTAL)
    shows(page, "seen")

    send(moon, spent, moon.program.node.miner(), "1500")

    shows(page, "double_spent")
    assert page.inner_text("#said").endswith("The payment was replaced")
    look(page, "double-spent")
    assert "does not pay the shop" in page.inner_text(".saying")
    assert (page.inner_text("#amount"), help_of(page)) == (TOTAL, CONTACT)
    moon.pay(invoice)
    shows(page, "confirming")


def test_a_second_part_that_is_replaced_leaves_the_rest_to_be_paid(moon: MoonShop, open_page: Open) -> None:
    invoice, spent = moon.invoice(), coin(moon)
    page = open_page(moon.url(invoice))
    moon.pay(invoice, "1000")
    shows(page, "partial")
    send(moon, spent, invoice["id"], "500")
    shows(page, "seen_part")
    assert page.inner_text("#amount") == "558.28"

    send(moon, spent, moon.program.node.miner(), "100")

    shows(page, "double_spent")
    assert page.inner_text("#amount") == "1058.28"


def test_a_payment_that_the_network_drops_is_told(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice), LARGE_PHONE)
    page.set_default_timeout(90_000)  # the node must have answered for half a minute before anything has gone
    moon.program.pay(invoice["id"], TOTAL)
    shows(page, "seen")

    forget_mempool(moon)

    shows(page, "dropped")
    look(page, "dropped")
    assert "Look into your wallet" in page.inner_text(".saying")
    assert help_of(page) == CONTACT


def test_what_comes_after_the_end_is_late_from_the_first_moment(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    page = open_page(moon.url(invoice))
    moon.end(invoice)
    shows(page, "expired")

    moon.program.pay(invoice["id"], "1000")
    shows(page, "seen_over")
    look(page, "seen-over")
    moon.program.pay(invoice["id"], "1058.28")
    shows(page, "seen")
    look(page, "seen-late")

    assert "came after the time was over" in page.inner_text(".notice")
    assert help_of(page) == CONTACT
    moon.program.mine(3)
    shows(page, "paid")


def test_too_much_is_told_with_how_to_get_it_back(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice(required_confirmations=1)
    page = open_page(moon.url(invoice))

    moon.pay(invoice, str(Decimal(TOTAL) + 10))

    shows(page, "paid")
    look(page, "overpaid")
    assert "You have paid 10 DOGE too much. Ask the shop" in page.inner_text(".notice")
    assert help_of(page) == CONTACT


def test_money_for_a_cancelled_order_is_told(moon: MoonShop, open_page: Open) -> None:
    invoice = moon.invoice()
    moon.program.admin.post(f"/account/moon/invoice/{invoice['id']}/cancel")
    moon.pay(invoice, "1")

    page = open_page(moon.url(invoice), PHONE)

    shows(page, "cancelled")
    look(page, "cancelled-received")
    assert "Money has come for it all the same" in page.inner_text(".notice")
    assert help_of(page) == CONTACT


def test_at_a_till_the_page_goes_back_by_itself_once_it_is_paid(moon: MoonShop, open_page: Open) -> None:
    till = str(moon.program.public.base_url.copy_with(path="/pay/till"))
    invoice = moon.invoice(required_confirmations=1, return_url=till)
    page = open_page(moon.url(invoice, mode="till"), LARGE_PHONE)
    shows(page, "unpaid")
    assert page.locator(".copy:visible").count() == 0

    moon.pay(invoice)

    shows(page, "paid")
    page.screenshot(path=screenshot("till-paid"))
    page.wait_for_url(till)


def test_a_path_that_leads_nowhere_looks_like_the_rest(moon: MoonShop, open_page: Open) -> None:
    page = open_page(str(moon.program.public.base_url.copy_with(path="/pay/a/b/c")))

    shows(page, "unknown")
    look(page, "nowhere")
    assert "Send nothing" in page.inner_text(".saying")
