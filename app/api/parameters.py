"""Path, query and header parameters, as types that FastAPI checks."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainValidator,
    Strict,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from app.api import fields, validation_errors
from app.domain import accounts, invoices, links, outbox
from app.domain.outbox import types as event_types

MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 10
MAX_HEIGHT: Final = 2**31 - 1
MAX_CURSOR: Final = 10**18 - 1
_MAX_TYPES: Final = 100
_MOST_POSITIONS: Final = 1_300
"""Characters of the positions of events in 64 cells."""
_MAX_ADDRESS: Final = 64
_MAX_LINK_ID: Final = 64

# At most 18 digits fit into 64 bits, and into every column that is compared with them.
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9._]*\s*")
_TYPE: Final = re.compile(r"[A-Za-z_]{1,64}")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9]+")
_LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


def _integer(value: Any, default: int, message: str) -> int:
    """Read a query parameter as GigaWallet does: the empty text is the default."""
    if value == "":
        return default
    if isinstance(value, int):
        return value
    if not isinstance(value, str) or not _INTEGER.fullmatch(value) or not value.isascii():
        raise PydanticCustomError(validation_errors.LITERAL, message)
    return int(value)


def _cursor(value: Any) -> int:
    index = _integer(value, 0, "invalid cursor in URL")
    if index < 0:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid cursor in URL")
    return index


def positions(value: Any) -> str | None:
    """Read a position of events, or one for each cell with `_` between, and return it in its one form; "" is None."""
    if value == "":
        return None
    if isinstance(value, str) and len(value) > _MOST_POSITIONS:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid cursor in URL")
    texts = value.split("_") if isinstance(value, str) else [value]
    if "" in texts:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid cursor in URL")
    return "_".join(str(_cursor(text)) for text in texts)


def _types(texts: Any) -> frozenset[str]:
    """Read a list of texts such as "ACC,inv_created", one for each such parameter; empty is ALL."""
    types = {name for name in ",".join(texts).split(",") if name}
    if len(types) > _MAX_TYPES or not all(map(_TYPE.fullmatch, types)):
        raise ValueError("it is a list of event types and classes such as ACC,INV_CREATED")
    return frozenset(event_types.parse_filter(types)) or frozenset({outbox.ALL})


def _limit(value: Any) -> int:
    limit = _integer(value, DEFAULT_PAGE, "invalid limit in URL")
    if limit < 1:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid limit in URL")
    if limit > MAX_PAGE:
        raise PydanticCustomError(
            validation_errors.LITERAL, "invalid limit in URL (cannot be greater than 100)"
        )
    return limit


def _height(value: Any) -> int:
    height = _integer(value, -1, "blockheight invalid, must convert to int64")
    if not 0 <= height <= MAX_HEIGHT:
        raise PydanticCustomError(validation_errors.LITERAL, "blockheight invalid, must be 0 to 2147483647")
    return height


def is_link_id(text: str) -> bool:
    """Say whether the text looks like the id of a pay link."""
    return len(text) <= _MAX_LINK_ID and _LINK_ID.fullmatch(text) is not None


def _link_id(text: str) -> str:
    if not is_link_id(text):
        raise links.NoSuchLink(id=text, field="id")
    return text


def _invoice_id(text: str) -> str:
    if len(text) > _MAX_ADDRESS or not _ADDRESS.fullmatch(text):
        raise invoices.NoSuchInvoice(address=text, field="id")
    return text


def _address(text: str) -> str:
    if len(text) > _MAX_ADDRESS or not _ADDRESS.fullmatch(text):
        raise accounts.NoSuchAddress(address=text, field="address")
    return text


def _in_utc(time: datetime) -> datetime:
    """Return the time in UTC; on the first and the last day of the calendar it may have none."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is out of reach") from None


def _no_number(value: Any) -> Any:
    """Refuse a bare number: pydantic would read it as seconds since 1970."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        raise PydanticKnownError("datetime_type")
    return value


Moment = Annotated[AwareDatetime, Strict(strict=False), BeforeValidator(_no_number), AfterValidator(_in_utc)]
"""A time with its zone."""


def row_id(description: str) -> Any:
    """Mark a path parameter as the id of a row: a whole number from 1 up."""
    return Path(description=description, ge=1, le=2**63 - 1)


KeyId = Annotated[int, row_id("The key's id")]

ForeignId = Annotated[
    str,
    Path(
        min_length=1, max_length=255, description="The caller's own name for the account", examples=["shop-1"]
    ),
    AfterValidator(fields.decoded),
]
"""1 to 255 characters of one line, and no slash: the server has decoded the path once."""

InvoiceId = Annotated[
    str,
    Path(description="The invoice's id: its address"),
    AfterValidator(_invoice_id),
    WithJsonSchema({"type": "string", "maxLength": _MAX_ADDRESS}),
]
"""A text that is no address gets the answer for an unknown invoice."""

LinkId = Annotated[
    str,
    Path(description="The link's id"),
    AfterValidator(_link_id),
    WithJsonSchema({"type": "string", "maxLength": _MAX_LINK_ID}),
]
"""A text that is no link's id gets the answer for an unknown link."""

Token = Annotated[str, Query(description="Opens the items", max_length=fields.MAX_LABEL)]
"""The token of an invoice."""

DepositAddress = Annotated[
    str,
    Path(alias="address", description="A deposit address"),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "maxLength": _MAX_ADDRESS}),
]
"""A text that is no address gets the answer for an unknown address."""

Start = Annotated[Moment | None, Query(alias="from", description="Only what was made at this time or later")]
End = Annotated[Moment | None, Query(alias="to", description="Only what was made before this time")]

At = Annotated[Moment | None, Query(description="A moment that is over; without it: now")]
"""The time of the state that the caller asks for."""

Types = Annotated[
    frozenset[str],
    Query(description="Event types, or classes of them: `ACC,INV_CREATED`; all without"),
    PlainValidator(_types, json_schema_input_type=str),
]
"""A filter of events, for `outbox.page`."""

Height = Annotated[
    int,
    Path(alias="blockheight", description="A block's height"),
    PlainValidator(_height, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_HEIGHT)]),
]

Percent = Annotated[int | None, Query(ge=0, le=99, description="How far on, 0 to 99")]
"""How far a long task is; None without the parameter."""

Cursor = Annotated[
    int,
    Query(description="Where to go on: the `cursor` of the page before"),
    PlainValidator(_cursor, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_CURSOR)]),
]
"""A cursor that is a number: a cursor of GigaWallet, or the position of an event; "" is 0."""

EventCursor = Annotated[
    str,
    Query(alias="cursor", description="Where to go on: the `cursor` of the page before"),
    PlainValidator(
        lambda value: positions(value) or "0",
        json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_CURSOR)],
    ),
]
"""A cursor of events; "" is 0."""

Limit = Annotated[
    int,
    Query(description="Rows on the page, 1 to 100"),
    PlainValidator(_limit, json_schema_input_type=Annotated[int, Field(ge=1, le=MAX_PAGE)]),
]
"""The number of rows; "" is 10."""

Reference = Annotated[
    str,
    Query(max_length=fields.MAX_LABEL, description="Only those with this reference"),
    AfterValidator(fields.decoded),
]
"""A filter by reference; empty is all."""

Account = Annotated[
    str | None,
    Query(alias="foreign_id", max_length=255, description="Only this account's"),
    AfterValidator(lambda name: name and fields.decoded(name)),
]
"""A filter by account; absent or empty is all accounts."""
