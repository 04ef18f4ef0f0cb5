"""A source of rates: a fixed number, or a number at a place in the JSON that a URL answers with."""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urldefrag

from app import urls
from app.domain.rates import DECIMALS

LEAST, MOST = Decimal("0.000000001"), Decimal(10_000_000)
"""No currency is so dear or so cheap that a DOGE is worth less or more of it."""
DECIMALS_KEPT: Final = 12
FIXED: Final = "fixed"
"""The name of a source that is a number in the settings."""
_NUMBER: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_ENTRY: Final = re.compile(r"([A-Za-z]{3})=(\S+)", re.ASCII)


class Nonsense(Exception):
    """What a source answered is no rate; the message says why."""


class BadSource(ValueError):
    """A source in the settings is wrong; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Source:
    """Says what one DOGE is worth in the `currency`: `fixed`, or the number at `pointer` behind `url`.

    The pointer is that of RFC 6901, in parts. The URL may hold a key, so it is never shown.
    """

    currency: str
    name: str
    url: str = field(default="", repr=False)
    pointer: tuple[str, ...] = ()
    fixed: Decimal | None = None


def parse(entry: str) -> Source:
    """Read `EUR=0.15` or `EUR=https://host/path#/pointer/to/the/number`; raises BadSource."""
    match = _ENTRY.fullmatch(entry)
    if match is None or match[1].upper() not in DECIMALS:
        raise BadSource("sources that begin with a currency of ISO 4217 and =, as EUR=0.15")
    currency, value = match[1].upper(), match[2]
    if "://" not in value:
        try:
            return Source(currency, FIXED, fixed=checked(value))
        except Nonsense as wrong:
            raise BadSource(f"a number or a URL after {currency}=, and {wrong}") from None
    url, fragment = urldefrag(value)
    pointer = tuple(part.replace("~1", "/").replace("~0", "~") for part in unquote(fragment).split("/"))
    if len(pointer) < 2 or pointer[0]:
        raise BadSource(f"a URL after {currency}= that ends with the way to the number, as #/data/price")
    try:
        origin, _ = urls.parse(url)
    except ValueError:
        raise BadSource(
            f"a number, or a URL that begins with http:// or https://, after {currency}="
        ) from None
    return Source(currency, origin.host, url, pointer[1:])


def number_in(body: bytes, pointer: tuple[str, ...]) -> Decimal:
    """Return the rate at the pointer in JSON; raises Nonsense."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, InvalidOperation):
        raise Nonsense("the answer is not JSON") from None
    for part in pointer:
        value = _inside(value, part)
    return checked(value)


def checked(value: Any) -> Decimal:
    """Return a number, or text that is one, as a rate with 12 decimals; raises Nonsense."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str) or not _NUMBER.fullmatch(str(value)):
        raise Nonsense("it says no positive number there")
    number = Decimal(str(value))
    if not LEAST <= number <= MOST:
        raise Nonsense(f"a rate is from {LEAST:f} to {MOST}")
    return round(number, DECIMALS_KEPT)


def _inside(value: Any, part: str) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdecimal() and int(part[:6]) < len(value):
        return value[int(part)]
    raise Nonsense("the answer has nothing at that place")


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)
