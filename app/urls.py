"""Where a request of ours may go: an http or https URL, taken apart."""

from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

STARS: Final = "***"
"""What is shown instead of a password; as one it would be what somebody was shown and sent back."""


class Origin(NamedTuple):
    """Scheme, host and port; the host as the network writes it (IDNA), without the brackets of IPv6."""

    scheme: str
    host: str
    port: int


def parse(url: str) -> tuple[Origin, SplitResult]:
    """Return where an http or https URL leads, and its parts; ValueError says what is wrong, without the URL."""
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
    """Return the URL as it may be shown: three stars for its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    _, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{parts.username or ''}:{STARS}@{host}").geturl()
