"""A slice of the audit: so many rows of one check, read at one moment of the database."""

from dataclasses import dataclass
from typing import Any, Final

SLICE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice came to: rows `checked`, the first `fault` as a sentence, and where to go on (None: done).

    `note` says what was not looked at, and why.
    """

    checked: int
    fault: str = ""
    next: tuple[Any, ...] | None = None
    note: str = ""
