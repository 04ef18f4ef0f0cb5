"""An ASGI layer that says who sends a request: the holder of the token or of a key, or anyone."""

import hashlib
import hmac
import re
from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import middleware, responses
from app.api.access import callers
from app.api.access.callers import ANYONE, CALLER, TOKEN, Caller
from app.api.access.key_ring import KeyRing

KEY: Final = re.compile(rb"kennel_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")
"""A key: its number, by which it is found, and its secret, which is compared."""
_ENDED: Final = {"revoked": "This key was revoked", "expired": "This key has expired"}


def written(number: int, secret: str) -> str:
    """Return a key as its holder sends it."""
    return f"kennel_{number}_{secret}"


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


class Authentication:
    """Requires `Authorization: Bearer` and the token or a key, or lets anyone in where nothing is `locked`.

    It holds only the token's hash. A key that is sent counts also where nothing is locked.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        keys: KeyRing | None,
        *,
        locked: bool,
        open_paths: Collection[str] = middleware.OPEN_PATHS,
    ) -> None:
        self.app = app
        self._keys = keys
        self._locked = locked
        self._open_paths = open_paths
        self._digest = hashlib.sha256(token.encode()).digest() if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 in GigaWallet's words, or pass the request on; a public answer needs no token."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            caller = await self._caller(scope)
            if isinstance(caller, Caller):
                scope[CALLER] = caller
            elif not middleware.is_public(scope):
                headers = {"WWW-Authenticate": "Bearer"}
                await responses.error("unauthorized", caller, headers=headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | str:
        """Return who asks, or what is wrong with the header, in GigaWallet's words where it has some."""
        header = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        parts = header.split(b" ") if header else []
        key = KEY.fullmatch(parts[1]) if len(parts) == 2 and self._keys is not None else None
        if not self._locked and key is None:
            return ANYONE
        if not header:
            return "Authorization header required"
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            return "Invalid authorization format, expected 'Bearer TOKEN'"
        if self._digest and hmac.compare_digest(hashlib.sha256(parts[1]).digest(), self._digest):
            return TOKEN
        return "Invalid token" if key is None else await self._holder(key)

    async def _holder(self, key: re.Match[bytes]) -> Caller | str:
        """Return the holder of a key; the comparison takes the same time wherever the first difference is."""
        if self._keys is None:
            return "Invalid token"
        stored = await self._keys.find(int(key[1]))
        if stored is None or not hmac.compare_digest(hashlib.sha256(key[2]).digest(), stored.digest):
            return "Invalid token"
        if stored.state in _ENDED:
            return _ENDED[stored.state]
        self._keys.use(stored.id)
        return callers.Caller.of_key(stored)
