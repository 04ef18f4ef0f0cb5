"""An account, its invoices, and every way in which they are paid."""

import io

import pytest
from PIL import Image

from tests.end_to_end.program import Program
from tests.end_to_end.shop import PAID, Shop, answered

CREATED = "INV_CREATED"
BALANCE = "INV_BALANCE_CHANGED"
CONFIRMED = [BALANCE, "INV_TOTAL_PAYMENT_CONFIRMED"]
ITEMS = [
    {"type": "item", "name": "Doge plush", "sku": "D-1", "value": "12.5", "quantity": 2},
    {"type": "shipping", "name": "By post", "value": 3.00000001, "quantity": 1},
    {"type": "tax", "name": "VAT", "value": "2.5", "quantity": 1},
    {"type": "discount", "name": "Such sale", "value": "-0.5", "quantity": 1},
]


def test_an_account_is_opened_once_and_changed_by_what_is_sent_again(program: Program) -> None:
    shop = Shop(program, "a shop of many words").open()
    opened = answered(program.admin.get(shop.path))

    shop.open()
    shop.open(payout_address=program.node("getnewaddress"), name="Much Shop")
    shop.open(payout_threshold="5")

    changed = answered(program.admin.get(shop.path))
    assert (changed["id"], changed["name"], changed["payout_threshold"]) == (opened["id"], "Much Shop", "5")
    shop.hears(["ACC_CREATED", "ACC_UPDATED", "ACC_UPDATED"], "ACC")


def test_an_invoice_adds_up_exactly_and_nothing_is_seen_of_it_before_it_is_paid(
    program: Program, shop: Shop
) -> None:
    made = answered(
        program.admin.post(f"{shop.path}/invoice/", json={"items": ITEMS, "reference": "order-7"})
    )

    assert made["total"] == "30.00000001"
    assert made["id"] == made["pay_to_address"]
    shown = shop.shown(made["id"])
    assert shown["account"] == answered(program.admin.get(shop.path))["id"]
    assert [item["value"] for item in shown["items"]] == ["12.5", "3.00000001", "2.5", "-0.5"]
    assert shop.flags(made["id"]) == {"up": [], "incoming": "0", "confirmed": "0"}
    assert (shown["state"], shown["estimate_seconds_to_confirm"], shown["reference"]) == (
        "unpaid",
        0,
        "order-7",
    )
    assert shop.invoices() == [shown]
    shop.hears([CREATED])
    assert shop.message(CREATED)["total"] == "30.00000001"


def test_a_payer_sees_the_items_only_with_the_token(program: Program, shop: Shop) -> None:
    made = answered(program.admin.post(f"{shop.path}/invoice", json={"items": ITEMS, "reference": "order-8"}))

    bare = answered(program.public.get(f"/invoice/{made['id']}"))
    whole = answered(program.public.get(f"/invoice/{made['id']}", params={"token": made["token"]}))
    guessed = answered(program.public.get(f"/invoice/{made['id']}", params={"token": made["token"][:-1]}))

    assert (bare["items"], bare["reference"]) == ([], "")
    assert guessed == bare
    assert (whole["items"], whole["reference"]) == (made["items"], "order-8")
    assert bare["total"] == whole["total"] == made["total"]
    assert "account" not in whole


def test_a_payer_finds_the_qr_code_and_nothing_of_the_merchants_api(program: Program, shop: Shop) -> None:
    invoice = shop.invoice()["id"]

    painted = program.public.get(f"/invoice/{invoice}/qr.png", params={"fg": "ff0000", "bg": "00000000"})
    plain = program.public.get(f"/invoice/{invoice}/qr.png", params={"fg": "no colour"})

    assert (painted.headers["content-type"], plain.headers["content-type"]) == ("image/png", "image/png")
    assert _colours(painted.content) == {(255, 0, 0, 255), (0, 0, 0, 0)}
    assert _colours(plain.content) == {(0, 0, 0, 255), (255, 255, 255, 255)}
    assert program.public.get("/invoice/nobody/qr.png").status_code == 404
    assert program.public.get(shop.path).status_code == 404


