"""Money goes out, by HTTP only."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.program import Program, running, until, until_equal
from tests.end_to_end.shop import Shop, answered

NOBODYS = "2MsFDzHRUAMpjHxKyoEHU3aMCMsVtXMsfu8"
MAINNET = "DPkSTXMfDbCCbfNRsSBnkhVjjhSvHXi1xR"
CLIENTS = 50


def fund(shop: Shop, *amounts: str) -> None:
    """Bring the account so many coins, confirmed."""
    for amount in amounts:
        shop.program.pay(shop.invoice(amount, required_confirmations=1)["id"], amount)
    shop.program.mine()


def pay(shop: Shop, body: dict[str, Any], key: str = "", way: str = "pay") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return shop.program.admin.post(f"{shop.path}/{way}", json=body, headers=headers)


def current(shop: Shop) -> Decimal:
    return Decimal(balances(shop)["CurrentBalance"])


def balances(shop: Shop) -> dict[str, str]:
    found: dict[str, str] = answered(shop.program.admin.get(f"{shop.path}/balance"))
    return found


def shown(shop: Shop, number: int) -> dict[str, Any]:
    found: dict[str, Any] = answered(shop.program.admin.get(f"{shop.path}/payment/{number}"))
    return found


def listed(shop: Shop, limit: int = 100) -> list[dict[str, Any]]:
    """All payments, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = answered(shop.program.admin.get(f"{shop.path}/payments", params=asked))
        found += page["items"]
        cursor = page["cursor"]
        if not cursor:
            return found


def received(program: Program, address: str) -> Decimal:
    return Decimal(program.node("getreceivedbyaddress", address))


def stranger(program: Program) -> str:
    return str(program.node("getnewaddress"))


def reaches(shop: Shop, number: int, state: str) -> None:
    until_equal(lambda: shown(shop, number)["state"], state)


@pytest.fixture(autouse=True)
def _books(program: Program) -> Iterator[None]:
    """After each test the mempool is mined away, and the books agree."""
    yield
    program.mine()
    program.audit()


@pytest.mark.parametrize("several", [False, True], ids=["to and amount", "pay"])
def test_a_payment_is_answered_with_its_transaction_and_confirmed_by_blocks(
    program: Program, shop: Shop, *, several: bool
) -> None:
    fund(shop, "100")
    to, other = stranger(program), stranger(program)
    one = {"to": to, "amount": "12.5"}

    paid = answered(pay(shop, {"pay": [one, {"to": other, "amount": 0.5}]} if several else one))

    assert paid["state"] == "BROADCAST"
    assert paid["hex"] in program.node("getrawmempool")
    assert program.node("decoderawtransaction", paid["tx"])["txid"] == paid["hex"]
    amount, fee = Decimal("13" if several else "12.5"), Decimal(paid["fee"])
    assert (Decimal(paid["paid"]), Decimal(paid["total"])) == (amount, amount + fee)
    assert balances(shop) == {
        "IncomingBalance": "0",
        "CurrentBalance": str(100 - amount - fee),
        "OutgoingBalance": str(amount + fee),
    }

    program.mine(6)

    reaches(shop, paid["id"], "CONFIRMED")
    assert shop.balance() == ("0", str(100 - amount - fee))
    assert (received(program, to), received(program, other)) == (
        Decimal("12.5"),
        Decimal("0.5") if several else 0,
    )
    assert shop.told("PAYMENT") == [
        "PAYMENT_REQUESTED",
        "PAYMENT_SENT",
        "PAYMENT_ON_CHAIN",
        "PAYMENT_CONFIRMED",
    ]


