"""Amounts: whole numbers of an asset's smallest unit inside, decimal text outside; the only place that knows 10^8."""

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
"""What nearly all amounts look like: read without Decimal, in a third of the time."""
_EXACT: Final = Context(prec=2 * _MAX_TEXT)
"""Holds every amount that is read without rounding it; the default context would drop the 29th digit unsaid."""
_ZERO: Final = Decimal(0)


class BadAmount(ValueError):
    """What was given is no amount; the message says why."""


def parse(given: str | int | Decimal, decimals: int = DOGE_DECIMALS) -> int:
    """Read decimal text or a JSON number (a Decimal where it has a fraction or an exponent), in the smallest unit.

    Text is taken as written: more decimals than the asset has are refused. A number with a fraction is what a client's
    float made of an amount, and is rounded half-even to the asset's decimals.
    """
    if type(given) is str and (simple := _SIMPLE.fullmatch(given)):
        whole, part = simple.groups("")
        part = part.rstrip("0")
        if len(part) <= decimals:
            return int(whole + part.ljust(decimals, "0"))
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise BadAmount("an amount is a decimal string or a number")
    number = _number(given)
    exact = number.scaleb(decimals, _EXACT)
    if exact == exact.to_integral_value():
        return int(exact)
    if isinstance(given, Decimal):
        return int(exact.to_integral_value(ROUND_HALF_EVEN))
    raise BadAmount(f"an amount has at most {decimals} decimals")


def show(amount: int, decimals: int = DOGE_DECIMALS) -> str:
    """Plain decimal text without trailing zeros or exponent, as GigaWallet prints it: "24.89774", "0", "-5"."""
    if not amount:
        return "0"  # most of what an account's buckets hold, and worth the line: events show ten amounts for a transfer
    sign = "-" if amount < 0 else ""
    digits = str(abs(amount)).zfill(decimals + 1)
    point = len(digits) - decimals
    fraction = digits[point:].rstrip("0")
    return f"{sign}{digits[:point]}.{fraction}" if fraction else f"{sign}{digits[:point]}"


def _number(given: str | int | Decimal) -> Decimal:
    """Bounded, finite, and cheap: a hostile exponent never becomes a long integer."""
    if isinstance(given, str) and (len(given) > _MAX_TEXT or not _plain(given)):
        raise BadAmount("an amount is a decimal number such as 12.5")
    if isinstance(given, int) and given.bit_length() > 4 * _MAX_TEXT:
        raise BadAmount("an amount is too large")
    try:
        number = Decimal(given)
    except InvalidOperation:
        raise BadAmount("an amount is a decimal number such as 12.5") from None
    if not number.is_finite():
        raise BadAmount("an amount is a finite number")
    if not number:
        return _ZERO
    if number.adjusted() > 18:
        raise BadAmount("an amount is too large")
    if number.adjusted() < -_MAX_TEXT:
        if isinstance(given, Decimal):
            return _ZERO
        raise BadAmount("an amount is too small")
    return number


def _plain(text: str) -> bool:
    return text.isascii() and bool(text) and not (set(text) - set("0123456789.eE+-"))
