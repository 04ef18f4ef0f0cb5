"""Where a browser may be sent back to with a code: pages with TLS, and programs on the operator's own machine."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from app import urls
from app.domain.refusals import Invalid

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
"""Browsers know no form-action for addresses of IPv6."""
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


class Target(NamedTuple):
    """A redirect_uri as it came, with the host and the origin that a browser goes to."""

    uri: str
    host: str
    origin: str

    def with_answer(self, **answer: str) -> str:
        """Return it with the answer in its query, behind what it has there; empty texts are left out."""
        parts = urlsplit(self.uri)
        added = urlencode({name: text for name, text in answer.items() if text})
        return parts._replace(query="&".join(filter(None, (parts.query, added)))).geturl()


def read(uri: str) -> Target:
    """Read a redirect_uri; raises Invalid for anything that two programs could read in different ways."""
    try:
        origin, parts = urls.parse(uri)
    except ValueError:
        raise _refused("is a whole URL that begins with https://") from None
    host = origin.host.lower()
    if origin.scheme != "https" and host not in _LOOPBACK:
        raise _refused("begins with https://, or with http:// on 127.0.0.1 or localhost")
    if "@" in parts.netloc or "#" in uri:
        raise _refused("has no user, no password and no #")
    _check_letters(uri, host)
    return Target(uri, host, f"{origin.scheme}://{host}:{origin.port}")


def _check_letters(uri: str, host: str) -> None:
    """Browsers skip blanks and take a backslash for a slash, and write other letters of a host in another way."""
    if any(character == "\\" or character.isspace() or not character.isascii() for character in uri):
        raise _refused("is of ASCII, without blanks and backslashes")
    if not _HOST.fullmatch(host):
        raise _refused("has the name of a host")


def _refused(what: str) -> Invalid:
    return Invalid(reason=f"redirect_uri {what}.", field="redirect_uri")
