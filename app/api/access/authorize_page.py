"""The page on which an operator grants a key: what is asked for, for whom, and where the answer goes."""

import hashlib
import secrets
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from app.api.access.redirects import Target
from app.domain.access import SCOPES, KeyRequest

_HERE: Final = Path(__file__).parent / "templates"
MOVING: Final = frozenset(
    {"payments:write", "payments:approve", "ledger:write", "ledger:issue", "accounts:write"}
)
"""Scopes with which money can leave an account."""


class Asked(NamedTuple):
    """What a plugin asks for, where the answer goes, what it is to have back, and the operator's link, if one is used."""

    request: KeyRequest
    target: Target
    state: str
    link: str = ""

    def back(self, **answer: str) -> str:
        """Return where the browser goes with an answer."""
        return self.target.with_answer(**answer, state=self.state)


class Settings(NamedTuple):
    """The network's name, and whether whoever comes has to show a token or a key."""

    network: str
    asks_for_secret: bool


def request_page(asked: Asked, settings: Settings, wrong: str = "") -> Response:
    """Return the page; `wrong` says why it comes once more.

    Its form goes to us, and from here to the plugin: browsers hold the second against `form-action` too.
    """
    request = asked.request
    html = _template("authorize.html").render(
        style=_style(),
        asked=asked,
        names=sorted(request.reach.names),
        scopes=[
            (name, meaning, name in MOVING) for name, meaning in SCOPES.items() if name in request.scopes
        ],
        network=settings.network,
        asks_for_secret=settings.asks_for_secret and not asked.link,
        attempt=secrets.token_urlsafe(32),
        refusal=asked.back(error="access_denied"),
        wrong=wrong,
    )
    return _page(html, 403 if wrong else 200, f"'self' {asked.target.origin}")


def refused(sentence: str) -> Response:
    """Return a page that says what is wrong, and leads nowhere."""
    html = _template("authorize_refused.html").render(style=_style(), sentence=sentence)
    return _page(html, 400, "'none'")


def _page(html: str, status: int, forms: str) -> Response:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; img-src data:; base-uri 'none'; form-action {forms};"
        " frame-ancestors 'none'"
    )
    return HTMLResponse(html, status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _style() -> Markup:
    return Markup((_HERE / "authorize.css").read_text())  # noqa: S704  our own file


@cache
def _style_hash() -> str:
    return b64encode(hashlib.sha256(_style().encode()).digest()).decode()
