"""Lists over cells are those of one installation."""

import itertools

import pytest

from tests.unit.api.cells.conftest import COUNT, Town, ids


async def issue(town: Town, names: list[str], count: int) -> list[int]:
    """Give the accounts gold in turn; return the transfers' ids."""
    await town.post("/assets", {"code": "gold", "decimals": 2})
    made = []
    for name in itertools.islice(itertools.cycle(names), count):
        body = {"asset": "gold", "amount": "1", "type": "TOPUP", "reference": "rain"}
        made.append((await town.post(f"/account/{name}/transact", body))["id"])
    return made


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_accounts_of_all_cells_are_listed_oldest_first(town: Town, limit: int) -> None:
    names = [*town.names("b"), *town.names("a"), *town.names("c")]
    await town.open(*names)

    pages = await town.pages("/accounts", limit)

    listed = [account for page in pages for account in page]
    assert [account["foreign_id"] for account in listed] == names
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert {balance["asset"] for account in listed for balance in account["balances"]} == {"DOGE"}


async def test_a_key_of_some_accounts_lists_those_by_name(town: Town) -> None:
    mine = sorted([*town.names("my.a"), *town.names("my.b")])
    await town.open(*reversed(mine), *town.names("other"))
    key = await town.post("/keys", {"scopes": ["accounts:read"], "prefix": "my."})
    town.admin.headers["Authorization"] = f"Bearer {key['secret']}"

    pages = await town.pages("/accounts", 3)

    assert [account["foreign_id"] for page in pages for account in page] == mine


@pytest.mark.parametrize("query", ["", "?asset=gold", "?reference=rain"])
async def test_transfers_of_all_cells_are_listed_newest_first(town: Town, query: str) -> None:
    names = town.names()
    await town.open(*names)
    # the first cell has most of them
    made = await issue(town, [*names, names[0], names[0]], 20)

    pages = await town.pages(f"/transfers{query}", 3)

    assert [number for page in pages for number in ids(page)] == made[::-1]


async def test_transfers_of_an_account_are_asked_of_its_cell(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    made = await issue(town, names, 12)
    of_last = [number for number in made if number % COUNT == 3][::-1]

    for path in (f"/transfers?foreign_id={names[3]}", f"/account/{names[3]}/transfers"):
        assert [number for page in await town.pages(path, 2) for number in ids(page)] == of_last


@pytest.mark.parametrize("cursor", ["x", "MQ", "MQ.MQ", "~.~.~.~", "MQ.MQ.MQ.MQ.MQ", "...", "MQ.x.MQ.MQ"])
async def test_a_cursor_that_is_none_over_so_many_cells_is_refused(town: Town, cursor: str) -> None:
    refused = await town.admin.get(f"/accounts?cursor={cursor}")

    if cursor == "...":  # nothing was shown of any cell yet
        assert refused.status_code == 200
    else:
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, "cursor")


async def test_escrows_of_all_cells_are_listed_newest_first(town: Town) -> None:
    names, others = town.names(), town.names("other")
    await town.open(*names, *others)
    await issue(town, names, 8)
    made = []
    for number, (buyer, seller) in enumerate([*zip(names, others, strict=True)] * 2):
        body = {"order_id": f"o-{number}", "buyer": buyer, "seller": seller, "asset": "gold", "amount": "1"}
        made.append((await town.post("/escrow", body))["id"])

    pages = await town.pages("/escrow", 3)

    assert [number for page in pages for number in ids(page)] == made[::-1]
    assert ids((await town.get(f"/escrow?buyer={names[2]}"))["items"]) == [made[6], made[2]]
    assert ids((await town.get(f"/escrow?seller={others[1]}"))["items"]) == [made[5], made[1]]
    assert ids((await town.get("/escrow?order_id=o-3"))["items"]) == [made[3]]
    for number in made[:4]:
        assert (await town.post(f"/escrow/{number}/release"))["state"] == "RELEASED"


async def test_what_all_cells_share_is_the_same_in_each(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    await issue(town, names, 4)

    assert [asset["code"] for asset in (await town.get("/assets"))["items"]] == ["DOGE", "gold"]
    logged = [change for page in await town.pages("/audit/log", 2) for change in page]
    assert {change["action"] for change in logged} == {"account.transact", "asset.create"}
    assert sorted(change["foreign_id"] for change in logged if change["foreign_id"]) == sorted(names)


async def test_a_report_adds_up_all_cells(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    await issue(town, names, 12)

    report = await town.get("/reports/ledger?asset=gold")
    by_account = await town.get("/reports/ledger?asset=gold&group_by=account")
    rows = [row for page in await town.pages("/reports/ledger/rows?asset=gold", 5) for row in page]

    assert [(row["credit"], row["count"]) for row in report["items"]] == [("12", 12)]
    assert [(row["foreign_id"], row["credit"]) for row in by_account["items"]] == [
        (name, "3") for name in sorted(names)
    ]
    assert [row["foreign_id"] for row in rows] == [name for name in sorted(names) for _ in range(3)]
    lines = (await town.admin.get("/reports/ledger/rows?asset=gold&format=csv")).text.splitlines()
    assert len(lines) == 13