def test_an_address_that_is_named_twice_is_paid_twice(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    to = stranger(program)

    paid = answered(
        pay(
            shop,
            {"pay": [{"to": to, "amount": "12.5"}, {"to": to, "amount": "0.5"}, {"to": to, "amount": "0.5"}]},
        )
    )
    program.mine(6)

    reaches(shop, paid["id"], "CONFIRMED")
    assert paid["paid"] == "13.5"
    assert received(program, to) == Decimal("13.5")
    assert [output["amount"] for output in shown(shop, paid["id"])["pay_to"]] == ["12.5", "0.5", "0.5"]


def test_a_paytx_is_signed_and_left_to_its_caller(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    to = stranger(program)

    signed = answered(pay(shop, {"to": to, "amount": "10"}, way="paytx"))

    assert (signed["state"], signed["hex"] in program.node("getrawmempool")) == ("PROCESSING", False)
    assert current(shop) == 90 - Decimal(signed["fee"])
    program.mine()
    assert shown(shop, signed["id"])["state"] == "PROCESSING"
    assert program.node("sendrawtransaction", signed["tx"]) == signed["hex"]
    program.mine(6)
    reaches(shop, signed["id"], "CONFIRMED")
    assert received(program, to) == 10


def test_payments_are_listed_newest_first_and_are_their_accounts_own(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    other = Shop(program, f"{shop.foreign_id}-other").open()
    made = [answered(pay(shop, {"to": NOBODYS, "amount": str(n + 1)}))["id"] for n in range(5)]

    assert [payment["id"] for payment in listed(shop, limit=2)] == made[::-1]
    assert listed(other) == []
    assert shown(shop, made[0])["pay_to"] == [{"to": NOBODYS, "amount": "1", "deduct_fee_percent": "0"}]
    for path in (f"{other.path}/payment/{made[0]}", f"{shop.path}/payment/999999999"):
        assert program.admin.get(path).status_code == 404


def test_a_payment_that_is_repeated_after_a_time_out_pays_once(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    to = stranger(program)
    body = {"to": to, "amount": "10"}
    hung_up(program, f"{shop.path}/pay", body, "once")

    first = answered(pay(shop, body, "once"))
    again = pay(shop, body, "once")

    assert again.headers["idempotent-replayed"] == "true"
    assert answered(again) == first
    assert [payment["id"] for payment in listed(shop)] == [first["id"]]
    program.mine(6)
    reaches(shop, first["id"], "CONFIRMED")
    assert received(program, to) == 10


def hung_up(program: Program, path: str, body: dict[str, Any], key: str) -> None:
    """Ask, and do not stay for the answer."""
    caller = http.client.HTTPConnection(program.admin.base_url.host, program.admin.base_url.port or 0)
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    caller.request("POST", path, json.dumps(body), headers)
    caller.close()


def test_who_does_not_wait_is_answered_before_the_transaction_is_made(tmp_path: Path) -> None:
    with running(Program(tmp_path, KENNEL_PAY_WAIT_SECONDS="0")) as program:
        program.node.fill_faucet()
        until(lambda: program.audit()["height"] == program.node.height)
        shop = Shop(program, "hasty").open()
        fund(shop, "100")

        paid = answered(pay(shop, {"to": NOBODYS, "amount": "10"}))

        assert (paid["hex"], paid["tx"], paid["state"]) == ("", "", "PENDING")
        assert current(shop) <= 90
        reaches(shop, paid["id"], "BROADCAST")
        assert shown(shop, paid["id"])["hex"] in program.node("getrawmempool")


def test_the_sweep_of_the_shop_plugin_leaves_the_balance_that_it_expects(
    program: Program, shop: Shop
) -> None:
    """It pays out the balance less 0.019, the fee taken from that, whenever money has come in."""
    to = stranger(program)
    swept = Decimal(0)
    for amount in ("50", "0.5", "7.77", "1234.56789"):
        fund(shop, amount)
        before = current(shop)
        sweep = before - Decimal("0.019")

        paid = answered(pay(shop, {"pay": [{"to": to, "amount": float(sweep), "deduct_fee_percent": 100}]}))

        assert Decimal(paid["total"]) == sweep == Decimal(paid["paid"]) + Decimal(paid["fee"])
        assert current(shop) == Decimal("0.019")
        swept += Decimal(paid["paid"])
        program.mine(6)
        reaches(shop, paid["id"], "CONFIRMED")
        assert shop.balance() == ("0", "0.019")
    assert received(program, to) == swept


@pytest.mark.parametrize("coins", [["210"], ["10.5"] * 20], ids=["a single coin", "20 coins"])
def test_of_50_payments_at_once_20_are_accepted_where_there_is_money_for_20(
    program: Program, shop: Shop, coins: list[str]
) -> None:
    fund(shop, *coins)
    to = stranger(program)
    with ThreadPoolExecutor(CLIENTS) as clients:
        body = {"to": to, "amount": "10", "max_fee": "0.5"}
        answers = list(clients.map(lambda _: pay(shop, body), range(CLIENTS)))

    accepted = [answer.json() for answer in answers if answer.status_code == 200]
    refused = [answer.json()["error"] for answer in answers if answer.status_code != 200]
    assert (len(accepted), {error["code"] for error in refused}) == (20, {"insufficient-funds"})
    program.mine(6)
    for paid in accepted:
        reaches(shop, paid["id"], "CONFIRMED")
    assert received(program, to) == sum(Decimal(paid["paid"]) for paid in accepted) == 200


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing to pay": ({}, 400, "pay"),
    "no address": ({"to": "nobody", "amount": "1"}, 400, "to"),
    "an address of another network": ({"to": MAINNET, "amount": "1"}, 400, "to"),
    "nothing": ({"to": NOBODYS, "amount": "0"}, 400, "amount"),
    "less than nothing": ({"to": NOBODYS, "amount": "-1"}, 400, "amount"),
    "dust": ({"to": NOBODYS, "amount": "0.00999999"}, 400, "amount"),
    "more than 10 billion": ({"to": NOBODYS, "amount": "10000000000.00000001"}, 400, "amount"),
    "too many decimals": ({"to": NOBODYS, "amount": "1.000000001"}, 400, "amount"),
    "no number": ({"to": NOBODYS, "amount": "much"}, 400, "amount"),
    "more than there is": ({"to": NOBODYS, "amount": "100"}, 409, ""),
    "percentages that are not 100": (
        {"pay": [{"to": NOBODYS, "amount": "1", "deduct_fee_percent": "99"}]}, 400, "deduct_fee_percent",
    ),
    "a bad output in the middle": (
        {"pay": [{"to": NOBODYS, "amount": "1"}, {"to": "nobody", "amount": "1"}]}, 400, "pay.1.to",
    ),
    "too many outputs": ({"pay": [{"to": NOBODYS, "amount": "1"}] * 251}, 400, "pay"),
    "a fee too low to be mined": ({"to": NOBODYS, "amount": "1", "explicit_fee": "0.0001"}, 409, "explicit_fee"),
    "a limit too low to be mined": ({"to": NOBODYS, "amount": "1", "max_fee": "0.0001"}, 409, "max_fee"),
    "an absurd fee": ({"to": NOBODYS, "amount": "1", "explicit_fee": "101"}, 409, "explicit_fee"),
    "a fee above its limit": (
        {"to": NOBODYS, "amount": "1", "explicit_fee": "0.6", "max_fee": "0.5"}, 400, "explicit_fee",
    ),
    "a fee below zero": ({"to": NOBODYS, "amount": "1", "explicit_fee": "-0.5"}, 400, "explicit_fee"),
    "a limit below zero": ({"to": NOBODYS, "amount": "1", "max_fee": "-0.5"}, 400, "max_fee"),
    "a payee beside the payees": ({"to": NOBODYS, "pay": [{"to": NOBODYS, "amount": "1"}]}, 400, "to"),
    "an amount that is not that of the payees": (
        {"amount": "2", "pay": [{"to": NOBODYS, "amount": "1"}]}, 400, "amount",
    ),
}  # fmt: skip


def test_what_can_not_be_paid_is_refused_by_name_and_moves_nothing(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    wrong = {}
    for name, (body, status, field) in BAD.items():
        for way in ("pay", "paytx"):
            answer = pay(shop, body, way=way)
            error = answer.json().get("error", {})
            if (answer.status_code, error.get("field", "")) != (status, field):
                wrong[name] = (answer.status_code, error)

    assert wrong == {}
    assert shop.balance() == ("0", "100")
    assert listed(shop) == []


def test_our_own_change_is_no_payee(program: Program, shop: Shop) -> None:
    fund(shop, "100")
    paid = answered(pay(shop, {"to": NOBODYS, "amount": "10"}))
    outputs = program.node("decoderawtransaction", paid["tx"])["vout"]
    [change] = [
        address for out in outputs for address in out["scriptPubKey"]["addresses"] if address != NOBODYS
    ]
    before = balances(shop)

    refused = pay(shop, {"to": change, "amount": "1"})

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "to")
    assert balances(shop) == before
