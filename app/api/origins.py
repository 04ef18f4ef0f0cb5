"""Which names a listener answers to, and which web pages may ask it: a browser sends what any page tells it to send."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import responses

ANY: Final = "*"
"""Instead of names: answer to all of them."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those that change nothing."""
_LONGEST_HOST: Final = 300
_OWN: Final = frozenset({b"same-origin", b"none"})
"""What Sec-Fetch-Site says of a page of ours, and of what the user typed."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may ask a listener: by one of these `names`, by loopback's or by an address; never from a page of another site.

    With `pages` any page may read: the answers are for the public. No page of another site may change anything.
    """

    names: frozenset[str] = frozenset()
    pages: bool = False

    def knows(self, host: str) -> bool:
        """Whether a Host header names us.

        An address does: no page's own name can be made to lead to us then, as a name's owner could (DNS rebinding).
        """
        name = _name(host)
        return ANY in self.names or name in self.names or _is_local(name)


class Origins:
    """An ASGI layer that answers 403 to other names than ours, and to the pages of other sites."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self.app = app
        self.callers = callers
        self._knows = lru_cache(maxsize=1024)(callers.knows)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass the request on."""
        message = self._objection(scope) if scope["type"] == "http" else None
        if message is None:
            await self.app(scope, receive, send)
        else:
            await responses.error("forbidden", message)(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        host = origin = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
        if host is not None and (len(host) > _LONGEST_HOST or not self._knows(host.decode("latin-1"))):
            return (
                "Kennel does not go by the name in Host here; if it is to, KENNEL_ALLOWED_HOSTS must have it"
            )
        if origin is None and site is None:
            return None
        return self._objection_to_page(scope["method"], host or b"", origin, site)

    def _objection_to_page(
        self, method: str, host: bytes, origin: bytes | None, site: bytes | None
    ) -> str | None:
        """Judge what a browser says of the page that asks; a link that leads here from the same site says no Origin."""
        safe = method in SAFE_METHODS
        if safe and self.callers.pages:
            return None
        foreign = origin is not None and origin.lower().partition(b"://")[2] != host.lower()
        if site not in _OWN and (foreign or site == b"cross-site" or (site is not None and not safe)):
            return "this request comes from a page of another site"
        return None


def names_of(*hosts: str) -> frozenset[str]:
    """Return the names of hosts as `Callers` has them: as in a Host header, with or without a port."""
    return frozenset(_name(host) for host in hosts)


def _name(host: str) -> str:
    """Return the name without the port, in lower case and without the root's dot."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.strip("[]").rstrip(".").lower()


def _is_local(name: str) -> bool:
    """Whether the name is one of this machine's for itself, or an address."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
