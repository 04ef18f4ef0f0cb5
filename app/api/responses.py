"""Answers: a model or an error as JSON bytes with GigaWallet's headers."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import BaseModel, ConfigDict, WithJsonSchema
from starlette.responses import Response

STATUSES: Final[Mapping[str, int]] = {
    "bad-request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "above-limit": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "timeout": 408,
    "conflict": 409,
    "insufficient-funds": 409,
    "fee-above-limit": 409,
    "insufficient-coins": 409,
    "too-many-coins": 409,
    "invalid-txn": 400,
    "too-large": 413,
    "key-reused": 422,
    "rate-limited": 429,
    "headers-too-large": 431,
    "unknown-error": 500,
    "not-available": 503,
}
"""The codes of errors, and the HTTP status of each."""

_REPLAYED: Final = (b"idempotent-replayed", b"true")


Time = Annotated[datetime | str, WithJsonSchema({"type": "string"})]
"""A time as RFC 3339 text with its offset, the same text as in events."""

JsonObject = Annotated[Any, WithJsonSchema({"type": "object"})]
"""An object as an `orjson.Fragment` of the JSON text that the database has: it goes out as it came in."""


class View(BaseModel):
    """The base of all response models; the order of the fields is that of the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def showing(cls, source: object, **others: Any) -> Self:
        """Take the fields from the attributes of `source`; `others` are the fields that differ from those."""
        same = {name: getattr(source, name) for name in cls.model_fields if name not in others}
        return cls(**same, **others)


class Written(View):
    """A view whose fields are as they go out: texts, numbers, lists and fragments of JSON, and no models."""


class Json(Response):
    """A response whose content is already JSON bytes."""

    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Add the content's type and length, and forbid caches to store it."""
        super().init_headers(headers)
        self.raw_headers.append((b"cache-control", b"no-store"))


def show(view: BaseModel | Mapping[str, Any], *, replayed: bool = False, status: int = 200) -> Json:
    """Answer with the view as JSON; `replayed` if an earlier request with this Idempotency-Key made it.

    A mapping has the members of its model in their order, as JSON has them, and no model needs to be built.
    """
    if isinstance(view, BaseModel):
        view = vars(view) if isinstance(view, Written) else view.model_dump()
    return _answer(orjson.dumps(view), replayed=replayed, status=status)


def show_page(items: Iterable[Mapping[str, Any]], cursor: str | int) -> Json:
    """Answer 200 with a page of a list; its items have the members of their model, as JSON has them."""
    return _answer(orjson.dumps({"items": list(items), "cursor": cursor}), replayed=False)


def show_written(text: str, *, replayed: bool = False) -> Json:
    """Answer 200 with JSON text."""
    return _answer(text.encode(), replayed=replayed)


def show_all(texts: Iterable[str], cursor: str | None = None, *, replayed: bool = False) -> Json:
    """Answer 200 with JSON texts as `{"items":[...]}`; a page has the `cursor` of the next one too."""
    rest = "" if cursor is None else f',"cursor":{json.dumps(cursor)}'
    return show_written(f'{{"items":[{",".join(texts)}]{rest}}}', replayed=replayed)


def error(
    code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Json:
    """Answer `{"error":{"code","message","field"?}}` with the status of the code."""
    return Json(fault_text(fault(code, message, field)).encode("utf-8", "replace"), STATUSES[code], headers)


def fault_text(members: Mapping[str, str]) -> str:
    """Return a fault as JSON text under "error"."""
    return json.dumps({"error": members}, ensure_ascii=False, separators=(",", ":"))


def fault(code: str, message: str, field: str | None = None) -> dict[str, str]:
    """Return the members of "error"."""
    members = {"code": code, "message": message}
    return members if field is None else members | {"field": field}


def _answer(content: bytes, *, replayed: bool, status: int = 200) -> Json:
    response = Json(content, status)
    if replayed:
        response.raw_headers.append(_REPLAYED)
    return response
