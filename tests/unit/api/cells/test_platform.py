"""The platform's account is in all cells, and one account to its callers."""

import sqlalchemy as sa

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
    transfers = await town.admin.get("/account/platform/transfers")
    payments = await town.get("/account/platform/payments")

    assert [line["credit"] for line in history] == ["4", "3", "2", "1", "5"]
    assert {event["position"] % COUNT for event in events} == set(range(COUNT))
    assert (transfers.status_code, transfers.json()["error"]["field"]) == (400, "foreign_id")
    assert payments["items"] == []
    assert len(ids((await town.get("/transfers?limit=100"))["items"])) == 4 + 5


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