def test_two_part_payments_pay_an_invoice_each_confirmed_at_its_own_depth(
    program: Program, shop: Shop
) -> None:
    invoice = shop.invoice("10")["id"]

    program.pay(invoice, "4")
    program.mine()
    assert shop.flags(invoice) == {"up": ["part_payment_detected"], "incoming": "4", "confirmed": "0"}
    assert shop.balance() == ("4", "0")
    assert shop.shown(invoice)["estimate_seconds_to_confirm"] == 5

    program.pay(invoice, "6")
    program.mine()
    assert shop.flags(invoice) == {
        "up": ["part_payment_detected", "total_payment_detected"],
        "incoming": "10",
        "confirmed": "0",
    }
    assert shop.shown(invoice)["estimate_seconds_to_confirm"] == 5

    program.mine(4)
    assert shop.flags(invoice) == {
        "up": ["part_payment_detected", "total_payment_detected"],
        "incoming": "10",
        "confirmed": "4",
    }
    assert shop.balance() == ("6", "4")
    assert shop.shown(invoice)["estimate_seconds_to_confirm"] == 1

    program.mine()
    paid = ["part_payment_detected", "total_payment_detected", "total_payment_confirmed"]
    assert shop.flags(invoice) == {"up": paid, "incoming": "10", "confirmed": "10"}
    assert shop.balance() == ("0", "10")
    assert shop.shown(invoice)["estimate_seconds_to_confirm"] == 0
    shop.hears([CREATED, BALANCE, "INV_PART_PAYMENT_DETECTED", *PAID, BALANCE, *CONFIRMED])


def test_a_payment_counts_from_its_first_block_and_not_before(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]

    program.pay(invoice, "10")
    program.node.mine_empty()
    program.keep_up()
    assert shop.flags(invoice) == {"up": [], "incoming": "0", "confirmed": "0"}
    assert shop.balance() == ("0", "0")

    program.mine()
    assert shop.shown(invoice)["total_payment_confirmed"]
    shop.hears([CREATED, *PAID, "INV_TOTAL_PAYMENT_CONFIRMED"])
    message = shop.message("INV_TOTAL_PAYMENT_CONFIRMED")
    assert (message["invoice_id"], message["invoice_total"], message["total_confirmed"]) == (
        invoice,
        "10",
        "10",
    )


def test_a_payment_tells_the_account_where_it_came_from(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=2)["id"]

    txid = program.pay(invoice, "10")
    [block_hash] = program.mine()
    program.mine()

    shop.hears(
        ["ACC_CREATED", "ACC_CHAIN_ACTIVITY", "ACC_BALANCE_CHANGE", "ACC_PAYMENT", "ACC_BALANCE_CHANGE"],
        "ACC",
    )
    activity, payment = shop.message("ACC_CHAIN_ACTIVITY"), shop.message("ACC_PAYMENT")
    assert (activity["block_hash"], activity["txids"], activity["connected"]) == (block_hash, [txid], True)
    assert (payment["kind"], payment["reference"], payment["txid"]) == ("invoice", invoice, txid)
    assert (payment["direction"], payment["amount"], payment["fee"]) == ("in", "10", "0")
    deposit = shop.message("DEPOSIT_CONFIRMED")
    assert (deposit["invoice"], deposit["txid"], deposit["confirmations"]) == (invoice, txid, 2)
    assert shop.message("ACC_BALANCE_CHANGE")["current_balance"] == "10"


def test_an_overpayment_is_credited_and_its_excess_is_told(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=2)["id"]

    program.pay(invoice, "12.5")
    program.mine(2)

    assert shop.shown(invoice)["overpaid"] == "2.5"
    assert shop.balance() == ("0", "12.5")
    over = "INV_OVER_PAYMENT_CONFIRMED"
    shop.hears([CREATED, *PAID, "INV_OVER_PAYMENT_DETECTED", *CONFIRMED, over])
    assert shop.message("INV_OVER_PAYMENT_DETECTED")["overpayment_incoming"] == "2.5"
    assert shop.message(over)["overpayment_confirmed"] == "2.5"


