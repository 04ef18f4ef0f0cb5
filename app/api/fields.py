"""Fields of requests and responses: amounts, and text, how long it may be and without control characters."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from app import money
from app.api import json_reader
from app.domain import characters, ledger

MAX_TEXT: Final = 1_000
MAX_LINK: Final = 2_000
MAX_LABEL: Final = 255
MAX_METADATA_BYTES: Final = 8 * 1024


def line(text: str) -> str:
    """Accept text of one line."""
    if characters.forbidden(text):
        raise ValueError("it holds control characters or ends of lines")
    return text


def decoded(text: str) -> str:
    """Accept one line of a URL; bytes of it that were no UTF-8 have become U+FFFD, and two such texts would be one."""
    if "\ufffd" in text:
        raise ValueError("it is not UTF-8")
    return line(text)


def _lines(text: str) -> str:
    if characters.forbidden_in_lines(text):
        raise ValueError("it holds control characters")
    return text


def _metadata(given: Any) -> str:
    """Accept an object of at most 8 KB; the result is JSON text, numbers exactly as they were sent."""
    if not isinstance(given, dict):
        raise ValueError("it must be an object")  # noqa: TRY004  pydantic collects ValueError only
    text = json_reader.exact(given)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"it must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_lines)]
"""A description: several lines are welcome."""

Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(line)]
"""A URL; shown to others, never fetched."""

Label = Annotated[str, Field(max_length=MAX_LABEL), AfterValidator(line)]
"""A reference, key or code of the caller's own: one line."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_LABEL), AfterValidator(line)]
"""A label that is not empty: an account's foreign_id, an asset's code."""

Metadata = Annotated[str, PlainValidator(_metadata), WithJsonSchema({"type": "object"})]
"""Whatever the caller wants back; kept as JSON text."""

_SCHEMA_IN: Final = {
    "anyOf": [{"type": "string"}, {"type": "number"}],
    "description": "DOGE as a decimal string (exact, at most 8 decimals) or a number (rounded to 8 decimals)",
    "examples": ["12.5"],
}
_SCHEMA_OUT: Final = {"type": "string", "description": "DOGE as a decimal string", "examples": ["12.5"]}


def _parse(given: Any) -> int:
    """Read koinu; at most 10,000,000,000 DOGE either way (what one invoice or output may be worth)."""
    try:
        amount = money.parse(given)
    except money.BadAmount as error:
        raise ValueError(str(error)) from None
    if abs(amount) > money.MAX_MONEY:
        raise ValueError("an amount is at most 10,000,000,000 DOGE")
    return amount


def _percent(given: Any) -> Decimal:
    """Read a percentage exactly; at most 8 decimals, like an amount."""
    return Decimal(_parse(given)).scaleb(-money.DOGE_DECIMALS)


KoinuIn = Annotated[int, PlainValidator(_parse), WithJsonSchema(_SCHEMA_IN)]
"""An amount of DOGE in a request, as koinu; either sign."""

KoinuOut = Annotated[int, PlainSerializer(money.show, return_type=str), WithJsonSchema(_SCHEMA_OUT)]
"""Koinu in a response, shown as GigaWallet shows them: "24.89774"."""

KoinuShown = Annotated[str, WithJsonSchema(_SCHEMA_OUT)]
"""The same where the domain has shown it already."""

PercentIn = Annotated[
    Decimal, PlainValidator(_percent), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]
"""A percentage in a request."""

NO_PERCENT: Final = Decimal(0)


def _given(given: Any) -> str | int | Decimal:
    """Take an amount whose asset is not known yet; what cannot be one of any asset is refused here."""
    try:
        money.parse(given, ledger.MAX_DECIMALS)
    except money.BadAmount as error:
        raise ValueError(str(error)) from None
    taken: str | int | Decimal = given
    return taken


GivenIn = Annotated[
    str | int | Decimal,
    PlainValidator(_given),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "number"}],
            "description": "An amount of the asset as a decimal string (exact) or a number (rounded to the asset's decimals)",
            "examples": ["12.5"],
        }
    ),
]
"""An amount of whatever asset the request names; `Asset.parse` reads it."""

ShownOut = Annotated[
    str, WithJsonSchema({"type": "string", "description": "A decimal string", "examples": ["12.5"]})
]
"""An amount as `Asset.show` shows it."""
