"""Request bodies: received whole, within limits, and read into a model; field names are in any case."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import errors, json_reader, validation_errors
from app.domain import refusals

MAX_BYTES: Final = 1024 * 1024
MAX_SECONDS: Final = 20
"""A caller has this time to send a body."""
_DRAINED: Final = 16
"""A body of up to this many times the limit is received whole and then refused.

A caller who is still sending cannot read the answer.
"""
MOST_FIELDS: Final = 20
"""The most fields of a form."""
_CONTENT: Final = "kennel.content"
_TREE: Final = "kennel.body"
_ANNOUNCED: Final = frozenset({b"content-length", b"transfer-encoding"})

Model = TypeVar("Model", bound="Body")


class TooLarge(refusals.Invalid):
    """the request body is larger than {limit} bytes"""  # noqa: D400, D415  the sentence of the answer

    code = "too-large"


class TooSlow(refusals.Invalid):
    """the request body did not arrive within {seconds} seconds"""  # noqa: D400, D415  the answer

    code = "timeout"


class BadField(refusals.Invalid):
    """{sentence}"""  # noqa: D400, D415  the sentence of the answer


@dataclass(frozen=True, slots=True)
class LargeBodies:
    """Paths that take larger bodies than the others, and how they answer to one that is too large."""

    path: re.Pattern[str]
    max_bytes: int
    refuse: Callable[[refusals.Refusal], Response]


class WholeBody:
    """An ASGI layer that receives the whole body, at most `max_bytes`, before the request goes on.

    A body that broke off has no effect.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES, larger: LargeBodies | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body that is too large, too slow or broken off; pass any other request on."""
        if scope["type"] == "http" and any(name in _ANNOUNCED for name, _ in scope["headers"]):
            larger = self.larger if self.larger and self.larger.path.fullmatch(scope["path"]) else None
            try:
                scope[_CONTENT] = await raw(receive, larger.max_bytes if larger else self.max_bytes)
            except (TooLarge, TooSlow) as refusal:
                refuse = larger.refuse if larger and isinstance(refusal, TooLarge) else errors.answer_to
                answer = refuse(refusal)
                answer.headers["Connection"] = "close"  # the rest of the body is not read
                await answer(scope, receive, send)
                return
            except ClientDisconnect:
                await errors.broken_off()(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Body(BaseModel):
    """The base of all request models.

    Types are strict, names are in any case, null means absent, and unknown fields are ignored.
    """

    model_config = ConfigDict(
        extra="ignore", strict=True, frozen=True, validate_by_name=False, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, tree: Any) -> Any:
        """Rename fields that are in another case, as Go's decoder does; the exact name wins."""
        if not isinstance(tree, dict):
            return {} if tree is None else tree
        names = _names(cls)
        folded = {name: value for name, value in tree.items() if name in names and value is not None}
        if len(folded) != len(tree):
            for name, value in tree.items():
                known = name.lower()
                if known in names and known not in tree and value is not None:
                    folded[known] = value
        return folded


def examples(*bodies: dict[str, Any]) -> ConfigDict:
    """Return the `model_config` of a model whose description has these example bodies."""
    return ConfigDict(json_schema_extra={"examples": list(bodies)})


def value_of(tree: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field whose name may be in any case; KeyError if the body does not have it."""
    folded = {field.lower(): value for field, value in tree.items() if value is not None}
    return tree[name] if name in tree else folded[name]


class Reader(Generic[Model]):
    """A dependency that reads the request's body for an endpoint; `openapi` describes the body by it.

    The body has one of the `models`. For several, `form` is the pydantic type that distinguishes them.
    """

    def __init__(self, *models: type[Model], required: bool = True, form: Any = None) -> None:
        self.models = models
        self.required = required
        self._form = form or models[0]

    @cached_property
    def _read(self) -> Callable[[Any], Model]:
        """Made for the first request: with the models it would take a part of each start."""
        return TypeAdapter(self._form).validate_python

    async def __call__(self, request: Request) -> Model:
        """Parse and validate the body; raises BadField, whose sentence names the field."""
        tree = await parsed(request, required=self.required)
        try:
            return self._read(tree)
        except ValidationError as error:
            fault = validation_errors.first(error.errors(include_url=False, include_input=False))
            raise BadField(sentence=fault.sentence, field=fault.field) from None


def of(model: type[Body]) -> Any:
    """Mark a parameter as the body: `new: Annotated[NewInvoice, request_body.of(NewInvoice)]`."""
    return Depends(Reader(model))


def of_any(form: Any, *models: type[Body]) -> Any:
    """Mark a parameter as a body of one of several models, which the pydantic type `form` distinguishes."""
    return Depends(Reader(*models, form=form))


def optional(model: type[Body]) -> Any:
    """Mark a parameter as a body that may be absent; it comes before the key, which reads the body too."""
    return Depends(Reader(model, required=False))


async def parsed(request: Request, *, required: bool = True) -> Any:
    """Return the body's first JSON value, parsed once for the request; raises as json_reader.read."""
    scope = request.scope
    if _TREE not in scope:
        content = scope.get(_CONTENT, b"")
        scope[_TREE] = json_reader.read(content) if content or required else {}
    return scope[_TREE]


def content(request: Request) -> bytes:
    """Return the body as it came."""
    received: bytes = request.scope.get(_CONTENT, b"")
    return received


def form(request: Request) -> dict[str, str]:
    """Return the fields of a form that a page has sent; of a name that comes twice the last one."""
    text = content(request).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise BadField(sentence=f"a form has at most {MOST_FIELDS} fields") from None


async def raw(receive: Receive, max_bytes: int = MAX_BYTES) -> bytes:
    """Receive a body of at most `max_bytes` within MAX_SECONDS.

    Raises TooLarge, TooSlow and ClientDisconnect.
    """
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await _collect(receive, max_bytes)
    except TimeoutError:
        raise TooSlow(seconds=MAX_SECONDS) from None


def fingerprint(method: str, path: str, tree: Any) -> bytes:
    """Hash method, path and canonical body to 32 bytes: equal requests have equal ones; None is no body."""
    return hashlib.sha256(f"{method} {path}\n".encode() + json_reader.canonical(tree)).digest()


async def _collect(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= _DRAINED * max_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
    if size > max_bytes:
        raise TooLarge(limit=max_bytes)
    return b"".join(chunks)


@cache
def _names(model: type[Body]) -> frozenset[str]:
    """Return the model's field names on the wire, all of them lower case."""
    wire = frozenset(field.alias or name for name, field in model.model_fields.items())
    if any(name != name.lower() for name in wire):
        raise AssertionError(f"{model.__name__} has a field name that is not lower case")
    return wire
