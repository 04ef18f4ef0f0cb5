"""The Idempotency-Key of a request, and what makes another request the same."""

from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Header, Request
from pydantic import AfterValidator

from app.api import bodies, texts

SCOPE: Final = "admin"
"""Whose keys these are: the admin token's holder."""


class Once(NamedTuple):
    """A key, whose it is, and the SHA-256 of what was asked with it."""

    scope: str
    key: str
    fingerprint: bytes


_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=texts.MAX_LABEL,
        description="A request that is sent again with the same key is done once",
    ),
    AfterValidator(lambda given: given and texts.printable(given)),
]


async def _with_body(request: Request, key: _Key = None) -> Once | None:
    return _once(request, key, await bodies.parsed(request)) if key else None


async def _without_body(request: Request, key: _Key = None) -> Once | None:
    return _once(request, key, None) if key else None


def _once(request: Request, key: str, tree: object) -> Once:
    path = request.scope["path"].rstrip("/")
    return Once(SCOPE, key, bodies.fingerprint(request.method, path, tree))


Key = Annotated[Once | None, Depends(_with_body)]
"""The request's key where it carries one; an endpoint with a body."""

BodilessKey = Annotated[Once | None, Depends(_without_body)]
"""The request's key where it carries one; an endpoint that ignores the body."""
