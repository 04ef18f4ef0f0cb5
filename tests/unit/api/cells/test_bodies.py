"""What a body names is carried out where it lies."""

from dataclasses import replace
from typing import Any

import pytest

from app.api.cells.crossing_lane import NotBetweenCells
from app.api.cells.routing import Cells
from app.domain import dogecoin, transfers
from tests import funding
from tests.scenario import doge
from tests.unit.api.cells.conftest import COUNT, Town, ids
from tests.unit.domain.bank import order

TREAT = {"type": "item", "name": "Treat", "value": "5", "quantity": 1}
NOBODY = dogecoin.to_address(dogecoin.REGTEST, dogecoin.p2pkh(bytes(20)))
Names = tuple[list[str], list[str]]


@pytest.fixture
async def bank(town: Town) -> Names:
    """Two accounts in each cell, of which the first has 10 gold."""
    rich, poor = town.names("rich"), town.names("poor")
    await town.post("/assets", {"code": "gold", "decimals": 2})
    await town.open(*rich, opening={"gold": "10"})
    await town.open(*poor)
    return rich, poor


async def gold(town: Town, name: str) -> str:
    balances = (await town.get(f"/account/{name}/balances"))["items"]
    return next((item["available"] for item in balances if item["asset"] == "gold"), "0")


def gift(payer: str, payee: str, amount: str = "1", **more: Any) -> dict[str, Any]:
    return {"from": payer, "to": payee, "asset": "gold", "amount": amount, **more}


async def test_a_transfer_within_a_cell_is_made_there(town: Town, bank: Names) -> None:
    for cell, (rich, poor) in enumerate(zip(*bank, strict=True)):
        made = await town.post("/transfers", gift(rich, poor))
        back = await town.post(f"/transfers/{made['id']}/reverse", {"amount": "0.5"})

        assert (made["id"] % COUNT, back["id"] % COUNT) == (cell, cell)
        assert (await gold(town, rich), await gold(town, poor)) == ("9.5", "0.5")


async def test_a_bulk_is_answered_in_its_order_whatever_cells_it_is_for(town: Town, bank: Names) -> None:
    rich, poor = bank
    gifts = [gift(rich[n % COUNT], poor[n % COUNT], "4", reference=f"r{n}") for n in range(3 * COUNT)]

    first = await town.ask("/transfers", {"transfers": gifts}, key="bulk")
    again = await town.ask("/transfers", {"transfers": gifts}, key="bulk")

    items = first.json()["items"]
    assert [item.get("reference") or item["error"]["code"] for item in items] == [
        *(f"r{n}" for n in range(2 * COUNT)),
        *["insufficient-funds"] * COUNT,
    ]
    assert "Idempotent-Replayed" not in again.headers  # refused ones leave no key
    assert [item.get("id") for item in again.json()["items"]] == [item.get("id") for item in items]
    assert [await gold(town, name) for name in poor] == ["8"] * COUNT


async def test_what_comes_first_in_a_bulk_pays_for_what_follows(town: Town, bank: Names) -> None:
    rich, poor = bank
    chain = [gift(rich[1], poor[1], "10"), gift(poor[1], rich[1], "7"), gift(rich[1], poor[1], "6")]

    items = (await town.post("/transfers", {"transfers": chain}))["items"]

    assert ["error" in item for item in items] == [False] * 3
    assert (await gold(town, rich[1]), await gold(town, poor[1])) == ("1", "9")


async def test_an_atomic_bulk_of_one_cell_is_made_or_refused_as_a_whole(town: Town, bank: Names) -> None:
    rich, poor = bank
    pair = [gift(rich[2], poor[2], "6"), gift(rich[2], poor[2], "6")]

    refused = await town.ask("/transfers", {"transfers": pair, "atomic": True})
    made = await town.ask("/transfers", {"transfers": pair[:1], "atomic": True})

    assert (refused.status_code, made.status_code) == (409, 200)
    assert await gold(town, poor[2]) == "6"


async def test_a_hold_is_captured_and_an_escrow_ended_in_their_cell(town: Town, bank: Names) -> None:
    for rich, poor in zip(*bank, strict=True):
        hold = await town.post(f"/account/{rich}/hold", {"asset": "gold", "amount": "2"})
        captured = await town.post(f"/hold/{hold['id']}/capture", {"to": poor})
        order = {"order_id": rich, "buyer": rich, "seller": poor, "asset": "gold", "amount": "3"}
        escrow = await town.post("/escrow", order)
        disputed = await town.post(f"/escrow/{escrow['id']}/dispute")
        split = {"to_seller": "1", "to_buyer": "2"}
        resolved = await town.post(f"/escrow/{escrow['id']}/resolve", split)

        assert (captured["state"], disputed["state"], resolved["state"]) == (
            "CAPTURED",
            "DISPUTED",
            "RESOLVED",
        )
        assert (await gold(town, rich), await gold(town, poor)) == ("7", "3")


