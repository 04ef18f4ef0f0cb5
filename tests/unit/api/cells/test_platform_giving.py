"""What the platform's account gives, it may have in any cell."""

import asyncio
from typing import Any

import pytest

from app.batching.crossings import Crossings
from app.domain import dogecoin, payments
from tests import funding
from tests.scenario import doge
from tests.unit.api.cells.conftest import Town

TREAT = {"type": "item", "name": "Treat", "value": "5", "quantity": 1}


@pytest.fixture
async def names(town: Town) -> list[str]:
    """An account in each cell, and the platform's, which has 2 and a half gold in each, 10 in all."""
    await town.post("/assets", {"code": "gold", "decimals": 2})
    await town.post("/account/platform")
    names = town.names()
    await town.open(*names, opening={"gold": "2.5"})
    for name in names:
        await town.post("/transfers", gift(name, amount="2.5", payer=name, payee="platform"))
    return names


def gift(name: str, amount: str, payer: str = "platform", payee: str = "") -> dict[str, Any]:
    return {"from": payer, "to": payee or name, "asset": "gold", "amount": amount}


async def gold(town: Town, *names: str) -> list[str]:
    of_each = [(await town.get(f"/account/{name}/balances"))["items"] for name in names]
    return [next((item["total"] for item in items if item["asset"] == "gold"), "0") for items in of_each]


def codes(items: list[dict[str, Any]]) -> list[str]:
    return [item["error"]["code"] if "error" in item else "" for item in items]


async def bulk(town: Town, *gifts: dict[str, Any], key: str = "", **more: Any) -> list[dict[str, Any]]:
    made = await town.post("/transfers", {"transfers": gifts, **more}, key)
    return list(made["items"])


async def test_a_bulk_gives_what_all_cells_have(town: Town, names: list[str]) -> None:
    gifts = [gift(names[0], "6"), gift(names[1], "1"), gift(names[0], "2"), gift(names[3], "1")]

    first, again = [await bulk(town, *gifts, key="once") for _ in range(2)]

    assert codes(first) == [""] * 4
    assert [item["id"] for item in again] == [item["id"] for item in first]
    assert await gold(town, *names, "platform") == ["8", "1", "0", "1", "0"]
    assert (await town.get("/audit"))["ok"]


async def test_a_bulk_refuses_what_all_cells_together_lack_and_says_what_they_have(
    town: Town, names: list[str]
) -> None:
    items = await bulk(town, gift(names[0], "6"), gift(names[1], "10.01"), gift(names[2], "4"))

    assert codes(items) == ["", "insufficient-funds", ""]
    assert "platform has 10 gold" in items[1]["error"]["message"]
    assert await gold(town, *names, "platform") == ["6", "0", "4", "0", "0"]


async def test_where_no_money_can_be_brought_any_more_only_who_needs_it_hears_that(
    town: Town, names: list[str]
) -> None:
    crossings = town.cells.over_cells and town.cells.over_cells.crossings
    assert isinstance(crossings, Crossings)
    await crossings.close()  # as when the process stops

    items = await bulk(town, gift(names[0], "1"), gift(names[1], "5"))

    assert codes(items) == ["", "not-available"]
    assert await gold(town, *names) == ["1", "0", "0", "0"]


async def test_who_gets_from_the_platform_gives_on_what_came(town: Town, names: list[str]) -> None:
    onward = gift("", "7", payer=names[0], payee=names[2])

    items = await bulk(town, onward, gift(names[0], "8"), onward, gift(names[1], "1"))

    assert codes(items) == ["insufficient-funds", "", "", ""]
    assert await gold(town, *names, "platform") == ["1", "1", "7", "0", "1"]


async def test_all_or_none_has_the_money_of_all_cells(town: Town, names: list[str]) -> None:
    gifts = [gift(names[0], "6"), gift(names[1], "1"), gift(names[2], "3")]

    refused = await town.ask("/transfers", {"transfers": [*gifts, gift(names[3], "0.01")], "atomic": True})
    made = await bulk(town, *gifts, atomic=True)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "insufficient-funds")
    assert codes(made) == [""] * 3
    assert await gold(town, *names, "platform") == ["6", "1", "3", "0", "0"]


