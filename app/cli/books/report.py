"""What `report` does: it writes what `GET /reports` answers to standard output, with the same words."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from app.api import parameters
from app.api.reports import order, reading, texts, views
from app.api.reports.order import Filters
from app.api.reports.reading import ReportOrder
from app.cli.command import CannotBeDone, errors_in_one_sentence, on_cells, started
from app.cli.commands import REPORT_WORDS
from app.db.all_cells import AllCells
from app.domain import accounts
from app.domain.refusals import Refusal
from app.domain.reports import REPORTS, Grouping, ReportFilter

Value = TypeVar("Value")
Write = Callable[[bytes], object]
_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(parameters.Moment)
_GROUPINGS: Final[TypeAdapter[str]] = TypeAdapter(order.GroupBy)
_FORMATS: Final[TypeAdapter[str]] = TypeAdapter(order.Format)


def report(name: str, words: Sequence[str], *, rows: bool = False) -> None:
    """Write a report to standard output, as CSV or with format=json."""
    with errors_in_one_sentence():
        pairs = _pairs(words)
    with started(beside=True) as (settings, database):

        async def work(cells: AllCells) -> None:
            if pairs.get("account") != settings.platform_account:  # which all cells have
                cells = await _having(cells, pairs.get("account"))
            await write(cells, name, pairs, sys.stdout.buffer.write, rows=rows)

        asyncio.run(on_cells(database, work))


async def _having(cells: AllCells, foreign_id: str | None) -> AllCells:
    """Return the cell of an account; all of them for None."""
    if not foreign_id or len(cells) == 1:
        return cells
    async with cells.engines[0].connect() as db:
        cell = await accounts.cell_of(db, cells.map, foreign_id)
    return AllCells.of_one(cells.engines[cell.number])


async def write(cells: AllCells, name: str, pairs: dict[str, str], put: Write, *, rows: bool = False) -> None:
    """Write the report piece by piece; raises CannotBeDone with a sentence about what is asked for wrongly."""
    try:
        filters, divided = _filters(pairs), _grouping(pairs)
        async with cells.engines[0].connect() as db:
            asked = ReportOrder(REPORTS[name], await order.selection(db, filters), divided)
        async for part in await _parts(cells, asked, _read(_FORMATS, pairs, "format"), rows=rows):
            put(part)
    except Refusal as refusal:
        raise CannotBeDone(str(refusal)) from None


async def _parts(cells: AllCells, asked: ReportOrder, kind: str, *, rows: bool) -> AsyncIterator[bytes]:
    shape = views.SHAPES[asked.report.name]
    first, *others = [engine.connect for engine in cells.engines]
    if rows:
        lines = await reading.begun(reading.lines(first, asked, ReportFilter(), *others))
        return texts.as_csv(asked, lines, views.line, shape.line)
    sums = await reading.begun(reading.rows(first, asked, *others))
    return texts.as_json(asked, sums) if kind == "json" else texts.as_csv(asked, sums, views.row, shape.row)


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs = dict(word.partition("=")[::2] for word in words)
    for name in pairs:
        if name not in REPORT_WORDS:
            raise CannotBeDone(f"A report is not divided by {name!r}; it takes {', '.join(REPORT_WORDS)}.")
    return pairs


def _filters(pairs: dict[str, str]) -> Filters:
    start, end = (_read(_MOMENT, pairs, name) if pairs.get(name) else None for name in ("from", "to"))
    return Filters(pairs.get("account", ""), pairs.get("prefix", ""), pairs.get("asset", ""), start, end)


def _grouping(pairs: dict[str, str]) -> Grouping:
    try:
        return order.grouping_of(_read(_GROUPINGS, pairs, "group_by"), pairs.get("timezone", ""))
    except ValueError as wrong:
        raise CannotBeDone(f"timezone: {wrong}.") from None


def _read(adapter: TypeAdapter[Value], pairs: dict[str, str], name: str) -> Value:
    try:
        return adapter.validate_python(pairs.get(name, ""))
    except ValidationError as wrong:
        raise CannotBeDone(f"{name}: {wrong.errors()[0]['msg']}.") from None
