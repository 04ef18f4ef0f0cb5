"""A quote: what a DOGE was worth at a moment, and how an amount is converted by it, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from app.db import Row
from app.domain.rates.currencies import DECIMALS, show_money
from app.money import DOGE_DECIMALS, Koinu

RATE_DECIMALS: Final = 12
COLUMNS: Final = ("fiat_currency", "rate", "rate_at")
"""Where rows of deposits and payments have their quote."""
_UNIT: Final = Decimal(1).scaleb(-RATE_DECIMALS)
_EXACT: Final = Context(prec=100)
"""Holds every product and quotient of an amount and a rate, so far as it is needed to round it rightly."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A DOGE was worth `rate` of the `currency` at the moment `at`; `source` names who said so."""

    currency: str
    rate: Decimal
    at: datetime
    source: str = ""

    def price(self, amount: int) -> Koinu:
        """Return how many koinu are worth `amount` of money, rounded up: its payee never gets less."""
        return Koinu(int(self._koinu(amount).to_integral_value(ROUND_CEILING)))

    def nearest(self, amount: int) -> Koinu:
        """Return how many koinu are worth `amount` of money, rounded to the nearest: for reading only."""
        return Koinu(int(self._koinu(amount).to_integral_value(ROUND_HALF_EVEN)))

    def worth(self, amount: int) -> int:
        """Return what so many koinu were worth, in the currency's smallest unit, rounded to the nearest."""
        value = _EXACT.multiply(Decimal(amount), self.rate).scaleb(self._shift, _EXACT)
        return int(value.to_integral_value(ROUND_HALF_EVEN))

    @property
    def rate_shown(self) -> str:
        """The rate as decimal text."""
        return shown(self.rate)

    @property
    def _shift(self) -> int:
        return DECIMALS[self.currency] - DOGE_DECIMALS

    def _koinu(self, amount: int) -> Decimal:
        return _EXACT.divide(Decimal(amount).scaleb(-self._shift, _EXACT), self.rate)


def shown(rate: Decimal) -> str:
    """Return a rate as decimal text without zeros at its end."""
    return f"{rate.normalize(_EXACT):f}"


def quote_of(currency: str, rates: Sequence[tuple[str, Decimal, datetime]]) -> Quote:
    """Return the median of what sources said (source, rate, time); with two in the middle, their mean.

    It is as old as the oldest of them.
    """
    values = sorted(rate for _, rate, _ in rates)
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    sources = ", ".join(sorted(source for source, _, _ in rates))
    at = min(at for _, _, at in rates)
    return Quote(currency, median.quantize(_UNIT, ROUND_HALF_EVEN, _EXACT), at, sources)


def quote_in(row: Row) -> Quote | None:
    """Return the quote that a row of deposits or payments has."""
    if row["rate"] is None:
        return None
    return Quote(row["fiat_currency"], row["rate"], row["rate_at"])


def columns_of(quote: Quote | None) -> dict[str, object]:
    """Return the columns of such a row."""
    if quote is None:
        return dict.fromkeys(COLUMNS)
    return dict(zip(COLUMNS, (quote.currency, quote.rate, quote.at), strict=True))


def worth_shown(quote: Quote | None, amount: int) -> dict[str, Any] | None:
    """Return what so many koinu were worth as the API shows it; None where no rate was known then."""
    if quote is None:
        return None
    value = show_money(quote.worth(amount), quote.currency)
    shown = {"currency": quote.currency, "value": value, "rate": quote.rate_shown}
    return shown | {"at": quote.at.isoformat()}
