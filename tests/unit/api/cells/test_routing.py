"""Each request goes to the cell of what it names."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from app.db.tables import account_names, accounts, addresses
from app.domain import dogecoin
from tests import cells as divided
from tests.unit.api.cells.conftest import COUNT, Town, listening

STRANGE = [bytes([0x76, 0xA9, 0x14, *[number] * 20, 0x88, 0xAC]) for number in range(50)]


async def names_in(database: divided.Cells) -> list[set[str]]:
    """The names of the accounts of each cell."""
    named = []
    for engine in database.engines:
        async with engine.connect() as db:
            named.append(set(await db.scalars(sa.select(accounts.c.foreign_id))))
    return named


class Statements:
    """Counts the statements that each cell runs."""

    def __init__(self, town: Town) -> None:
        self.counts = Counter[int]()
        for cell, context in enumerate(town.cells.contexts):
            sa.event.listen(context.engine.sync_engine, "before_cursor_execute", self._counting(cell))

    def _counting(self, cell: int) -> Callable[..., None]:
        def count(*_: object) -> None:
            self.counts[cell] += 1

        return count


async def test_an_account_lies_in_the_cell_of_its_name(town: Town) -> None:
    names = town.names()

    await town.open(*names)

    assert await names_in(town.database) == [{name} for name in names]
    assert [(await town.get(f"/account/{name}"))["foreign_id"] for name in names] == names
    assert (await town.admin.get("/account/nobody")).status_code == 404


async def test_a_request_of_an_account_asks_no_other_cell(town: Town) -> None:
    names = town.names()
    await town.open(*names)

    for cell, name in enumerate(names):
        statements = Statements(town)
        await town.post(f"/account/{name}/address")
        await town.get(f"/account/{name}/addresses")
        await town.get(f"/account/{name}/history")
        assert {number for number, count in statements.counts.items() if count} == {cell}


async def test_what_lies_in_a_cell_is_found_by_its_id(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    await town.post("/assets", {"code": "gold", "decimals": 2})

    for cell, name in enumerate(names):
        transfer = await town.post(
            f"/account/{name}/transact", {"asset": "gold", "amount": "5", "type": "TOPUP"}
        )
        hold = await town.post(f"/account/{name}/hold", {"asset": "gold", "amount": "2"})
        link = await town.post(f"/account/{name}/link", {"amount": "50"})

        assert (transfer["id"] % COUNT, hold["id"] % COUNT) == (cell, cell)
        assert (await town.get(f"/transfers/{transfer['id']}"))["to"] == name
        assert (await town.get(f"/hold/{hold['id']}"))["foreign_id"] == name
        released = await town.post(f"/hold/{hold['id']}/release")
        assert released["state"] == "RELEASED"
        assert (await town.payer.get(f"/l/{link['id']}")).status_code == 200
        assert (await town.post(f"/link/{link['id']}/close"))["state"] == "closed"
    assert (await town.admin.get("/hold/999999999999999999")).status_code == 404


async def test_payers_find_an_invoice_by_its_address_and_nobody_asks_again_where_it_is(town: Town) -> None:
    names = town.names()
    await town.open(*names)
    made = [await town.post(f"/account/{name}/invoice", {"items": [_ITEM]}) for name in names]
    paths = [f"/invoice/{invoice['id']}" for invoice in made]

    found = [(await town.payer.get(path)).json()["id"] for path in paths]
    statements = Statements(town)
    for number, path in enumerate(paths):
        assert (await town.payer.get(f"{path}/qr.png")).status_code == 200
        assert (await town.payer.get(f"/pay/{made[number]['id']}")).status_code == 200

    assert found == [invoice["id"] for invoice in made]
    assert len(statements.counts) <= COUNT


_ITEM = {"type": "item", "name": "Bone", "value": 5, "quantity": 1}


async def test_addresses_that_are_none_of_ours_are_looked_for_together(town: Town) -> None:
    strange = [dogecoin.to_address(dogecoin.REGTEST, script) for script in STRANGE]

    answers = await asyncio.gather(*(town.payer.get(f"/invoice/{address}") for address in strange))
    wrong = await town.payer.get("/invoice/noaddress")

    assert {answer.status_code for answer in (*answers, wrong)} == {404}


async def test_an_address_is_remembered_with_its_cell(town: Town) -> None:
    name = town.names()[3]
    await town.open(name)
    given = (await town.post(f"/account/{name}/address"))["address"]

    assert await town.cells.cell_of_address(given) == 3
    async with town.database.engines[3].begin() as db:
        await db.execute(sa.delete(addresses))
    assert await town.cells.cell_of_address(given) == 3


async def test_one_name_opened_a_thousand_times_at_once_by_all_processes_is_one_account(
    four: divided.Cells,
) -> None:
    async with listening(four) as first, listening(four) as second:
        answers = await asyncio.gather(
            *(
                town.admin.post("/account/all-at-once", content="{}")
                for town in (first, second)
                for _ in range(500)
            )
        )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("all-at-once" in names for names in await names_in(four)) == 1


async def test_a_renamed_account_stays_where_it_is(town: Town) -> None:
    old, other = town.names("old")[1], town.names("new")[2]
    [opened] = await town.open(old)
    async with town.database.engines[1].begin() as db:
        await db.execute(sa.update(accounts).values(foreign_id=other))
        await db.execute(sa.insert(account_names).values(foreign_id=other, cell=1))
    await town.cells.renamed.step()

    assert (await town.get(f"/account/{other}"))["id"] == opened["id"]
    assert (await town.admin.get(f"/account/{old}")).status_code == 404
    assert (await town.post(f"/account/{other}", {"name": "New"}))["id"] == opened["id"]


@pytest.mark.parametrize("name", ["a%00b", "%ff", "%ed%a0%80", "x" * 300])
async def test_what_is_no_name_is_refused_as_in_one_cell(town: Town, name: str) -> None:
    await town.cells.renamed.step()

    refused = await town.admin.get(f"/account/{name}")

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "foreign_id")
