"""A transaction over cells finds the tables of the cell that it has entered, by statements that each cell has for itself."""

from typing import Any

import sqlalchemy as sa

from app.db import Prepared, bulk
from app.domain.crossings.crossing import Crossing, enter
from tests.cells import MakeCells

_SCHEMA = Prepared(sa.text("SELECT current_schema()::text FROM accounts RIGHT JOIN (SELECT) AS one ON true"))
_PLANNED = sa.text("""
    SELECT array_agg(right(statement, 14) ORDER BY right(statement, 14)) FROM pg_prepared_statements
    WHERE statement LIKE 'SELECT current_schema()%'
""")


async def test_a_statement_is_prepared_once_for_each_cell_that_a_transaction_enters(cells: MakeCells) -> None:
    divided = await cells(2)

    async def schema(crossing: Crossing, cell: int) -> Any:
        [row] = await bulk.fetch_values(await enter(crossing, cell), _SCHEMA)
        return row[0]

    async with divided.crossing.begin() as db:
        crossing = Crossing(db, divided.map, ())
        schemas = [await schema(crossing, cell) for cell in (0, 1, 0, 1)]
        planned = await db.scalar(_PLANNED)

    assert schemas == ["cell_000", "cell_001", "cell_000", "cell_001"]
    assert planned == ["/* cell_000 */", "/* cell_001 */"]