async def test_many_at_once_give_all_that_there_is_and_not_more(town: Town, names: list[str]) -> None:
    one = [gift(name, "1.25") for name in names for _ in range(2)]
    many = {"transfers": [gift(name, "1") for name in names]}

    answers = await asyncio.gather(*(town.ask("/transfers", body) for body in (*one, many)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    given = sum(float(total) for total in await gold(town, *names))
    [left] = await gold(town, "platform")
    assert given + float(left) == 10
    assert float(left) < 1.25
    assert (await town.get("/audit"))["ok"]


async def test_two_bulks_at_once_that_there_is_enough_for_are_both_made(town: Town, names: list[str]) -> None:
    answers = await asyncio.gather(*(bulk(town, gift(name, "2"), gift(name, "3")) for name in names[:2]))

    assert [codes(items) for items in answers] == [["", ""]] * 2
    assert await gold(town, *names, "platform") == ["5", "5", "0", "0", "0"]


async def balance(town: Town, name: str) -> str:
    return str((await town.get(f"/account/{name}/balance"))["CurrentBalance"])


async def test_the_platform_pays_invoices_with_what_all_cells_have(town: Town) -> None:
    await town.post("/account/platform")
    shop, other = town.names()[:2]
    await town.open(shop, other)
    for engine in town.database.engines:
        await funding.fund(engine, {"platform": doge(2)})
    invoices = [await town.post(f"/account/{seller}/invoice", {"items": [TREAT]}) for seller in (shop, other)]
    path, poor = (f"/invoice/{invoice['id']}/payfrom/platform" for invoice in invoices)

    paid, again = [await town.post(path, key="once") for _ in range(2)]
    refused = await town.ask(poor)

    assert paid == again
    assert (paid["total"], refused.status_code) == ("5", 409)
    assert "has 3 of the 5" in refused.json()["error"]["message"]
    assert [await balance(town, name) for name in (shop, "platform")] == ["5", "3"]


async def test_the_platform_refunds_and_holds_with_what_all_cells_have(town: Town) -> None:
    await town.post("/account/platform")
    home = town.database.map.of_account("platform")
    shop, customer = town.names()[home], town.names("customer")[home]
    await town.open(shop, customer)
    for cell, engine in enumerate(town.database.engines):
        await funding.fund(engine, {"platform": doge(2 if cell != home else 0)})
    await funding.fund(town.database.engines[home], {customer: doge(5)})
    invoice = await town.post("/account/platform/invoice", {"items": [TREAT]})
    await town.post(f"/invoice/{invoice['id']}/payfrom/{customer}")
    await town.post("/transfers", {"from": "platform", "to": shop, "asset": "DOGE", "amount": "5"})

    await town.post(f"/invoice/{invoice['id']}/refundtoacc/{customer}")
    hold = await town.post("/account/platform/hold", {"asset": "DOGE", "amount": "1"})
    refused = await town.ask("/account/platform/hold", {"asset": "DOGE", "amount": "1"})

    assert (hold["state"], refused.json()["error"]["code"]) == ("HELD", "insufficient-funds")
    assert [await balance(town, name) for name in (customer, "platform")] == ["5", "0"]


async def test_the_platform_spends_what_all_cells_have(town: Town, names: list[str]) -> None:
    spend = {"asset": "gold", "amount": "9", "type": "SPEND"}

    await town.post("/account/platform/transact", spend)
    refused = await town.ask("/account/platform/transact", spend)

    assert refused.json()["error"]["code"] == "insufficient-funds"
    assert await gold(town, *names, "platform") == ["0", "0", "0", "0", "1"]


NOBODY = dogecoin.to_address(dogecoin.REGTEST, dogecoin.p2pkh(bytes(20)))


async def with_doge(town: Town, *amounts: int) -> None:
    """Open the platform's account, with so much in each cell."""
    await town.post("/account/platform")
    for engine, amount in zip(town.database.engines, amounts, strict=True):
        await funding.fund(engine, {"platform": doge(amount)})


async def test_the_platform_pays_on_chain_what_all_cells_have(town: Town) -> None:
    await with_doge(town, 2, 2, 2, 2)
    order = {"to": NOBODY, "amount": "6", "max_fee": "1.5"}

    paid, again = [await town.post("/account/platform/pay", order, key="once") for _ in range(2)]
    refused = await town.ask("/account/platform/pay", order)
    listed = (await town.get("/account/platform/payments"))["items"]
    shown = await town.get(f"/account/platform/payment/{paid['id']}")
    voided = await town.post(f"/account/platform/payment/{paid['id']}/void")

    assert (paid["total"], paid["id"]) == (again["total"], again["id"])
    assert [payment["id"] for payment in listed] == [shown["id"]] == [paid["id"]]
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "insufficient-funds")
    assert "has 0.5 of the" in refused.json()["error"]["message"]
    assert (voided["state"], await balance(town, "platform")) == ("VOIDED", "8")


async def test_a_payment_of_the_platform_is_set_aside_with_its_highest_fee(town: Town) -> None:
    await with_doge(town, 2, 2, 2, 2)

    await town.post("/account/platform/pay", {"to": NOBODY, "amount": "2", "max_fee": "1.5"})

    assert await balance(town, "platform") == "4.5"


async def test_the_platform_pays_invoices_on_chain_with_what_all_cells_have(town: Town) -> None:
    await with_doge(town, 3, 3, 3, 3)
    shop = town.names()[0]
    await town.open(shop)
    invoice = await town.post(f"/account/{shop}/invoice", {"items": [TREAT]})

    paid = await town.post(f"/invoice/{invoice['id']}/payfrom/platform?on_chain=true")

    assert paid["state"] == "PENDING"
    assert [payment["id"] for payment in (await town.get("/account/platform/payments"))["items"]] == [
        paid["id"]
    ]


async def test_a_payment_of_the_platform_is_found_in_each_cell(town: Town) -> None:
    await with_doge(town, 3, 3, 3, 3)
    made = []
    for context in town.cells.contexts:
        payee = payments.Payee.of(dogecoin.REGTEST, "", str(NOBODY), doge(1))
        order = payments.PayOrder("platform", (payee,), max_fee=doge(1))
        made.append((await context.commits.submit(payments.REQUEST, order)).resource.id)

    listed = (await town.get("/account/platform/payments"))["items"]
    shown = [await town.get(f"/account/platform/payment/{number}") for number in made]
    voided = [await town.post(f"/account/platform/payment/{number}/void") for number in made]

    assert {payment["id"] for payment in listed} == set(made)
    assert [payment["id"] for payment in shown] == made
    assert {payment["state"] for payment in voided} == {"VOIDED"}
    assert await balance(town, "platform") == "12"
