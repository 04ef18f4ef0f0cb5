"""The admin token: who may use the admin API."""

import hashlib
import hmac
from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import answers

OPEN_PATHS: Final = frozenset({"/health"})
"""Asked by supervisors, which have no token; it tells nothing."""


class Bearer:
    """An ASGI layer that lets through what carries `Authorization: Bearer TOKEN`; the token is kept as a hash."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Collection[str] = OPEN_PATHS) -> None:
        self.app = app
        self.open_paths = open_paths
        self._digest = hashlib.sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 in GigaWallet's words, or pass the request on, also where its answer tells nothing."""
        if scope["type"] == "http" and scope["path"] not in self.open_paths:
            message = self._objection(scope)
            if message is not None and not _tells_nothing(scope):
                response = answers.error("unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        """GigaWallet's words for what is wrong with the header, or None; the comparison takes the same time always."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if not given:
            return "Authorization header required"
        parts = given.split(b" ")
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            return "Invalid authorization format, expected 'Bearer TOKEN'"
        if not hmac.compare_digest(hashlib.sha256(parts[1]).digest(), self._digest):
            return "Invalid token"
        return None


def _tells_nothing(scope: Scope) -> bool:
    """Say whether the answer is the same for everybody: which methods a path takes, or that there is no such path."""
    routes = scope["app"].router.routes
    return scope["method"] == "OPTIONS" or not any(route.matches(scope)[0].value for route in routes)
