"""Reports: sums over what accounts' balances gained and gave, and the postings that each sum is made of."""

from app.domain.reports.lines import Piece, fetch
from app.domain.reports.listing import ReportLine, page
from app.domain.reports.periods import Grouping, Period
from app.domain.reports.report import REPORTS, Contribution, Report, ReportFilter
from app.domain.reports.selection import Selection, as_of, main_currency
from app.domain.reports.spans import Position, Span, SpanPage, cut
from app.domain.reports.spans import page as span_page
from app.domain.reports.sums import ReportRow, Sums

__all__ = [
    "REPORTS",
    "Contribution",
    "Grouping",
    "Period",
    "Piece",
    "Position",
    "Report",
    "ReportFilter",
    "ReportLine",
    "ReportRow",
    "Selection",
    "Span",
    "SpanPage",
    "Sums",
    "as_of",
    "cut",
    "fetch",
    "main_currency",
    "page",
    "span_page",
]
