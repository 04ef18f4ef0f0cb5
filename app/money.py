"""Amounts: whole numbers of an asset's smallest unit inside, decimal text outside; 10^8 stands only here."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final, NewType

Koinu = NewType("Koinu", int)
"""An amount of Dogecoin in its smallest unit."""

NOTHING: Final = Koinu(0)

DOGE: Final = "DOGE"
DOGE_DECIMALS: Final = 8
COIN: Final = Koinu(10**DOGE_DECIMALS)
"""One DOGE in koinu (Dogecoin Core, src/amount.h)."""

MAX_MONEY: Final = Koinu(10_000_000_000 * COIN)
"""What one output or invoice may be worth; not the supply, which is larger (Dogecoin Core, MAX_MONEY)."""

DUST: Final = Koinu(COIN // 100)
"""Outputs below 0.01 DOGE cost their sender extra and are not made by us (Dogecoin Core, -dustlimit)."""

_MAX_TEXT: Final = 64
_SIMPLE: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)
"""The form of nearly all amounts: read without Decimal, in a third of the time."""
_EXACT: Final = Context(prec=2 * _MAX_TEXT)
"""Holds every amount without rounding; the default context would silently drop the 29th digit."""
_ZERO: Final = Decimal(0)


class BadAmount(ValueError):
    """This is no amount; the message says why."""


def parse(value: str | int | Decimal, decimals: int = DOGE_DECIMALS) -> int:
    """Read decimal text or a JSON number, as an amount in the smallest unit; raises BadAmount.

    A JSON number with a fraction or an exponent is a Decimal. Text is taken as written: more decimals than
    the asset has are refused. A number with a fraction is a client's float, and is rounded half-even to the
    asset's decimals.
    """
    if type(value) is str and (simple := _SIMPLE.fullmatch(value)):
        units, part = simple.groups("")
        part = part.rstrip("0")
        if len(part) <= decimals:
            return int(units + part.ljust(decimals, "0"))
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadAmount("an amount is a decimal string or a number")
    number = _number(value)
    exact = number.scaleb(decimals, _EXACT)
    if exact == exact.to_integral_value():
        return int(exact)
    if isinstance(value, Decimal):
        return int(exact.to_integral_value(ROUND_HALF_EVEN))
    raise BadAmount(f"an amount has at most {decimals} decimals")


def show(amount: int, decimals: int = DOGE_DECIMALS) -> str:
    """Return decimal text without trailing zeros or exponent, as GigaWallet does: "24.89774", "0", "-5"."""
    if not amount:
        return "0"  # most buckets are empty, and events show ten amounts for a transfer
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).zfill(decimals + 1)
    point = len(digits) - decimals
    fraction = digits[point:].rstrip("0")
    return f"{sign}{digits[:point]}.{fraction}" if fraction else f"{sign}{digits[:point]}"


def _number(value: str | int | Decimal) -> Decimal:
    """Return a bounded, finite number: a hostile exponent never becomes a long integer."""
    if isinstance(value, str) and (len(value) > _MAX_TEXT or not _plain(value)):
        raise BadAmount("an amount is a decimal number such as 12.5")
    if isinstance(value, int) and value.bit_length() > 4 * _MAX_TEXT:
        raise BadAmount("an amount is too large")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadAmount("an amount is a decimal number such as 12.5") from None
    if not number.is_finite():
        raise BadAmount("an amount is a finite number")
    if not number:
        return _ZERO
    if number.adjusted() > 18:
        raise BadAmount("an amount is too large")
    if number.adjusted() < -_MAX_TEXT:
        if isinstance(value, Decimal):
            return _ZERO
        raise BadAmount("an amount is too small")
    return number


def _plain(text: str) -> bool:
    return text.isascii() and bool(text) and not (set(text) - set("0123456789.eE+-"))
