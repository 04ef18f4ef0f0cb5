"""What the operator asks over HTTP is about all cells: the audit, system balances, readiness, and a rescan."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.db.tables import CLAWBACK, balances, chain_state, leases
from tests.unit.api.cells.conftest import COUNT, Town

LATER = sa.text("now() + interval '1 hour'")


async def crossed(town: Town) -> None:
    """Let each account give gold to one of the next cell."""
    await town.post("/assets", {"code": "gold", "decimals": 0})
    names = town.names()
    await town.open(*names, opening={"gold": "10"})
    for payer, payee in zip(names, [*names[1:], names[0]], strict=True):
        await town.post("/transfers", {"from": payer, "to": payee, "asset": "gold", "amount": "3"})


def totals(report: Any, asset: str) -> Any:
    [found] = [sums for sums in report["totals"] if sums["asset"] == asset]
    return found


async def test_the_audit_holds_the_books_of_all_cells_against_each_other(town: Town) -> None:
    await crossed(town)

    sound = await town.get("/audit")
    async with town.database.engines[2].begin() as db:
        await db.execute(sa.update(balances).where(balances.c.asset == "gold").values(available=999))
    wrong = await town.get("/audit")

    assert sound["ok"], sound
    assert totals(sound, "gold")["customers"] == "40"
    assert totals(sound, "gold")["treasury"] == "-40"
    assert not wrong["ok"]
    faults = " ".join(check["detail"] for check in wrong["checks"] if not check["ok"])
    assert "cell_002" in faults
    assert "cell_001" not in faults


async def test_system_balances_are_the_sums_of_all_cells(town: Town) -> None:
    await crossed(town)

    items = (await town.get("/balances/system"))["items"]
    by_name = {(item["account"], item["asset"]): Decimal(item["balance"]) for item in items}

    assert by_name["treasury", "gold"] == -40
    assert len(by_name) == len(items)


async def test_readiness_sums_what_each_cell_lacks_and_names_the_loops_by_their_cells(town: Town) -> None:
    for cell, lacking in ((1, -5), (3, -7)):
        async with town.database.engines[cell].begin() as db:
            await db.execute(
                sa.insert(balances).values(account_id=CLAWBACK, asset="DOGE", available=lacking, seq=0)
            )
            await db.execute(
                sa.insert(leases).values(
                    name="follow", holder="another", expires=LATER, trouble=f"why {cell}"
                )
            )

    ready = (await town.admin.get("/ready")).json()

    loops = {loop["name"]: (loop["state"], loop["reason"]) for loop in ready["loops"]}
    assert (ready["solvent"], ready["owing"]) == (False, "0.00000012")
    assert loops["cell_001.follow"] == ("trouble", "why 1")
    assert loops["cell_003.follow"] == ("trouble", "why 3")


async def test_a_rescan_is_noted_in_all_cells_or_in_none(town: Town) -> None:
    for engine in town.database.engines[:-1]:
        async with engine.begin() as db:
            await db.execute(sa.insert(chain_state).values(id=1, height=20, hash=bytes(32), start_height=0))

    refused = await town.ask("/admin/setsyncheight/7", key="one")
    before = [await height(town, cell) for cell in range(COUNT)]
    async with town.database.engines[-1].begin() as db:
        await db.execute(sa.insert(chain_state).values(id=1, height=9, hash=bytes(32), start_height=0))
    taken = [await town.ask("/admin/setsyncheight/7", key="two") for _ in range(2)]

    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "blockheight")
    assert before == [None] * COUNT
    assert [answer.status_code for answer in taken] == [200, 200]
    assert [await height(town, cell) for cell in range(COUNT)] == [7] * COUNT


async def height(town: Town, cell: int) -> int | None:
    async with town.database.engines[cell].connect() as db:
        found: int | None = await db.scalar(sa.select(chain_state.c.rescan_height))
        return found
