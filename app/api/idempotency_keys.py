"""The Idempotency-Key of a request, and which requests count as the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from app.api import fields, request_body
from app.api.access import callers
from app.domain import characters, refusals
from app.domain.idempotency import Claim

HEADER: Final = "Idempotency-Key"
PARAMETER: Final[Mapping[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": fields.MAX_LABEL},
    "description": "A request that is sent again with the same key is done once",
}
"""How OpenAPI describes the key. FastAPI's own header parameter costs every request 15 microseconds."""

_HEADER_BYTES: Final = HEADER.lower().encode()


class BadKey(refusals.Invalid):
    """Idempotency-Key must be one of 1 to 255 characters, none of them a control character."""

    field = HEADER


class MissingKey(refusals.Invalid):
    """This request moves money each time it is sent: it needs an Idempotency-Key."""

    field = HEADER


async def with_body(request: Request) -> Claim | None:
    """Claim the key of a request together with its body; None where there is no key."""
    key = _key(request)
    return None if key is None else _claim(request, key, await request_body.parsed(request))


async def without_body(request: Request) -> Claim | None:
    """Claim the key of a request whose body is ignored; None where there is no key."""
    key = _key(request)
    return None if key is None else _claim(request, key, None)


async def required(request: Request) -> Claim:
    """Claim as `with_body` does; MissingKey where there is no key."""
    return _required(await with_body(request))


async def required_without_body(request: Request) -> Claim:
    """Claim as `without_body` does; MissingKey where there is no key."""
    return _required(await without_body(request))


@dataclass(frozen=True, slots=True)
class Named:
    """The key and the body of a request that may hold one order or many."""

    owner: str
    key: str
    method: str
    path: str
    tree: Any

    def whole(self) -> Claim:
        """Claim the key for the request as a whole."""
        return Claim(self.owner, self.key, request_body.fingerprint(self.method, self.path, self.tree))

    def each(self, name: str) -> list[Claim]:
        """Claim `KEY:0`, `KEY:1` and so on for the items of the list `name` in the body."""
        return [
            Claim(self.owner, f"{self.key}:{n}", request_body.fingerprint(self.method, self.path, item))
            for n, item in enumerate(request_body.value_of(self.tree, name))
        ]


async def named(request: Request) -> Named:
    """Read the key of a request that may hold many orders; MissingKey where there is no key."""
    key = _key(request)
    if key is None:
        raise MissingKey
    return Named(
        callers.of(request.scope).owner,
        key,
        request.scope["method"],
        _path(request),
        await request_body.parsed(request),
    )


def _key(request: Request) -> str | None:
    """Return the key's bytes as Latin-1 text, whatever their encoding: keys were always stored so."""
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


def _required(claim: Claim | None) -> Claim:
    if claim is None:
        raise MissingKey
    return claim


def _claim(request: Request, key: str, tree: object) -> Claim:
    """Keys belong to who sends them: another caller's are others."""
    owner = callers.of(request.scope).owner
    return Claim(owner, key, request_body.fingerprint(request.method, _path(request), tree))


def _path(request: Request) -> str:
    """Return the path with its query; a slash at the path's end makes no difference."""
    path: str = request.scope["path"].rstrip("/")
    query = request.scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


Key = Annotated[Claim | None, Depends(with_body)]
"""The key of a request with a body; the key may be missing."""

RequiredKey = Annotated[Claim, Depends(required)]
"""The key of a request with a body; the key is required."""

NamedKey = Annotated[Named, Depends(named)]
"""The key of a request that may hold many orders; the key is required."""

BodilessKey = Annotated[Claim | None, Depends(without_body)]
"""The key of a request whose body is ignored; the key may be missing."""

RequiredBodilessKey = Annotated[Claim, Depends(required_without_body)]
"""The key of a request whose body is ignored; the key is required."""
