"""JSON as the node writes it: no spaces, amounts with eight decimals, other numbers with up to 16 digits."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.money import COIN

_quote = json.JSONEncoder(ensure_ascii=False).encode


class Amount(int):
    """Koinu, written in DOGE."""


class Malformed(ValueError):
    """The text is no JSON."""


def write(value: object) -> str:
    """Write a value of str, bool, None, int, float, `Amount`, lists and dicts."""
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quote(name)}:{write(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(write, value)) + "]"
    return _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else _WORDS[value]


def read(text: bytes) -> Any:
    """Read JSON, fractions as `Decimal`; raise `Malformed`."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None


_WORDS: dict[object, str] = {None: "null", True: "true", False: "false"}


def _number(value: float) -> str:
    if isinstance(value, Amount):
        whole, part = divmod(abs(value), COIN)
        return f"{'-' if value < 0 else ''}{whole}.{part:08d}"
    return str(value) if isinstance(value, int) else f"{value:.16g}"


def _refuse(name: str) -> None:
    raise Malformed(name)
