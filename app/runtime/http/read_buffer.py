"""The bytes of a connection that have arrived and are not parsed yet."""

import re
from typing import Final

_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
"""Matches malformed line ends too: the parser refuses these."""
_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)*")
"""May stand before a request (RFC 9112, 2.2)."""


class ReadBuffer:
    """What is not parsed begins in `data` at the index `at`."""

    __slots__ = ("at", "data")

    def __init__(self) -> None:
        self.data, self.at = b"", 0

    def __len__(self) -> int:
        return len(self.data) - self.at

    def add(self, data: bytes) -> None:
        """Append what has arrived."""
        self.data = self.data[self.at :] + data if self else data
        self.at = 0

    def clear(self) -> None:
        """Drop everything, so that a silent connection holds no memory."""
        self.data, self.at = b"", 0

    def take_head(self, most_bytes: int) -> bytes | None:
        """Take a request's whole head; None where its end is not among the next `most_bytes`."""
        empty = _EMPTY_LINES.match(self.data, self.at)
        self.at = empty.end() if empty else self.at
        end = _END_OF_HEAD.search(self.data, self.at, self.at + most_bytes)
        if end is None:
            return None
        head = self.data[self.at : end.end()]
        self.at = end.end()
        return head
