"""The audit of several cells: what one owes others cancels, and the sums of all are one moment's."""

import asyncio

import pytest
import sqlalchemy as sa

from app import audit
from app.audit import over_cells, running
from app.audit.over_cells import TOGETHER
from app.cli.books import audit as audit_table
from app.db.all_cells import AllCells
from app.domain import ledger
from tests import divided_books as books
from tests import scenario
from tests.cells import MakeCells
from tests.divided_books import Lying
from tests.scenario import doge

CROSSINGS = "what cells owe one another cancels"


@pytest.fixture
async def four(cells: MakeCells) -> AllCells:
    return books.together(await cells(4))


@pytest.fixture
async def shops(four: AllCells) -> dict[str, Lying]:
    """An account in each of the four cells, with 10 DOGE each."""
    names = books.in_different_cells(four, 4)
    shops = await books.opened(four, *names)
    await books.followed(four, dict.fromkeys(names, doge(10)))
    return shops


async def test_what_one_cell_owes_another_is_owed_to_it_there_and_all_together_is_right(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    one, two, three, _ = shops.values()
    await books.cross(four, "first", one, two, doge(3))
    await books.cross(four, "second", three, one, doge(1))

    report = await over_cells.run(four)

    assert report.ok, [finding for finding in report.findings if not finding.ok]
    [total] = report.totals
    sums = (total.customers, total.coins, total.clearing, total.difference)
    assert sums == (doge(40), doge(40), 0, 0)
    owed = {cell: of_cell.totals[0].clearing for cell, of_cell in enumerate(report.cells)}
    assert owed == {
        one.cell: doge(2),
        two.cell: -doge(3),
        three.cell: doge(1),
        **{cell: 0 for cell in range(4) if cell not in (one.cell, two.cell, three.cell)},
    }
    assert all(of_cell.totals[0].difference == 0 for of_cell in report.cells)
    checked = {finding.name: finding.checked for finding in report.findings}
    assert (checked[CROSSINGS], checked[TOGETHER], report.height) == (4, 1, 7)


async def test_a_half_that_is_missing_elsewhere_is_named_by_its_key_and_its_cell(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    one, two, *_ = shops.values()
    await books.cross(four, "whole", one, two, 5)
    async with four.engines[two.cell].begin() as db:
        await ledger.post(db, [books.half("alone", two, 7)])

    report = await over_cells.run(four)

    wrong = {finding.name: finding.fault for finding in report.findings if not finding.ok}
    assert wrong == {
        CROSSINGS: f"cell_00{two.cell}: the halves of alone differ by -7 in DOGE",
        TOGETHER: "DOGE: cells owe one another -7",
    }


async def test_halves_that_differ_are_found_though_the_sums_agree(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    one, two, *_ = shops.values()
    async with four.engines[one.cell].begin() as db:
        await ledger.post(db, [books.half("one", one, -5), books.half("other", one, -6)])
    async with four.engines[two.cell].begin() as db:
        await ledger.post(db, [books.half("one", two, 6), books.half("other", two, 5)])

    report = await over_cells.run(four)

    wrong = {finding.name: finding.fault for finding in report.findings if not finding.ok}
    assert wrong.keys() == {CROSSINGS}
    assert "the halves of one differ by -1 in DOGE" in wrong[CROSSINGS]


async def test_the_audit_of_the_first_cell_looks_at_the_sums_of_all(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    one, two, *_ = shops.values()
    await books.cross(four, "whole", one, two, 5)

    names = [[finding.name for finding in (await over_cells.of_cell(four, cell)).findings] for cell in (0, 1)]

    assert [TOGETHER in of_cell for of_cell in names] == [True, False]
    assert all(CROSSINGS in of_cell for of_cell in names)


async def test_a_part_of_the_books_of_all_cells_is_looked_at_within_one_time(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    del shops
    report = await over_cells.run(four, sample=audit.Sample(50, seconds=0.008))

    assert report.ok
    assert "the time was over" in "; ".join(finding.note for finding in report.findings)


async def test_of_a_part_each_cell_has_the_whole_time_for_all_are_looked_at_at_once(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    async with four.crossing.connect() as db:
        for cell in range(len(four)):
            await four.enter(db, cell)
            await db.execute(sa.text("LOCK TABLE balances IN ACCESS EXCLUSIVE MODE"))
        looking = asyncio.create_task(over_cells.run(four, sample=audit.Sample(50, seconds=60)))
        await scenario.until_someone_waits(four.crossing, len(shops))
        await db.rollback()
    report = await looking

    assert report.ok
    assert report.height is not None


async def test_what_lacks_in_one_cell_is_not_made_good_by_another(
    four: AllCells, shops: dict[str, Lying]
) -> None:
    one, two, *_ = shops.values()
    for account, gained in ((one, 4), (two, -4)):
        async with four.engines[account.cell].begin() as db:
            await db.execute(_OWE, {"amount": gained})

    report = await over_cells.run(four)

    assert (report.shortfall, report.solvent) == (4, False)


_OWE = sa.text("""
    INSERT INTO balances (account_id, asset, available, seq) VALUES (-3, 'DOGE', :amount, 0)
    ON CONFLICT (account_id, asset) DO UPDATE SET available = excluded.available
""")


async def test_the_table_has_the_sums_of_all_and_of_each_cell(
    four: AllCells, shops: dict[str, Lying], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, *_ = shops.values()
    await books.cross(four, "whole", one, two, doge(3))

    audit_table.show(await over_cells.run(four))

    shown = [line.split() for line in capsys.readouterr().out.replace("│", " ").splitlines()]
    assert ["all", "DOGE", "40", "0", "40", "0", "0", "0", "0", "0"] in shown
    assert [f"cell_00{one.cell}", "DOGE", "7", "0", "10", "0", "0", "0", "0", "3"] in shown
    assert [f"cell_00{two.cell}", "DOGE", "13", "0", "10", "0", "0", "0", "0", "-3"] in shown


async def test_one_cell_is_audited_as_before(four: AllCells, shops: dict[str, Lying]) -> None:
    del shops
    alone = AllCells.of_one(four.engines[0])

    report = await over_cells.run(alone)

    assert report.cells == ()
    assert [finding.name for finding in report.findings] == [
        finding.name for finding in (await running.run(four.engines[0])).findings
    ]
