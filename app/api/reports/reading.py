"""Reads a report portion by portion: no connection is held between two of them, and no more is remembered than sums."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from math import ceil
from typing import Final, TypeVar

from app.api.cells import merged
from app.api.cells.merged import Connect
from app.domain import rates, reports
from app.domain.rates import Quote
from app.domain.reports import (
    Grouping,
    Piece,
    Report,
    ReportFilter,
    ReportLine,
    ReportRow,
    Selection,
    Sums,
    listing,
)

PORTION: Final = 1_000
"""Postings that are read at once, and rows that are made at once: either takes the event loop a few milliseconds."""

Portion = TypeVar("Portion")


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """A report, what it is about, and how it is divided."""

    report: Report
    selection: Selection
    grouping: Grouping = field(default_factory=Grouping)


async def rows(connect: Connect, order: ReportOrder, *others: Connect) -> AsyncIterator[list[ReportRow]]:
    """Yield the report's rows, portion by portion, some of which are empty; refuses at the first portion.

    `others` open connections to further cells, whose accounts stand among those of the first.
    """
    sums = Sums(order.report, order.selection, order.grouping)
    quotes = await _quotes(connect, order, sums.moments)
    async for pieces in _portions(order, connect, *others):
        yield []
        for portion in _cut(_passed(sums, pieces, quotes)):
            yield portion
    for portion in _cut(sums.rows(quotes)):
        yield portion


def _passed(sums: Sums, pieces: Sequence[Piece], quotes: Mapping[datetime, Quote]) -> Iterator[ReportRow]:
    """Add pieces; yield the rows of the accounts that are behind by them."""
    for piece in pieces:
        if sums.is_behind(piece.span.foreign_id):
            yield from sums.rows(quotes)
        sums.add(piece)


def _cut(ready: Iterator[ReportRow]) -> Iterator[list[ReportRow]]:
    """Yield rows as they are made: a thousand accounts with a balance on each of 3,700 days have millions."""
    while portion := [*islice(ready, PORTION)]:
        yield portion


async def lines(
    connect: Connect, order: ReportOrder, wanted: ReportFilter, *others: Connect
) -> AsyncIterator[list[ReportLine]]:
    """Yield the postings that the report's sums are made of, portion by portion, of several cells as for `rows`."""
    async for pieces in _portions(order, connect, *others):
        yield [line for piece in pieces for line in listing.of_piece(order.report, wanted, piece)]


async def begun(portions: AsyncIterator[Portion]) -> AsyncIterator[Portion]:
    """Read the first portion before an answer begins: what is refused, or not available, is told instead of it."""
    first = await anext(portions)

    async def all_portions() -> AsyncIterator[Portion]:
        yield first
        async for portion in portions:
            yield portion

    return all_portions()


def _portions(order: ReportOrder, *connects: Connect) -> AsyncIterator[Sequence[Piece]]:
    """Return the pieces of all cells, by account, asset and number."""
    return merged.portions([_of_cell(connect, order) for connect in connects], _place, newest_first=False)


def _place(piece: Piece) -> tuple[str, str, int]:
    return piece.span.foreign_id, piece.span.asset, piece.span.low


async def _of_cell(connect: Connect, order: ReportOrder) -> AsyncIterator[Sequence[Piece]]:
    after, more = None, True
    while more:
        async with connect() as db:
            page = await reports.span_page(db, order.selection, after)
        for spans in reports.cut(page.spans, PORTION) if page.spans else [[]]:
            async with connect() as db:
                pieces = await reports.fetch(db, spans, openings=order.report.carries)
            yield pieces
        after, more = page.rest, page.rest is not None


async def _quotes(connect: Connect, order: ReportOrder, moments: list[datetime]) -> Mapping[datetime, Quote]:
    """Return what a DOGE was worth at the ends of the periods, where balances are valued then."""
    if not order.report.carries or order.selection.currency is None or not moments:
        return {}
    seconds = {moment: ceil(moment.timestamp()) for moment in moments}
    async with connect() as db:
        quotes = await rates.of_times(db, [*seconds.values()])
    return {moment: quotes[second] for moment, second in seconds.items() if second in quotes}