async def test_an_invoice_is_paid_and_refunded_within_its_cell(town: Town) -> None:
    payers, shops = town.names("payer"), town.names("shop")
    await town.open(*payers, *shops)

    for cell, (payer, shop) in enumerate(zip(payers, shops, strict=True)):
        await funding.fund(town.database.engines[cell], {payer: doge(20)})
        invoice = await town.post(f"/account/{shop}/invoice", {"items": [TREAT]})
        paid = await town.post(f"/invoice/{invoice['id']}/payfrom/{payer}")
        refund = await town.post(f"/invoice/{invoice['id']}/refundtoacc/{payer}", {"amount": "3"})

        assert (paid["total"], refund["amount"], refund["id"] % COUNT) == ("5", "3", cell)


async def test_an_invoice_of_another_cell_is_paid_on_the_chain_once(town: Town) -> None:
    payer, shop = town.names("payer")[0], town.names("shop")[3]
    await town.open(payer, shop)
    await funding.fund(town.database.engines[0], {payer: doge(20)})
    invoice = await town.post(f"/account/{shop}/invoice", {"items": [TREAT]})
    path = f"/invoice/{invoice['id']}/payfrom/{payer}?on_chain=true"

    paid = await town.post(path, key="once")
    again = await town.ask(path, key="once")
    unknown = await town.ask(f"/invoice/{NOBODY}/payfrom/{payer}?on_chain=true")

    assert (paid["total"], paid["state"], paid["id"] % COUNT) == ("6", "PENDING", 0)
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (paid["id"], "true")
    assert unknown.status_code == 404
    assert ids((await town.get(f"/account/{payer}/payments"))["items"]) == [paid["id"]]


async def test_money_between_cells_is_refused_where_nothing_carries_it(town: Town, bank: Names) -> None:
    rich, poor = bank
    assert town.cells.over_cells is not None
    apart = Cells(town.cells.contexts, replace(town.cells.over_cells, crossings=None))

    with pytest.raises(NotBetweenCells):
        await apart.submit(transfers.MAKE, order(rich[0], poor[1]), None, [rich[0], poor[1]])


async def test_transfers_between_cells_are_made_once_and_a_bulk_in_its_order(town: Town, bank: Names) -> None:
    rich, poor = bank
    gifts = [
        gift(rich[0], poor[1], "10"),
        gift(poor[1], poor[2], "7"),
        gift(rich[3], poor[3]),
        gift(rich[0], poor[0]),
    ]

    single = await town.post("/transfers", gift(rich[2], poor[3], "2"), key="single")
    again = await town.ask("/transfers", gift(rich[2], poor[3], "2"), key="single")
    items = (await town.post("/transfers", {"transfers": gifts}))["items"]
    back = await town.post(f"/transfers/{single['id']}/reverse", {"amount": "0.5"})
    listed = [number for page in await town.pages("/transfers", 3) for number in ids(page)]

    assert (single["id"] % COUNT, single["to"]) == (2, poor[3])
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (single["id"], "true")
    assert ["error" in item for item in items] == [False, False, False, True]
    assert [await gold(town, name) for name in poor] == ["0", "3", "7", "2.5"]
    assert back["reverses"] == single["id"]
    assert {single["id"], back["id"], *ids(items[:3])} <= set(listed)
    assert len(listed) == len(set(listed)) == 4 + 5
    assert (await town.get(f"/account/{poor[3]}/transfers"))["items"][-1]["from"] == rich[2]


async def test_holds_escrows_and_invoices_cross_cells(town: Town, bank: Names) -> None:
    rich, poor = bank
    payer = town.names("payer")[1]
    await town.open(payer)
    await funding.fund(town.database.engines[1], {payer: doge(20)})

    hold = await town.post(f"/account/{rich[0]}/hold", {"asset": "gold", "amount": "2"})
    captured = await town.post(f"/hold/{hold['id']}/capture", {"to": poor[3]})
    sale = {"order_id": "7", "buyer": rich[0], "seller": poor[2], "asset": "gold", "amount": "3"}
    escrow = await town.post("/escrow", sale)
    released = await town.post(f"/escrow/{escrow['id']}/release")
    invoice = await town.post(f"/account/{poor[0]}/invoice", {"items": [TREAT]})
    paid = await town.post(f"/invoice/{invoice['id']}/payfrom/{payer}")
    refund = await town.post(f"/invoice/{invoice['id']}/refundtoacc/{payer}", {"amount": "3"})

    assert (captured["state"], released["state"], paid["total"]) == ("CAPTURED", "RELEASED", "5")
    assert (refund["to"], refund["amount"]) == (payer, "3")
    assert [await gold(town, name) for name in (rich[0], poor[3], poor[2])] == ["5", "2", "3"]
    assert ids((await town.get("/escrow"))["items"]) == [escrow["id"]]
    assert ids((await town.get(f"/escrow?seller={poor[2]}"))["items"]) == [escrow["id"]]
