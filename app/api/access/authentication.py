"""An ASGI layer that says who sends a request: the holder of the token or of a key, or anyone."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import middleware, responses
from app.api.access import callers
from app.api.access.callers import ANYONE, CALLER, TOKEN, Caller
from app.api.access.key_ring import KeyRing
from app.api.access.request_rates import RequestRates

KEY: Final = re.compile(rb"kennel_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")
"""A key: its number, by which it is found, and its secret, which is compared."""
_ENDED: Final = {"revoked": "This key was revoked", "expired": "This key has expired"}


def written(number: int, secret: str) -> str:
    """Return a key as its holder sends it."""
    return f"kennel_{number}_{secret}"


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What opens a listener: the `token`, if there is one, and `keys`. Where it is not `closed` anyone may come."""

    token: str = field(default="", repr=False)
    keys: KeyRing | None = None
    closed: bool = True
    rates: RequestRates = field(default_factory=RequestRates)

    async def holder(self, sent: bytes, scope: Scope) -> Caller | Response | str:
        """Return who holds a token or a key; or the answer to whoever asks too often, or what is wrong.

        A comparison takes the same time wherever the first difference is. Whoever guesses does not make the
        database look for each guess.
        """
        digest = hashlib.sha256(self.token.encode()).digest()
        if self.token and hmac.compare_digest(hashlib.sha256(sent).digest(), digest):
            return TOKEN
        key = KEY.fullmatch(sent)
        if key is None or self.keys is None:
            return "Invalid token"
        number = int(key[1])
        if not self.keys.holds(number) and (refusal := self.rates.of_guess(scope)) is not None:
            return refusal
        stored = await self.keys.find(number)
        if stored is None or not hmac.compare_digest(hashlib.sha256(key[2]).digest(), stored.digest):
            return "Invalid token"
        if stored.state in _ENDED:
            return _ENDED[stored.state]
        self.keys.use(stored.id)
        return self.rates.of_key(stored) or callers.Caller.of_key(stored)


class Authentication:
    """Requires `Authorization: Bearer` and the token or a key, or lets anyone in where the lock is not closed.

    A key that is sent counts also where nothing is locked.
    """

    def __init__(self, app: ASGIApp, lock: Lock) -> None:
        self.app = app
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, in GigaWallet's words, or pass it on; a public answer needs no token."""
        if scope["type"] == "http" and scope["path"] not in middleware.OPEN_PATHS:
            refusal = self._lock.rates.of_address(scope)
            if refusal is None and scope["path"] not in middleware.KEYLESS_PATHS:
                refusal = await self._objection(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _objection(self, scope: Scope) -> Response | None:
        """Note who asks, or return the answer to who may not."""
        caller = await self._caller(scope)
        if isinstance(caller, Caller):
            scope[CALLER] = caller
            return None
        if isinstance(caller, Response):
            return caller
        if middleware.is_public(scope):
            return None
        headers = {"WWW-Authenticate": "Bearer"}
        failure = (
            self._lock.rates.of_failure(scope)
            if any(name == b"authorization" for name, _ in scope["headers"])
            else None
        )
        return failure or responses.error("unauthorized", caller, headers=headers)

    async def _caller(self, scope: Scope) -> Caller | Response | str:
        """Return who asks, or the answer to a key that asks too often, or what is wrong with the header."""
        header = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        parts = header.split(b" ") if header else []
        key = KEY.fullmatch(parts[1]) if len(parts) == 2 and self._lock.keys is not None else None
        if not self._lock.closed and key is None:
            return ANYONE
        if not header:
            return "Authorization header required"
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            return "Invalid authorization format, expected 'Bearer TOKEN'"
        return await self._lock.holder(parts[1], scope)