def test_a_payment_after_it_was_paid_is_credited_and_told_as_too_much(program: Program, shop: Shop) -> None:
    invoice = shop.invoice("10", required_confirmations=1)["id"]
    program.pay(invoice, "10")
    program.mine()

    program.pay(invoice, "3")
    program.mine()

    paid = ["part_payment_detected", "total_payment_detected", "total_payment_confirmed"]
    assert shop.flags(invoice) == {"up": paid, "incoming": "13", "confirmed": "13"}
    assert shop.balance() == ("0", "13")
    again = [BALANCE, "INV_OVER_PAYMENT_DETECTED", "INV_OVER_PAYMENT_CONFIRMED"]
    shop.hears([CREATED, *PAID, "INV_TOTAL_PAYMENT_CONFIRMED", *again])


def test_an_old_invoices_address_still_takes_payments_for_that_invoice(program: Program, shop: Shop) -> None:
    old = shop.invoice("10", required_confirmations=1)["id"]
    new = [shop.invoice("1", required_confirmations=1)["id"] for _ in range(3)]
    program.pay(new[-1], "1")
    program.mine(3)

    program.pay(old, "10")
    program.mine()

    assert shop.shown(old)["total_payment_confirmed"]
    assert [shop.shown(one)["state"] for one in new] == ["unpaid", "unpaid", "confirmed"]
    assert shop.balance() == ("0", "11")


def test_several_outputs_of_one_block_to_several_invoices_are_each_counted(
    program: Program, shop: Shop
) -> None:
    first, second = (shop.invoice("5", required_confirmations=1)["id"] for _ in range(2))

    program.node("sendmany", "", {first: 2, second: 5})
    program.pay(first, "3")
    program.pay(second, "0.5")
    program.mine()

    assert [shop.shown(one)["total_confirmed"] for one in (first, second)] == ["5", "5.5"]
    assert shop.balance() == ("0", "10.5")
    assert shop.told("ACC_BALANCE_CHANGE") == ["ACC_BALANCE_CHANGE"]


def test_the_accounts_own_id_takes_deposits_that_belong_to_no_invoice(program: Program, shop: Shop) -> None:
    invoice, own = shop.invoice()["id"], answered(program.admin.get(shop.path))["id"]

    program.pay(own, "7")
    program.mine()
    assert shop.balance() == ("7", "0")
    program.mine(5)

    assert shop.balance() == ("0", "7")
    assert shop.flags(invoice) == {"up": [], "incoming": "0", "confirmed": "0"}
    shop.hears([CREATED])
    payment = shop.message("ACC_PAYMENT")
    assert (payment["kind"], payment["reference"], payment["amount"]) == ("deposit", own, "7")


@pytest.mark.parametrize(("asked", "needed"), [(0, 1), (1, 1), (6, 6), (-1, 6)])
def test_an_invoice_is_confirmed_at_the_depth_that_it_asked_for(
    program: Program, shop: Shop, asked: int, needed: int
) -> None:
    made = shop.invoice("10", required_confirmations=asked)
    assert made["required_confirmations"] == (6 if asked == -1 else asked)

    program.pay(made["id"], "10")
    if needed > 1:
        program.mine(needed - 1)
        assert not shop.shown(made["id"])["total_payment_confirmed"]
        assert shop.balance() == ("10", "0")

    program.mine()
    assert shop.shown(made["id"])["total_payment_confirmed"]
    assert shop.balance() == ("0", "10")


def test_a_tolerated_shortfall_pays_and_one_koinu_less_does_not(program: Program, shop: Shop) -> None:
    enough, short = (
        shop.invoice("10", payment_tolerance=5, required_confirmations=1)["id"] for _ in range(2)
    )

    program.pay(enough, "9.5")
    program.pay(short, "9.49999999")
    program.mine()

    paid = ["part_payment_detected", "total_payment_detected", "total_payment_confirmed"]
    assert shop.flags(enough) == {"up": paid, "incoming": "9.5", "confirmed": "9.5"}
    assert shop.flags(short) == {
        "up": ["part_payment_detected"],
        "incoming": "9.49999999",
        "confirmed": "9.49999999",
    }
    assert shop.balance() == ("0", "18.99999999")


def _colours(png: bytes) -> set[tuple[int, ...]]:
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    assert picture.size == (512, 512)
    found = picture.getcolors()
    assert found is not None
    return {colour for _, colour in found if isinstance(colour, tuple)}
