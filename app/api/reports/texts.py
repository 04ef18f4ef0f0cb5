"""Reports as bytes: one JSON object, or rows of CSV, as they are read."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final, TypeVar

import orjson

from app.api import responses
from app.api.reports import csv_file, views
from app.api.reports.reading import ReportOrder
from app.domain.reports import ReportLine, ReportRow

Item = TypeVar("Item", ReportRow, ReportLine)
Show = Callable[[ReportOrder, Item], responses.View]
_WRITTEN_AT_ONCE: Final = 500
"""Rows that are written together: that takes the event loop a few milliseconds."""


async def as_json(order: ReportOrder, portions: AsyncIterator[list[ReportRow]]) -> AsyncIterator[bytes]:
    """Yield the report as `ReportView` describes it."""
    selection = order.selection
    head = {"report": order.report.name, "start": selection.start, "end": selection.end}
    yield orjson.dumps(head | {"currency": selection.currency})[:-1] + b',"items":['
    comma = b""
    async for shown in _shown(order, portions, views.row):
        yield comma + b",".join(orjson.dumps(view.model_dump()) for view in shown)
        comma = b","
    yield b"]}"


async def as_csv(
    order: ReportOrder, portions: AsyncIterator[list[Item]], show: Show[Item], model: type[responses.View]
) -> AsyncIterator[bytes]:
    """Yield the rows, each as `show` shows it, behind a row with the names of the model's columns."""
    yield csv_file.text([views.columns(model)])
    async for shown in _shown(order, portions, show):
        yield csv_file.text(map(views.cells, shown))


async def _shown(
    order: ReportOrder, portions: AsyncIterator[list[Item]], show: Show[Item]
) -> AsyncIterator[Sequence[responses.View]]:
    async for portion in portions:
        for part in _parts(portion):
            yield [show(order, item) for item in part]


def _parts(portion: Sequence[Item]) -> Iterable[Sequence[Item]]:
    starts = range(0, len(portion), _WRITTEN_AT_ONCE)
    return (portion[start : start + _WRITTEN_AT_ONCE] for start in starts)
