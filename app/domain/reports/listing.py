"""The postings that a report's sums are made of, as a list."""

from typing import Final, NamedTuple

from app.db import Db
from app.domain.pages import Page, PageRequest
from app.domain.reports import lines, spans
from app.domain.reports.lines import Line, Piece
from app.domain.reports.report import Contribution, Report, ReportFilter
from app.domain.reports.selection import Selection
from app.domain.reports.spans import Position

PAGE_READS: Final = 1_000
"""The most postings that one page reads."""


class ReportLine(NamedTuple):
    """A posting, and what it adds to the report."""

    position: Position
    account: int
    decimals: int
    line: Line
    contribution: Contribution


def of_piece(report: Report, wanted: ReportFilter, piece: Piece) -> list[ReportLine]:
    """Return the postings of a piece that the report counts, and that are wanted."""
    contributions = ((line, report.contribution(line)) for line in piece.lines)
    return [
        ReportLine(piece.position(line), piece.span.account, piece.span.decimals, line, contribution)
        for line, contribution in contributions
        if contribution is not None and wanted.takes(line)
    ]


async def page(
    db: Db, report: Report, selection: Selection, wanted: ReportFilter, request: PageRequest[Position]
) -> Page[ReportLine, Position]:
    """Return a page of the postings, by account, asset and number.

    It reads PAGE_READS postings at most, so a page may be short or empty and the list still goes on.
    """
    span_page = await spans.page(db, selection, request.after)
    batch = next(spans.cut(span_page.spans, PAGE_READS), [])
    pieces = await lines.fetch(db, batch, openings=False) if batch else []
    listed = [line for piece in pieces for line in of_piece(report, wanted, piece)]
    page = request.page(listed, lambda line: line.position)
    if page.rest:
        return page
    whole = not batch or batch[-1].end == span_page.spans[-1].end
    return Page(listed, span_page.rest if whole else batch[-1].end)
