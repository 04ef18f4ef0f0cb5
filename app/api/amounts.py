"""Amounts on the wire: strings or numbers in, trimmed decimal strings out."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from app import money
from app.domain import assets

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

PercentIn = Annotated[
    Decimal, PlainValidator(_percent), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]
"""A percentage in a request."""

NO_PERCENT: Final = Decimal(0)


def _given(given: Any) -> str | int | Decimal:
    """Take an amount whose asset is not known yet; what cannot be one of any asset is refused here."""
    try:
        money.parse(given, assets.MAX_DECIMALS)
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

ShownOut = Annotated[str, WithJsonSchema({"type": "string", "description": "A decimal string", "examples": ["12.5"]})]
"""An amount as `Asset.show` shows it."""
