"""The figures of several cells: each has its own, and together they are the installation's."""

from collections.abc import Mapping

import pytest

from app.db.all_cells import AllCells
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.money import COIN
from tests import divided_books as books
from tests.cells import MakeCells
from tests.exposition import figures
from tests.scenario import doge


async def height() -> int:
    return 9


async def scraped(cells: AllCells) -> Mapping[str, float]:
    first, *others = cells.engines
    return figures((await Scrape(ProcessMetrics(), first, height, others=others).text()).decode())


@pytest.fixture
async def four(cells: MakeCells) -> AllCells:
    return books.together(await cells(4))


async def test_each_cell_tells_its_own_and_the_sum_is_what_all_have(four: AllCells) -> None:
    names = books.in_different_cells(four, 4)
    shops = await books.opened(four, *names)
    await books.followed(four, dict.fromkeys(names, doge(10)))
    one, two, *_ = shops.values()
    await books.cross(four, "whole", one, two, doge(3))

    told = await scraped(four)

    customers = [told[f'kennel_customers_koinu{{cell="cell_00{cell}"}}'] for cell in range(4)]
    assert (customers[one.cell], customers[two.cell], sum(customers)) == (7 * COIN, 13 * COIN, 40 * COIN)
    assert [told[f'kennel_chain_lag_blocks{{cell="cell_00{cell}"}}'] for cell in range(4)] == [2] * 4
    assert [told[f'kennel_section_read{{cell="cell_00{n}",section="coins"}}'] for n in range(4)] == [1] * 4
    assert told['kennel_coins{below="100",cell="cell_003",state="free"}'] == 1


async def test_what_the_server_tells_is_told_once_and_one_cell_has_no_label(four: AllCells) -> None:
    together = await scraped(four)
    alone = await scraped(AllCells.of_one(four.engines[0]))

    assert together["kennel_database_lock_waits"] == 0
    assert [name for name in together if "section_read" in name and "locks" in name] == [
        'kennel_section_read{cell="cell_000",section="locks"}'
    ]
    assert alone["kennel_customers_koinu"] == 0
    assert [name for name in alone if "cell" in name] == []
