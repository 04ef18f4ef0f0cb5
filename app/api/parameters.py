"""Path, query and header parameters, as types that FastAPI checks."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from app.api import fields, validation_errors
from app.domain import accounts, invoices, outbox
from app.domain.outbox import types as event_types

MAX_PAGE: Final = 100
DEFAULT_PAGE: Final = 10
MAX_HEIGHT: Final = 2**31 - 1
MAX_CURSOR: Final = 10**18 - 1
_MAX_TYPES: Final = 100
_MAX_ADDRESS: Final = 64

# At most 18 digits fit into 64 bits, and into every column that is compared with them.
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9._]*\s*")
_TYPE: Final = re.compile(r"[A-Za-z_]{1,64}")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9]+")


def _whole(given: Any, otherwise: int, message: str) -> int:
    """Read a query parameter as GigaWallet does: the empty text is the default."""
    if given == "":
        return otherwise
    if isinstance(given, int):
        return given
    if not isinstance(given, str) or not _WHOLE.fullmatch(given) or not given.isascii():
        raise PydanticCustomError(validation_errors.LITERAL, message)
    return int(given)


def _cursor(given: Any) -> int:
    index = _whole(given, 0, "invalid cursor in URL")
    if index < 0:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid cursor in URL")
    return index


def position(given: Any) -> int | None:
    """Read a position of an event where it may be missing; "" is none."""
    return None if given == "" else _cursor(given)


def _types(given: Any) -> frozenset[str]:
    """Read "ACC,inv_created", once or several times; empty is ALL. FastAPI gives a list, as for every collection."""
    types = {one for one in ",".join(given).split(",") if one}
    if len(types) > _MAX_TYPES or any(not _TYPE.fullmatch(one) for one in types):
        raise ValueError("it is a list of event types and classes such as ACC,INV_CREATED")
    return frozenset(event_types.read(types)) or frozenset({outbox.ALL})


def _limit(given: Any) -> int:
    limit = _whole(given, DEFAULT_PAGE, "invalid limit in URL")
    if limit < 1:
        raise PydanticCustomError(validation_errors.LITERAL, "invalid limit in URL")
    if limit > MAX_PAGE:
        raise PydanticCustomError(
            validation_errors.LITERAL, "invalid limit in URL (cannot be greater than 100)"
        )
    return limit


def _height(given: Any) -> int:
    height = _whole(given, -1, "blockheight invalid, must convert to int64")
    if not 0 <= height <= MAX_HEIGHT:
        raise PydanticCustomError(validation_errors.LITERAL, "blockheight invalid, must be 0 to 2147483647")
    return height


def _invoice_id(given: str) -> str:
    if len(given) > _MAX_ADDRESS or not _ADDRESS.fullmatch(given):
        raise invoices.NoSuchInvoice(address=given, field="id")
    return given


def _address(given: str) -> str:
    if len(given) > _MAX_ADDRESS or not _ADDRESS.fullmatch(given):
        raise accounts.NoSuchAddress(address=given, field="address")
    return given


def _moment(given: datetime) -> datetime:
    """Return it in UTC: a zone may move the first and the last days of the calendar out of it."""
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is out of reach") from None


def _written(given: Any) -> Any:
    """Take no bare number: it would be read as seconds since 1970."""
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        raise PydanticKnownError("datetime_type")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_moment)]
"""A time with its zone."""

ForeignId = Annotated[
    str,
    Path(
        min_length=1, max_length=255, description="The caller's own name for the account", examples=["shop-1"]
    ),
    AfterValidator(fields.decoded),
]
"""1 to 255 characters of one line; the server has decoded it once, so that it holds no slash."""

InvoiceId = Annotated[
    str,
    Path(description="The invoice's id: its address"),
    AfterValidator(_invoice_id),
    WithJsonSchema({"type": "string", "maxLength": _MAX_ADDRESS}),
]
"""What cannot be an address is answered like an unknown invoice."""

DepositAddress = Annotated[
    str,
    Path(alias="address", description="A deposit address"),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "maxLength": _MAX_ADDRESS}),
]
"""What cannot be an address is answered like an unknown one."""

Start = Annotated[Moment | None, Query(alias="from", description="Only what was made at this time or later")]
End = Annotated[Moment | None, Query(alias="to", description="Only what was made before this time")]

At = Annotated[Moment | None, Query(description="A moment that is over; without it: now")]
"""A moment for which something is asked."""

Types = Annotated[
    frozenset[str],
    Query(description="Event types, or classes of them: `ACC,INV_CREATED`; all without"),
    PlainValidator(_types, json_schema_input_type=str),
]
"""A filter of events, as events.page takes it."""

Height = Annotated[
    int,
    Path(alias="blockheight", description="A block's height"),
    PlainValidator(_height, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_HEIGHT)]),
]

Percent = Annotated[int | None, Query(ge=0, le=99, description="How far on, 0 to 99")]
"""A place in something long; None: none was given."""

Cursor = Annotated[
    int,
    Query(description="Where to go on: the `cursor` of the page before"),
    PlainValidator(_cursor, json_schema_input_type=Annotated[int, Field(ge=0, le=MAX_CURSOR)]),
]
"""A cursor that is a number: GigaWallet's, and the position of an event; "" is 0."""

Limit = Annotated[
    int,
    Query(description="Rows on the page, 1 to 100"),
    PlainValidator(_limit, json_schema_input_type=Annotated[int, Field(ge=1, le=MAX_PAGE)]),
]
"""How many rows; "" is 10."""

Account = Annotated[
    str | None,
    Query(alias="foreign_id", max_length=255, description="Only this account's"),
    AfterValidator(lambda given: given and fields.decoded(given)),
]
"""A filter by account; absent or empty for all."""
