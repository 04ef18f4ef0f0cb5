"""Random words, whose bytes are drawn many at once: a draw for each took a hundredth of a request."""

import base64
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

DRAWN: Final = 256
"""Words whose bytes are drawn together."""


def words(size: int, write: Callable[[bytes], str]) -> Callable[[], str]:
    """Return a function that gives a word of `size` random bytes, as `write` writes them; for one thread."""
    return partial(next, map(write, _draws(size)))


def urlsafe(drawn: bytes) -> str:
    """Write bytes as `secrets.token_urlsafe` does."""
    return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()


def _draws(size: int) -> Iterator[bytes]:
    while True:
        drawn = secrets.token_bytes(size * DRAWN)
        for start in range(0, len(drawn), size):
            yield drawn[start : start + size]
