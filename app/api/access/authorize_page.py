"""The page on which an operator grants a key, in their language: what is asked for, for whom, where the answer goes."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.api.access.redirects import Target
from app.api.checkout import catalogues
from app.api.checkout.catalogues import Catalogue
from app.domain.access import SCOPES, KeyRequest, LinkOver, OtherGrant
from app.domain.refusals import Refusal

if TYPE_CHECKING:  # loaded with the first page
    from jinja2 import Environment, Template

_HERE: Final = Path(__file__).parent / "templates"
TEXTS: Final = Path(__file__).parent / "texts"
OF_OPERATORS: Final[Mapping[type[Refusal], str]] = {LinkOver: "link_over", OtherGrant: "page_used"}
"""The names of the texts that say these refusals in the operator's language."""
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


class Reader(NamedTuple):
    """In which language the operator reads, and the page's parameters, which the links to other languages carry on."""

    catalogue: Catalogue
    parameters: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read it of a request: the parameter `lang`, else the browser's languages, else English."""
        wanted, header = request.query_params.get("lang", ""), request.headers.get("accept-language", "")
        parameters = [pair for pair in request.query_params.multi_items() if pair[0] != "lang"]
        return cls(catalogues.choose(wanted, header, languages()), parameters)

    def in_language(self, code: str) -> str:
        """Return the link to the same page in another language."""
        return f"?{urlencode([*self.parameters, ('lang', code)])}"

    def text(self, text: str, /, **facts: str) -> Markup:
        """Return the text of this name with the facts in it, as HTML; what is no Markup is escaped."""
        return self.catalogue.fill(text, facts)


def languages() -> Mapping[str, Catalogue]:
    """Return the texts of these pages, by the codes of the languages."""
    return catalogues.with_texts(TEXTS)


def request_page(asked: Asked, settings: Settings, reader: Reader, wrong: str = "") -> Response:
    """Return the page; `wrong` is the name of the text that says why it comes once more.

    Its form goes to us, and from here to the plugin: browsers hold the second against `form-action` too.
    """
    request = asked.request
    html = _template("authorize.html").render(
        _of_every_page(reader),
        asked=asked,
        names=sorted(request.reach.names),
        scopes=[
            (name, f"scope_{name.replace(':', '_')}", name in MOVING)
            for name in SCOPES
            if name in request.scopes
        ],
        network=settings.network,
        asks_for_secret=settings.asks_for_secret and not asked.link,
        attempt=secrets.token_urlsafe(32),
        refusal=asked.back(error="access_denied"),
        wrong=wrong,
    )
    return _page(html, 403 if wrong else 200, f"'self' {asked.target.origin}", reader)


def refused(refusal: Refusal | str, reader: Reader) -> Response:
    """Return a page that says what is wrong, and leads nowhere.

    The name of a text is said in the reader's language, and so is a refusal that an operator meets; one for whoever
    writes the plugin is in English.
    """
    name = refusal if isinstance(refusal, str) else OF_OPERATORS.get(type(refusal), "")
    html = _template("authorize_refused.html").render(
        _of_every_page(reader), name=name, sentence=str(refusal)
    )
    return _page(html, 400, "'none'", reader)


def _of_every_page(reader: Reader) -> dict[str, object]:
    return {"style": _style(), "reader": reader, "languages": languages().values()}


def _page(html: str, status: int, forms: str, reader: Reader) -> Response:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; img-src data:; base-uri 'none'; form-action {forms};"
        " frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Content-Language": reader.catalogue.code,
    }
    return HTMLResponse(html, status, headers)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> "Template":
    return _environment().get_template(name)


@cache
def _style() -> Markup:
    return Markup((_HERE / "authorize.css").read_text())  # noqa: S704  our own file


@cache
def _style_hash() -> str:
    return b64encode(hashlib.sha256(_style().encode()).digest()).decode()
