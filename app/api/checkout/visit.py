"""What a request for the page asks for besides the invoice: its language, its token, and how it is shown."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode

from starlette.requests import Request

from app.api.checkout import catalogues
from app.api.checkout.catalogues import Catalogue

_LONGEST: Final = 255
_NAMES: Final = ("token", "origin", "mode", "lang")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for the page. Its `parameters` are carried on by the links to other languages.

    `token` opens the items. The page of `origin` shows the checkout in a frame. `mode` is `till` or "". `root`
    leads from the page to the listener's root: behind a proxy that may be below a path.
    """

    catalogue: Catalogue
    parameters: dict[str, str]
    root: str = "../"

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read it; what is too long or unknown is left out."""
        named = {name: request.query_params.get(name, "") for name in _NAMES}
        parameters = {name: value for name, value in named.items() if value and len(value) <= _LONGEST}
        header = request.headers.get("accept-language", "")
        depth = request.scope.get("raw_path", b"").count(b"/") - 1
        return cls(catalogues.choose(parameters.get("lang", ""), header), parameters, "../" * depth or "./")

    def get(self, name: str) -> str:
        """Return a parameter, "" without it."""
        return self.parameters.get(name, "")

    @property
    def query(self) -> str:
        """The parameters as they were, for the page of another invoice of the same order; "" without any."""
        return f"?{urlencode(self.parameters)}" if self.parameters else ""

    def in_language(self, code: str) -> str:
        """Return the link to the same page in another language."""
        return f"?{urlencode({**self.parameters, 'lang': code})}"
