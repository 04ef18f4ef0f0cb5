"""The periods of a report: days or months of a time zone, or all of its time."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from app.domain.refusals import Invalid

MOST_PERIODS: Final = 3_700
"""Ten years of days: the sums of all of them are held at once."""
DAY, MONTH = "day", "month"
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_OLDEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Nothing was posted before. The first days of the calendar have no time in some zones."""


class NeedsStart(Invalid):
    """Grouping by {unit} needs from."""

    field = "from"


class TooManyPeriods(Invalid):
    """From and to are at most {most} {unit}s apart."""

    field = "from"


class Period(NamedTuple):
    """A day or a month, or the part of it that a report is about; `start` None: from the first posting on."""

    name: str
    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True)
class Grouping:
    """How a report's sums are divided: by `day` or `month` of a zone, or not ("") ; and by account, or not."""

    unit: str = ""
    by_account: bool = False
    zone: tzinfo = field(default=UTC)

    def periods(self, start: datetime | None, end: datetime) -> list[Period]:
        """Return the periods in order; none where the start is not before the end."""
        if self.unit and start is None:
            raise NeedsStart(unit=self.unit)
        if start is not None and start >= end:
            return []
        if not self.unit or start is None:
            return [Period("", start, end)]
        return [*self._divided(start, end)]

    def _divided(self, start: datetime, end: datetime) -> Iterator[Period]:
        start = max(start, _OLDEST)
        first = start.astimezone(self.zone).date()
        if self.unit == MONTH:
            first = first.replace(day=1)
        days = (end - start) // timedelta(days=1)
        if days // (31 if self.unit == MONTH else 1) > MOST_PERIODS:
            raise TooManyPeriods(most=MOST_PERIODS, unit=self.unit)
        while (begin := self._midnight(first)) < end:
            behind = _next(first, self.unit)
            name = first.isoformat() if self.unit == DAY else first.isoformat()[:7]
            yield Period(name, max(begin, start), min(self._midnight(behind), end))
            first = behind

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def _next(day: date, unit: str) -> date:
    if unit == DAY:
        return day + timedelta(days=1)
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


class Calendar:
    """Finds the period of a time."""

    def __init__(self, periods: Sequence[Period]) -> None:
        self.periods = periods
        self._starts = [period.start or _FIRST for period in periods]

    def index(self, moment: datetime) -> int:
        """Return the number of the period that a moment is in; it is in one of them."""
        return bisect_right(self._starts, moment) - 1
