"""Who sent a request: the holder of the token or of a key, or anyone where nothing is locked."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from app.domain.access import ADMIN, EVERYTHING, ApiKey, Reach
from app.domain.refusals import Forbidden

CALLER: Final = "kennel.caller"
"""The key of the caller in the scope of a request."""
_EVERY_SCOPE: Final = frozenset({ADMIN})


class LacksScope(Forbidden):
    """This key lacks the scope {scope}."""

    field = "Authorization"

    @property
    def scope(self) -> str:
        """The scope that is missing."""
        return str(self.facts["scope"])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `name` is `token`, `anyone` or `key:7`. Its idempotency keys belong to `owner`.

    `description` says whose the key is.
    """

    name: str
    owner: str
    scopes: frozenset[str]
    reach: Reach = EVERYTHING
    description: str = ""

    @classmethod
    def of_key(cls, key: ApiKey) -> "Caller":
        """Return the holder of a key."""
        name = f"key:{key.id}"
        return cls(name, name, key.scopes, key.reach, key.description)

    @property
    def key_id(self) -> int | None:
        """The number of its key, if it has one."""
        return ApiKey.number_in(self.name)

    @property
    def is_admin(self) -> bool:
        """Whether nothing is closed to it."""
        return ADMIN in self.scopes

    def may(self, scope: str) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes or ADMIN in self.scopes

    def require(self, scope: str, field: str | None = None) -> None:
        """Refuse with LacksScope where it has not the scope; `field` is the request's that takes it."""
        if not self.may(scope):
            raise LacksScope(scope=scope, field=field)


TOKEN: Final = Caller("token", "admin", _EVERY_SCOPE)
"""The holder of the admin token, which is GigaWallet's."""
ANYONE: Final = Caller("anyone", "admin", _EVERY_SCOPE)
"""Whoever asks where nothing is locked: on the test network, and on loopback only."""


def of(scope: Scope) -> Caller:
    """Return the caller of a request; KeyError where nobody has looked who it is."""
    caller: Caller = scope[CALLER]
    return caller


async def caller_of(request: Request) -> Caller:
    """Return the caller of a request, as a dependency."""
    return of(request.scope)


async def reach_of(request: Request) -> Reach:
    """Return which accounts the caller reaches, as a dependency."""
    return of(request.scope).reach


Asking = Annotated[Caller, Depends(caller_of)]
"""Who asks."""
Within = Annotated[Reach, Depends(reach_of)]
"""Which accounts the caller reaches: what an endpoint shows or changes must be within."""
