"""The sums of a report: by account or all, by period, asset and key; and balances that go on from period to period."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from app.domain.ledger import Bucket
from app.domain.rates import Quote
from app.domain.reports.lines import Line, Piece
from app.domain.reports.periods import Calendar, Grouping, Period
from app.domain.reports.report import Report
from app.domain.reports.selection import Selection
from app.money import DOGE

_NOTHING: Final = (0,) * len(Bucket)
Balances = tuple[int, ...]
"""The four buckets."""


class _Key(NamedTuple):
    asset: str
    period: int
    keys: tuple[str, ...]


class _Sum:
    """The measures of one key so far, how many postings, what they were worth, and how much of them was valued."""

    __slots__ = ("measures", "times", "valued", "worth")

    def __init__(self, width: int) -> None:
        self.measures = [0] * width
        self.times = self.valued = 0
        self.worth: int | None = None

    def add(self, measures: Sequence[int], times: int) -> None:
        self.measures = [before + more for before, more in zip(self.measures, measures, strict=True)]
        self.times += times

    def value(self, amount: int, quote: Quote) -> None:
        self.valued += amount
        self.worth = (self.worth or 0) + quote.worth(amount)


class ReportRow(NamedTuple):
    """A row of a report, in the asset's smallest unit.

    `worth` is what `valued` of the last measure was worth at the time, in the smallest unit of the currency; None:
    no rate was known. Of a report that carries balances `opening` and `closing` have the four buckets.
    """

    period: Period
    foreign_id: str | None
    asset: str
    decimals: int
    keys: tuple[str, ...]
    measures: tuple[int, ...]
    times: int
    worth: int | None = None
    valued: int = 0
    opening: Balances = _NOTHING
    closing: Balances = _NOTHING


class Sums:
    """Adds up postings, piece by piece, and returns the rows: of one account, or of all."""

    def __init__(self, report: Report, selection: Selection, grouping: Grouping) -> None:
        self._report, self._grouping, self._currency = report, grouping, selection.currency
        self._calendar = Calendar(grouping.periods(selection.start, selection.end))
        self._begin(None)

    def _begin(self, foreign_id: str | None) -> None:
        self._foreign_id = foreign_id
        self._sums: dict[_Key, _Sum] = {}
        self._decimals: dict[str, int] = {}
        self._openings: dict[str, Balances] = {}
        self._changes: dict[tuple[str, int], list[int]] = {}

    @property
    def moments(self) -> list[datetime]:
        """The ends of the periods: balances are valued then."""
        return [period.end for period in self._calendar.periods]

    def add(self, piece: Piece) -> None:
        """Add a piece; of another account than the one before only after `rows`."""
        span = piece.span
        self._foreign_id = span.foreign_id if self._grouping.by_account else None
        self._decimals[span.asset] = span.decimals
        if span.opens:
            before = self._openings.get(span.asset, _NOTHING)
            self._openings[span.asset] = _plus(before, piece.opening[: len(Bucket)])
        if self._calendar.periods:
            for line in piece.lines:
                self._add(span.asset, line)

    def is_behind(self, foreign_id: str) -> bool:
        """Whether rows must be taken before postings of that account are added."""
        return self._grouping.by_account and self._foreign_id not in (None, foreign_id)

    def rows(self, quotes: Mapping[datetime, Quote]) -> Iterator[ReportRow]:
        """Yield the rows of what was added, in order, as they are asked for, then begin anew.

        `quotes` are those of `moments`.
        """
        yield from self._carried(quotes) if self._report.carries else self._summed()
        self._begin(None)

    def _add(self, asset: str, line: Line) -> None:
        contribution = self._report.contribution(line)
        if contribution is None:
            return
        period = self._calendar.index(line.created)
        if self._report.carries:
            change = self._changes.setdefault((asset, period), [0] * len(Bucket))
            change[_BUCKETS[line.bucket]] += line.amount
        sums = self._sums.setdefault(_Key(asset, period, contribution.keys), _Sum(len(contribution.measures)))
        sums.add(contribution.measures, contribution.times)
        if line.quote is not None and line.quote.currency == self._currency:
            sums.value(contribution.measures[-1], line.quote)

    def _summed(self) -> Iterator[ReportRow]:
        periods = self._calendar.periods
        for key in sorted(self._sums, key=lambda key: (key.period, key.asset, key.keys)):
            sums, decimals = self._sums[key], self._decimals[key.asset]
            yield ReportRow(
                periods[key.period], self._foreign_id, key.asset, decimals, key.keys, tuple(sums.measures),
                sums.times, sums.worth, sums.valued,
            )  # fmt: skip

    def _carried(self, quotes: Mapping[datetime, Quote]) -> Iterator[ReportRow]:
        """Yield a row for each period and asset, also where nothing moved."""
        balances = dict(self._openings)
        for number, period in enumerate(self._calendar.periods):
            for asset in sorted(balances):
                opening = balances[asset]
                closing = _plus(opening, self._changes.get((asset, number), _NOTHING))
                balances[asset] = closing
                if any(closing) or any(opening) or (asset, number) in self._changes:
                    times = self._sums.get(_Key(asset, number, ()), _Sum(1)).times
                    row = self._carried_row(period, asset, times, (opening, closing))
                    yield _valued(row, quotes.get(period.end))

    def _carried_row(
        self, period: Period, asset: str, times: int, balances: tuple[Balances, Balances]
    ) -> ReportRow:
        opening, closing = balances
        return ReportRow(
            period, self._foreign_id, asset, self._decimals[asset], (), (sum(closing) - sum(opening),),
            times, opening=opening, closing=closing,
        )  # fmt: skip


def _valued(row: ReportRow, quote: Quote | None) -> ReportRow:
    """Value the DOGE that an account has at the end of a period."""
    if quote is None or row.asset != DOGE:
        return row
    return row._replace(worth=quote.worth(sum(row.closing)), valued=sum(row.closing))


def _plus(first: Iterable[int], second: Iterable[int]) -> Balances:
    return tuple(left + right for left, right in zip(first, second, strict=True))


_BUCKETS: Final[Mapping[str, int]] = {bucket.value: number for number, bucket in enumerate(Bucket)}
