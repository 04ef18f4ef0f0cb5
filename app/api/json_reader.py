"""JSON as clients send it: numbers exact, trailing bytes ignored, and nothing in it that could not be stored.

Python's decoder reads it: orjson takes 0.5 microseconds for an invoice and this 2.8, but orjson makes floats of
numbers, and takes an object that names a field twice.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Never

from app.api import validation_errors
from app.domain import refusals

MAX_DEPTH: Final = 32
"""Levels of lists and objects; the deepest shape of ours has five."""
MAX_VALUES: Final = 150_000
"""Values in a body, with the levels counted twice: more of them take long to look at, and none of ours has so many."""
_MAX_DIGITS: Final = 100
_MAX_EXPONENT: Final = 307
"""What every reader of JSON can hold: a larger number is Infinity to most of them, which cannot be told on as JSON."""
_TOO_LARGE: Final = 10 ** (_MAX_EXPONENT + 1)
_SPACE: Final = " \t\n\r"
_HOLDERS: Final = (dict, list)
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_DOUBTFUL: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""What may be an escape of NUL or of a half of a surrogate pair."""


class Unreadable(refusals.Invalid):
    """bad request body (expecting JSON): {reason}"""  # noqa: D400, D415  GigaWallet's words


class Unstorable(refusals.Invalid):
    """{where} holds characters that are no text (NUL, or half of a surrogate pair)."""


class Number(Decimal):
    """A number with a fraction or an exponent; `text` is how the caller wrote it."""

    text: str


def read(body: bytes) -> Any:
    """Parse the first JSON value of `body`; numbers with a fraction or exponent become Number.

    Takes a fraction of a second for a body of any shape. Raises Unreadable for what is no JSON (also NaN, an object that
    names a field twice, nesting over 32 levels, more than MAX_VALUES values)
    and Unstorable, which names the field, for text that PostgreSQL cannot hold.
    """
    text = body.decode("utf-8", "surrogateescape").lstrip(_SPACE)
    if not text:
        raise Unreadable(reason="EOF")
    if _separators(text) > MAX_VALUES and _separators(_STRING.sub("", text)) > MAX_VALUES:
        raise Unreadable(reason="it has too many values")
    try:
        tree, _ = _DECODER.raw_decode(text)
    except RecursionError:
        raise Unreadable(reason="nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Unreadable(reason=f"{error.msg} at character {error.pos}") from None
    except (ValueError, InvalidOperation):
        raise Unreadable(reason="a number has too many digits") from None
    _check(tree, text)
    return tree


def canonical(tree: Any) -> bytes:
    """Write a parsed value so that equal values have equal bytes, and others have not: keys sorted, no spaces, ASCII."""
    return _CANONICAL(tree).encode()


def exact(node: Any) -> str:
    """Write a parsed value as JSON text in its own order, with each number as it was written.

    Raises ValueError for a number of more than 308 digits before the point.
    """
    if isinstance(node, dict):
        return "{" + ",".join(f"{exact(name)}:{exact(value)}" for name, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(exact, node)) + "]"
    if isinstance(node, Number):
        if node.adjusted() > _MAX_EXPONENT:
            raise ValueError("it holds a number that is too large")
        return node.text
    if isinstance(node, int) and abs(node) >= _TOO_LARGE:
        raise ValueError("it holds a number that is too large")
    return _SCALAR(node)


def _separators(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _check(tree: Any, text: str) -> None:
    """Look into the tree only where its text leaves a doubt, which that of ordinary requests does not."""
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(tree)
    if (_DOUBTFUL.search(text) or not _is_unicode(text)) and any(map(_is_unfit, _strings(tree))):
        name = validation_errors.path(next(where for where, string in _placed(tree, ()) if _is_unfit(string)))
        raise Unstorable(where=name or "the body", field=name)


def _check_depth(tree: Any) -> None:
    """Go down level by level, over what holds others only."""
    level = [tree] if isinstance(tree, dict | list) else []
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _HOLDERS)
        ]
    raise Unreadable(reason="nested too deeply")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_unfit(string: str) -> bool:
    return "\0" in string or not _is_unicode(string)


def _strings(tree: Any) -> Iterator[str]:
    """Every string in the tree, names included, level by level."""
    level = [tree]
    while level:
        yield from (node for node in level if isinstance(node, str))
        objects = [node for node in level if isinstance(node, dict)]
        yield from (name for node in objects for name in node)
        level = [child for node in level if isinstance(node, list) for child in node]
        level += [child for node in objects for child in node.values()]


def _placed(node: Any, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string in the tree with its place, in the order of the text; the depth is bounded before."""
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield where, name
            yield from _placed(value, (*where, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _placed(value, (*where, index))


def _canonical_number(number: Decimal) -> dict[str, str]:
    """Stand for a number with a fraction: no text that was read holds NUL, so nothing else is written like this."""
    return {"\0": str(number)}


_SCALAR: Final = json.JSONEncoder(ensure_ascii=False).encode
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_canonical_number).encode
"""Made once, like the one before: `json.dumps` makes an encoder at each call."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unreadable(reason="an object names a field twice")
    return made


def _number(text: str) -> Number:
    if len(text) > _MAX_DIGITS:
        raise Unreadable(reason="a number has too many digits")
    number = Number(text)
    number.text = text
    return number


def _refuse_constant(name: str) -> Never:
    raise Unreadable(reason=f"{name} is not a number")


_DECODER: Final = json.JSONDecoder(
    parse_float=_number, parse_constant=_refuse_constant, object_pairs_hook=_object
)
