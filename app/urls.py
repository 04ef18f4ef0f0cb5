"""The parts of an http or https URL that our requests may go to."""

from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

STARS: Final = "***"
"""Shown instead of a password. As a password it is refused: a caller has sent back what was shown."""


class Origin(NamedTuple):
    """Scheme, host and port; the host in IDNA's form, without the brackets of IPv6."""

    scheme: str
    host: str
    port: int


def parse(url: str) -> tuple[Origin, SplitResult]:
    """Return an http or https URL's origin, and its parts; ValueError says what is wrong, without the URL."""
    try:
        parts = urlsplit(url)
        name = parts.hostname or ""
        host = name if ":" in name else name.encode("idna").decode("ascii")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ValueError("the URL is malformed") from None
    if parts.scheme not in {"http", "https"} or not host or not host.isprintable() or " " in host:
        raise ValueError("the URL is malformed")
    if parts.password == STARS:
        raise ValueError("the URL has stars for its password, as it is shown: write the password itself")
    return Origin(parts.scheme, host, port), parts


def without_password(url: str) -> str:
    """Return the URL with stars for its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    _, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{parts.username or ''}:{STARS}@{host}").geturl()
