"""Request bodies: received whole and within limits, matched to a model by names in any case, fingerprinted for replays."""

import asyncio
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Generic, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import errors, json_reader, validation_errors
from app.domain import refusals

MAX_BYTES: Final = 1024 * 1024
MAX_SECONDS: Final = 20
"""How long a caller may take to send a body."""
_DRAINED: Final = 16
"""A body up to so many times its limit is received to its end before it is refused, so that the caller can read the answer."""
_CONTENT: Final = "kennel.content"
_TREE: Final = "kennel.body"
_ANNOUNCED: Final = frozenset({b"content-length", b"transfer-encoding"})

Model = TypeVar("Model", bound="Body")


class TooLarge(refusals.Invalid):
    """the request body is larger than {limit} bytes"""  # noqa: D400, D415  shown as it is

    code = "too-large"


class TooSlow(refusals.Invalid):
    """the request body did not arrive within {seconds} seconds"""  # noqa: D400, D415  shown as it is

    code = "timeout"


class BadField(refusals.Invalid):
    """{sentence}"""  # noqa: D400, D415  shown as it is


class Whole:
    """An ASGI layer that receives a body of at most `max_bytes` before anything is done: what is not whole has no effect."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a body that is too large, too slow or broken off, or pass the request on."""
        if scope["type"] == "http" and any(name in _ANNOUNCED for name, _ in scope["headers"]):
            try:
                scope[_CONTENT] = await raw(receive, self.max_bytes)
            except (TooLarge, TooSlow) as refusal:
                await errors.answer_to(refusal)(scope, receive, send)
                return
            except ClientDisconnect:
                await errors.broken_off()(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Body(BaseModel):
    """What every request model is: strict types, names in any case, null means absent, the unknown ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, validate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, given: Any) -> Any:
        """Rename fields that are spelled in another case, as Go's decoder does; the exact name wins."""
        if not isinstance(given, dict):
            return {} if given is None else given
        names = _names(cls)
        folded = {name: value for name, value in given.items() if name in names and value is not None}
        if len(folded) != len(given):
            for name, value in given.items():
                known = name.lower()
                if known in names and known not in given and value is not None:
                    folded[known] = value
        return folded


def examples(*bodies: dict[str, Any]) -> ConfigDict:
    """Return the `model_config` of a model that is described with these bodies."""
    return ConfigDict(json_schema_extra={"examples": list(bodies)})


def meant(tree: Mapping[str, Any], name: str) -> Any:
    """Return what a body has under a name in whatever case, as a model reads it; KeyError where it has nothing."""
    folded = {field.lower(): value for field, value in tree.items() if value is not None}
    return tree[name] if name in tree else folded[name]


class Reader(Generic[Model]):
    """A dependency that gives an endpoint the request's body; OpenAPI documents it from here.

    It is the one model, or one of several; then `form` is the pydantic type that tells them apart.
    """

    def __init__(self, *models: type[Model], required: bool = True, form: Any = None) -> None:
        self.models = models
        self.required = required
        self._read = TypeAdapter(form or models[0]).validate_python

    async def __call__(self, request: Request) -> Model:
        """Read, parse and validate; what is wrong is refused in one sentence that names the field."""
        tree = await parsed(request, required=self.required)
        try:
            return self._read(tree)
        except ValidationError as error:
            complaint = validation_errors.of_errors(error.errors(include_url=False, include_input=False))
            raise BadField(sentence=complaint.sentence, field=complaint.field) from None


def of(model: type[Body]) -> Any:
    """Mark an endpoint's parameter as its body: `new: Annotated[NewInvoice, request_body.of(NewInvoice)]`."""
    return Depends(Reader(model))


def of_any(form: Any, *models: type[Body]) -> Any:
    """Mark a parameter as a body of one of several models; `form` is the pydantic type that tells them apart."""
    return Depends(Reader(*models, form=form))


def optional(model: type[Body]) -> Any:
    """Mark a parameter as a body that may be missing; it stands before the request's key, which reads it too."""
    return Depends(Reader(model, required=False))


async def parsed(request: Request, *, required: bool = True) -> Any:
    """Return the body's first JSON value, parsed once a request; refusals as json_text.read."""
    scope = request.scope
    if _TREE not in scope:
        content = scope.get(_CONTENT, b"")
        scope[_TREE] = json_reader.read(content) if content or required else {}
    return scope[_TREE]


async def raw(receive: Receive, max_bytes: int = MAX_BYTES) -> bytes:
    """Receive a body of at most `max_bytes` within MAX_SECONDS, however it is framed; raises TooLarge and TooSlow."""
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await _collect(receive, max_bytes)
    except TimeoutError:
        raise TooSlow(seconds=MAX_SECONDS) from None


def fingerprint(method: str, path: str, tree: Any) -> bytes:
    """Hash what makes two requests the same (32 bytes): method, path and canonical body; None for no body."""
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
