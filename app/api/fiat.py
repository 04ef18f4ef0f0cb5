"""What an amount of DOGE was worth in money, as answers show it."""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator

from app.api import fields, responses
from app.domain import rates
from app.domain.rates import DECIMALS, BadMoney
from app.domain.refusals import Invalid

UNPRICED: Final = ""
"""In place of an amount of money: none is named."""


def _currency(code: str) -> str:
    if code and code.upper() not in DECIMALS:
        raise ValueError("it is a currency of ISO 4217, as EUR")
    return code.upper()


Currency = Annotated[fields.Label, AfterValidator(_currency)]
"""A currency's code in any case, or empty."""


def read(value: str | int | Decimal, currency: str, field: str) -> int | None:
    """Read an amount of money in the currency's smallest unit, None for UNPRICED. Raises Invalid."""
    if value == UNPRICED:
        return None
    if not currency:
        raise Invalid(reason=f"{field} needs fiat_currency.", field=field)
    try:
        return rates.parse_money(value, currency)
    except BadMoney as wrong:
        raise Invalid(reason=f"{field}: {wrong}", field=field) from None


class FiatView(responses.View):
    """What the amount was worth `at` that time, when a DOGE was worth `rate` of the `currency`."""

    currency: str
    value: fields.AmountOut
    rate: fields.AmountOut
    at: responses.Time
