"""Types of the fields in requests and responses: amounts and texts, with their limits."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from app import money, urls
from app.api import json_reader
from app.domain import characters, ledger

MAX_TEXT: Final = 1_000
MAX_LINK: Final = 2_000
MAX_LABEL: Final = 255
MAX_METADATA_BYTES: Final = 8 * 1024


def line(text: str) -> str:
    """Accept text without control characters and line ends."""
    if characters.forbidden(text):
        raise ValueError("it holds control characters or ends of lines")
    return text


def decoded(text: str) -> str:
    """Accept one line of a URL; refuses bytes that were not UTF-8: all of them become the same U+FFFD."""
    if "\ufffd" in text:
        raise ValueError("it is not UTF-8")
    return line(text)


def _lines(text: str) -> str:
    if characters.forbidden_in_lines(text):
        raise ValueError("it holds control characters")
    return text


def _web_page(text: str) -> str:
    """Accept an absolute URL that every program reads in the same way, as wherever it leads a person goes.

    Browsers take a backslash for a slash, and skip blanks. What stands before an @ is no host.
    """
    if not text:
        return text
    try:
        _, parts = urls.parse(line(text))
    except ValueError:
        raise ValueError("it must be a whole URL that begins with http:// or https://") from None
    if "@" in parts.netloc:
        raise ValueError("it must have no user and no password")
    if any(character == "\\" or character.isspace() for character in text):
        raise ValueError("it must have no blanks and no backslashes")
    return text


def _metadata(tree: Any) -> str:
    """Accept an object of at most 8 KB; returns it as JSON text, with numbers as the caller wrote them."""
    if not isinstance(tree, dict):
        raise ValueError("it must be an object")  # noqa: TRY004  pydantic collects ValueError only
    text = json_reader.exact(tree)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"it must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_lines)]
"""A text of several lines."""

Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(line)]
"""A URL that Kennel shows and never fetches."""

WebPage = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(_web_page)]
"""The http or https URL of a page that a payer is led to, or empty."""

Label = Annotated[str, Field(max_length=MAX_LABEL), AfterValidator(line)]
"""A reference, key or code of the caller: one line."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_LABEL), AfterValidator(line)]
"""A label that is not empty: an account's foreign_id, an asset's code."""

Metadata = Annotated[str, PlainValidator(_metadata), WithJsonSchema({"type": "object"})]
"""Data of the caller, stored and returned as JSON text."""

_SCHEMA_IN: Final = {
    "anyOf": [{"type": "string"}, {"type": "number"}],
    "description": "DOGE as a decimal string (exact, at most 8 decimals) or a number (rounded to 8 decimals)",
    "examples": ["12.5"],
}
_SCHEMA_OUT: Final = {"type": "string", "description": "DOGE as a decimal string", "examples": ["12.5"]}


def _koinu(value: Any) -> int:
    """Read DOGE as koinu: at most 10,000,000,000 DOGE, as an invoice or an output; it may be negative."""
    try:
        amount = money.parse(value)
    except money.BadAmount as error:
        raise ValueError(str(error)) from None
    if abs(amount) > money.MAX_MONEY:
        raise ValueError("an amount is at most 10,000,000,000 DOGE")
    return amount


def _percent(value: Any) -> Decimal:
    """Read a percentage of at most 8 decimals, exactly."""
    return Decimal(_koinu(value)).scaleb(-money.DOGE_DECIMALS)


KoinuIn = Annotated[int, PlainValidator(_koinu), WithJsonSchema(_SCHEMA_IN)]
"""An amount of DOGE in a request, as koinu; it may be negative."""

KoinuOut = Annotated[int, PlainSerializer(money.show, return_type=str), WithJsonSchema(_SCHEMA_OUT)]
"""Koinu in a response, written as GigaWallet writes DOGE: "24.89774"."""

KoinuShown = Annotated[str, WithJsonSchema(_SCHEMA_OUT)]
"""The same as text that the domain has written."""

PercentIn = Annotated[
    Decimal, PlainValidator(_percent), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]
"""A percentage in a request."""

NO_PERCENT: Final = Decimal(0)


def _amount(value: Any) -> Any:
    """Accept an amount whose asset is not known yet; refuses a value that is no amount of any asset."""
    try:
        money.parse(value, ledger.MAX_DECIMALS)
    except money.BadAmount as error:
        raise ValueError(str(error)) from None
    return value


AmountIn = Annotated[
    str | int | Decimal,
    PlainValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "number"}],
            "description": "An amount of the asset as a decimal string (exact)"
            " or a number (rounded to the asset's decimals)",
            "examples": ["12.5"],
        }
    ),
]
"""An amount of the asset that the request names; `Asset.parse` reads it."""

AmountOut = Annotated[
    str, WithJsonSchema({"type": "string", "description": "A decimal string", "examples": ["12.5"]})
]
"""An amount as `Asset.show` writes it."""
