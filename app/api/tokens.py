"""Random words, drawn from the system's source many at once: to ask it for each took a hundredth of a request."""

import base64
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

AT_ONCE: Final = 256


def words(size: int, write: Callable[[bytes], str]) -> Callable[[], str]:
    """Return what draws a word of `size` random bytes at each call, written by `write`; for one thread."""
    return partial(next, map(write, _draws(size)))


def urlsafe(drawn: bytes) -> str:
    """Write bytes as `secrets.token_urlsafe` does."""
    return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()


def _draws(size: int) -> Iterator[bytes]:
    while True:
        many = secrets.token_bytes(size * AT_ONCE)
        for start in range(0, len(many), size):
            yield many[start : start + size]
