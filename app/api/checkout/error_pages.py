"""Answers errors with a page where a person has opened one; scripts and wallets get the JSON."""

from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.checkout import catalogues, page, view
from app.api.checkout.branding import Branding
from app.api.checkout.screens import AWAY, UNKNOWN, Screen
from app.api.checkout.visit import Visit

_SCREENS: Final[dict[int, Screen]] = {404: UNKNOWN, 429: AWAY, 500: AWAY, 503: AWAY}
_PAGES: Final = ("/pay/", "/l/")
"""Where the paths of pages begin."""
_DEEPEST: Final = 8
"""Below so many folders a path that leads nowhere gets no page."""
_OF_THE_JSON: Final = frozenset(
    {b"cache-control", b"content-length", b"content-security-policy", b"content-type"}
)
"""The headers that the page has of its own."""


class ErrorPages:
    """An ASGI layer around all others that sends a page, in the payer's language, in place of an error's JSON.

    So it does for the pages of payers and for paths that lead nowhere, where the caller takes HTML.
    """

    def __init__(self, app: ASGIApp, branding: Branding) -> None:
        self.app = app
        self._branding = branding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and put a page in the place of an error."""
        if scope["type"] != "http" or not _is_opened_by_a_person(scope):
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        await self.app(scope, receive, answer.send)
        if answer.error is not None:
            await self._page(scope, answer.error)(scope, receive, send)

    def _page(self, scope: Scope, error: Message) -> Response:
        visit = Visit.of(Request(scope))
        html = _html(self._branding, error["status"], visit.catalogue.code, visit.root)
        shown = HTMLResponse(html, error["status"], page.headers(visit, self._branding.policy))
        others = _OF_THE_JSON | ({b"x-frame-options"} if self._branding.frame_origins else set())
        shown.raw_headers += [(name, value) for name, value in error["headers"] if name not in others]
        return shown


class _Answer:
    """Passes an answer on, but keeps the start of an error that a page is to replace, and drops its body."""

    def __init__(self, scope: Scope, onward: Send) -> None:
        self.error: Message | None = None
        self._scope = scope
        self._onward = onward

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._is_to_be_replaced(message):
            self.error = message
        elif self.error is None:
            await self._onward(message)

    def _is_to_be_replaced(self, start: Message) -> bool:
        is_json = (b"content-type", b"application/json") in start["headers"]
        is_page = self._scope["path"].startswith(_PAGES) or "endpoint" not in self._scope
        return is_json and is_page and start["status"] in _SCREENS


def _is_opened_by_a_person(scope: Scope) -> bool:
    if scope["method"] not in ("GET", "POST") or scope["raw_path"].count(b"/") > _DEEPEST:
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


@lru_cache(maxsize=256)
def _html(branding: Branding, status: int, code: str, root: str) -> str:
    """Write a page, once: whoever asks too often gets it."""
    visit = Visit(catalogues.all_catalogues()[code], {}, root)
    return page.html(
        "page.html", view.without_invoice(_SCREENS[status], visit.catalogue, branding), visit, branding
    )
