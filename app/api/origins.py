"""The host names that a listener accepts, and the web pages that may call it.

A browser sends whatever request a page makes.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import responses
from app.api.middleware import AUTHORIZE

ANY: Final = "*"
"""In place of names: accept any name."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""
_LONGEST_HOST: Final = 300
_OWN: Final = frozenset({b"same-origin", b"none"})
"""Sec-Fetch-Site of our own pages, and of an address that the user typed."""

_SIMPLE: Final = frozenset({b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data"})
"""What forms of a page can send."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may call a listener: by one of the `names`, by a name of loopback or by an address.

    A page of another site may not. With `pages` it may read, because the answers are public, and not
    change anything.
    """

    names: frozenset[str] = frozenset()
    pages: bool = False

    def accepts(self, host: str) -> bool:
        """Whether a Host header has a name of ours, or an address.

        An address is safe: DNS rebinding works only with a name, which its owner points at us.
        """
        name = _name(host)
        return ANY in self.names or name in self.names or _is_local(name)


class Origins:
    """An ASGI layer that answers 403 to requests for other names, and to pages of other sites."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self.app = app
        self.callers = callers
        self._accepts = lru_cache(maxsize=1024)(callers.accepts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        message = self._objection(scope) if scope["type"] == "http" else None
        if message is None:
            await self.app(scope, receive, send)
        else:
            await responses.error("forbidden", message)(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        host = origin = site = kind = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"content-type":
                kind = value
        if host is not None and (len(host) > _LONGEST_HOST or not self._accepts(host.decode("latin-1"))):
            return (
                "Kennel does not go by the name in Host here; if it is to, KENNEL_ALLOWED_HOSTS must have it"
            )
        if origin is None and site is None:
            return None
        has_form = self.callers.pages or scope["path"] == AUTHORIZE  # forms are judged by their origin
        allowed = scope["method"] in SAFE_METHODS or has_form
        if origin is not None and not allowed and _is_simple(kind):
            return "a web page must send its request as application/json: forms and plain text come from any page"
        if _opens_the_page_of_grants(scope):
            return None
        return self._objection_to_page(scope["method"], host or b"", origin, site)

    def _objection_to_page(
        self, method: str, host: bytes, origin: bytes | None, site: bytes | None
    ) -> str | None:
        """Judge the headers about the calling page; a link on a page of the same site sends no Origin."""
        safe = method in SAFE_METHODS
        if safe and self.callers.pages:
            return None
        foreign = origin is not None and origin.lower().partition(b"://")[2] != host.lower()
        if site not in _OWN and (foreign or site == b"cross-site" or (site is not None and not safe)):
            return "this request comes from a page of another site"
        return None


def _opens_the_page_of_grants(scope: Scope) -> bool:
    """Whether a person comes to the page on which keys are granted: a shop leads there, and seeing it changes nothing."""
    modes = [value for name, value in scope["headers"] if name == b"sec-fetch-mode"]
    return scope["path"] == AUTHORIZE and scope["method"] == "GET" and modes in ([], [b"navigate"])


def names_of(*hosts: str) -> frozenset[str]:
    """Return the names of `hosts`, which have the form of a Host header, with or without a port."""
    return frozenset(_name(host) for host in hosts)


def _name(host: str) -> str:
    """Return the name without the port and the final dot, in lower case."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.strip("[]").rstrip(".").lower()


def _is_simple(kind: bytes | None) -> bool:
    """Whether any page may send a body of this kind anywhere, and asks nobody before (CORS)."""
    return kind is not None and kind.partition(b";")[0].strip().lower() in _SIMPLE


def _is_local(name: str) -> bool:
    """Whether the name is one of loopback, or an address."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
