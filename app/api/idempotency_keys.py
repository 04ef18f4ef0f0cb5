"""The Idempotency-Key of a request, and what makes another request the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from app.api import fields, request_body
from app.domain import characters, refusals
from app.domain.idempotency import Claim

SCOPE: Final = "admin"
"""Whose keys these are: the admin token's holder."""
HEADER: Final = "Idempotency-Key"
PARAMETER: Final[Mapping[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": fields.MAX_LABEL},
    "description": "A request that is sent again with the same key is done once",
}
"""How OpenAPI describes it; FastAPI's own header parameter costs every request 15 microseconds."""

_HEADER_BYTES: Final = HEADER.lower().encode()


class BadKey(refusals.Invalid):
    """Idempotency-Key must be one of 1 to 255 characters, none of them a control character."""

    field = HEADER


class MissingKey(refusals.Invalid):
    """This request moves money each time it is sent: it needs an Idempotency-Key."""

    field = HEADER


async def with_body(request: Request) -> Claim | None:
    """Read the key of a request whose body is part of what was asked; None where there is no key."""
    key = _key(request)
    return None if key is None else _claim(request, key, await request_body.parsed(request))


async def required(request: Request) -> Claim:
    """Read the key of a request that is refused without one."""
    claim = await with_body(request)
    if claim is None:
        raise MissingKey
    return claim


async def required_without_body(request: Request) -> Claim:
    """Read the key of a request whose body is ignored and that is refused without one."""
    claim = await without_body(request)
    if claim is None:
        raise MissingKey
    return claim


async def without_body(request: Request) -> Claim | None:
    """Read the key of a request whose body is ignored; None where there is no key."""
    key = _key(request)
    return None if key is None else _claim(request, key, None)


@dataclass(frozen=True, slots=True)
class Named:
    """The key of a request that asks for one thing or for many, and what it asks for."""

    key: str
    method: str
    path: str
    tree: Any

    def whole(self) -> Claim:
        """Claim the key for the request as a whole."""
        return Claim(SCOPE, self.key, request_body.fingerprint(self.method, self.path, self.tree))

    def each(self, name: str) -> list[Claim]:
        """Claim `KEY:0`, `KEY:1` and so on for what the list `name` in the body asks for."""
        return [
            Claim(SCOPE, f"{self.key}:{n}", request_body.fingerprint(self.method, self.path, one))
            for n, one in enumerate(request_body.value_of(self.tree, name))
        ]


async def named(request: Request) -> Named:
    """Read the key of a request that is refused without one."""
    key = _key(request)
    if key is None:
        raise MissingKey
    return Named(key, request.scope["method"], _path(request), await request_body.parsed(request))


def _key(request: Request) -> str | None:
    """Return the key as Latin-1 shows its bytes, as keys always were stored, whatever its text is encoded in."""
    values = {value for name, value in request.scope["headers"] if name == _HEADER_BYTES}
    if not values:
        return None
    key: bytes = values.pop()
    if values or not 0 < len(text := _decoded(key)) <= fields.MAX_LABEL or characters.forbidden(text):
        raise BadKey
    return key.decode("latin-1")


def _decoded(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key.decode("latin-1")


def _claim(request: Request, key: str, tree: object) -> Claim:
    return Claim(SCOPE, key, request_body.fingerprint(request.method, _path(request), tree))


def _path(request: Request) -> str:
    """A path with and without a slash at its end is the same; one with another query is another."""
    path: str = request.scope["path"].rstrip("/")
    query = request.scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


Key = Annotated[Claim | None, Depends(with_body)]
"""The request's key where it carries one; an endpoint with a body."""

RequiredKey = Annotated[Claim, Depends(required)]
"""The request's key, without which it is refused; an endpoint with a body."""

NamedKey = Annotated[Named, Depends(named)]
"""The request's key, without which it is refused, for one thing or for many."""

BodilessKey = Annotated[Claim | None, Depends(without_body)]
"""The request's key where it carries one; an endpoint that ignores the body."""

RequiredBodilessKey = Annotated[Claim, Depends(required_without_body)]
"""The request's key, without which it is refused; an endpoint that ignores the body."""
