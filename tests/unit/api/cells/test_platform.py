"""The platform's account is in all cells, and one account to its callers."""

import csv
import io
from typing import Any

import pytest
import sqlalchemy as sa

from app.api import history
from app.db.tables import accounts
from tests import funding
from tests.unit.api.cells.conftest import COUNT, Town, ids


async def with_gold(town: Town) -> None:
    """Open the platform's account, and put 1, 2, 3 and 4 gold into its cells, by transfers of accounts there."""
    await town.post("/assets", {"code": "gold", "decimals": 2})
    await town.post("/account/platform", {"name": "Platform", "opening": {"gold": "5"}})
    names = town.names()
    await town.open(*names, opening={"gold": "10"})
    for number, name in enumerate(names, 1):
        gift = {"from": name, "to": "platform", "asset": "gold", "amount": str(number)}
        await town.post("/transfers", gift)


async def test_it_is_opened_in_all_cells_and_gets_its_opening_once(town: Town) -> None:
    await with_gold(town)

    for engine in town.database.engines:
        async with engine.connect() as db:
            wanted = sa.select(accounts.c.name).where(accounts.c.foreign_id == "platform")
            assert list(await db.scalars(wanted)) == ["Platform"]
    balances = (await town.get("/account/platform/balances"))["items"]
    assert [(item["asset"], item["total"]) for item in balances] == [("DOGE", "0"), ("gold", "15")]


async def test_its_doge_is_the_sum_of_all_cells(town: Town) -> None:
    assert (await town.admin.get("/account/platform/balance")).status_code == 404
    await town.post("/account/platform")
    for engine in town.database.engines[:3]:
        await funding.fund(engine, {"platform": 7})

    assert (await town.get("/account/platform/balance"))["CurrentBalance"] == "0.00000021"


async def test_its_history_and_events_are_those_of_all_cells(town: Town) -> None:
    await with_gold(town)
    await town.number()

    history = [line for page in await town.pages("/account/platform/history?asset=gold", 2) for line in page]
    events = (await town.get("/events?foreign_id=platform&types=TRANSFER&limit=100"))["items"]
    payments = await town.get("/account/platform/payments")

    assert [line["credit"] for line in history] == ["4", "3", "2", "1", "5"]
    assert {event["position"] % COUNT for event in events} == set(range(COUNT))
    assert payments["items"] == []
    assert len(ids((await town.get("/transfers?limit=100"))["items"])) == 4 + 5


async def with_traffic(town: Town) -> list[int]:
    """Move gold to and from the platform in and between all cells; return the transfers' ids, newest first."""
    await with_gold(town)
    names = town.names()
    gold = {"asset": "gold", "amount": "1", "reference": "game"}
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        await town.post("/transfers", {"from": "platform", "to": name, **gold})
        shares = [{"account": "platform", "amount": "0.25"}, {"account": other, "amount": "0.75"}]
        await town.post("/transfers", {"from": name, "to": shares, **gold})
        await town.post("/transfers", {"from": name, "to": other, **gold})  # is none of the platform's
    return [
        transfer["id"]
        for transfer in (await town.get("/transfers?asset=gold&limit=100"))["items"]
        if "platform" in str(transfer)
    ]


@pytest.mark.parametrize("limit", [2, 100])
async def test_its_transfers_are_those_of_all_cells_newest_first(town: Town, limit: int) -> None:
    made = await with_traffic(town)
    assert len(made) == 1 + 4 + 2 * 4

    for path in ("/account/platform/transfers", "/transfers?foreign_id=platform"):
        assert await ids_of_pages(town, path, limit) == made
    of_game = await ids_of_pages(town, "/transfers?foreign_id=platform&reference=game", limit)
    later = await ids_of_pages(town, "/account/platform/transfers?reference=game&asset=gold", limit)

    assert of_game == later == made[:8]


async def ids_of_pages(town: Town, path: str, limit: int) -> list[int]:
    return [number for page in await town.pages(path, limit) for number in ids(page)]


@pytest.mark.parametrize("query", ["", "&asset=gold", "&type=TRANSFER"])
async def test_its_history_as_a_file_is_that_of_all_cells(town: Town, query: str) -> None:
    await with_traffic(town)

    answer = await town.admin.get(f"/account/platform/history?format=csv{query}")

    lines: list[dict[str, Any]] = (await town.get(f"/account/platform/history?limit=100{query}"))["items"]
    assert answer.headers["content-disposition"] == 'attachment; filename="history-platform.csv"'
    assert [(row["entry"], row["id"], row["credit"]) for row in csv.DictReader(io.StringIO(answer.text))] == [
        (str(line["entry"]), line["id"], line["credit"]) for line in lines
    ]
    assert len(lines) >= 12
    assert {line["entry"] % COUNT for line in lines} == set(range(COUNT))


async def test_a_file_is_read_a_portion_at_a_time_of_each_cell(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_traffic(town)
    whole = (await town.admin.get("/account/platform/history?format=csv")).text

    monkeypatch.setattr(history, "PORTION", 2)

    assert (await town.admin.get("/account/platform/history?format=csv")).text == whole


async def test_where_one_cell_alone_has_opened_it_its_lists_are_those_of_that_cell(town: Town) -> None:
    name = town.names()[2]
    lists = ("history", "history?format=csv", "transfers", "payments")
    await town.open(name)
    for path in lists:
        assert (await town.admin.get(f"/account/platform/{path}")).status_code == 404
    await funding.fund(town.database.engines[2], {name: 7})

    await town.post(f"/account/{name}/transact", {"asset": "DOGE", "amount": "0.00000003", "type": "SPEND"})

    counts = {path: len((await town.get(f"/account/platform/{path}"))["items"]) for path in lists[::2]}
    assert counts == {"history": 1, "transfers": 1}
    assert (await town.admin.get("/account/platform/history?format=csv")).text.count("SPEND") == 1
    assert (await town.get("/account/platform/payments"))["items"] == []


async def test_it_gives_what_it_has_in_all_cells_and_not_more(town: Town) -> None:
    await with_gold(town)
    payee = town.names()[2]
    gift = {"from": "platform", "to": payee, "asset": "gold"}

    refused = await town.ask("/transfers", gift | {"amount": "15.01"})
    given = [await town.ask("/transfers", gift | {"amount": "12"}, key="once") for _ in range(2)]
    audit = await town.get("/audit")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "insufficient-funds")
    assert [answer.status_code for answer in given] == [200, 200]
    assert given[0].json() == given[1].json()
    balances = {
        item["asset"]: item["total"] for item in (await town.get("/account/platform/balances"))["items"]
    }
    assert balances["gold"] == "3"
    theirs = {
        item["asset"]: item["total"] for item in (await town.get(f"/account/{payee}/balances"))["items"]
    }
    assert theirs["gold"] == str(10 - 3 + 12)
    assert audit["ok"], audit
