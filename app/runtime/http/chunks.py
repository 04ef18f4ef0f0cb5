"""Where a body in chunks ends: the parser does not say it, and would take what follows for the next request."""

import re
from typing import Final

PART_BYTES: Final = 16 * 1024
"""So much of a body in chunks is parsed at once."""
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_EMPTY_LINE: Final = b"\r\n\r\n"


class Malformed(Exception):
    """This is no HTTP request."""


class Chunks:
    """Walks over the chunks of one body; whether they are as they should be is for the parser to say.

    What stands within a chunk is passed over by its size, however much it looks like an end.
    """

    def __init__(self) -> None:
        self._left = 0  # of the chunk that has begun, with the end of its line
        self._line = b""  # a part of a chunk's size
        self._tail: bytes | None = None  # the last bytes behind the last chunk, which an empty line ends

    def end_of_part(self, data: bytes, at: int) -> int:
        """Return how far to parse from `at` on: not farther than the body goes. Raises Malformed."""
        stop = min(len(data), at + PART_BYTES)
        while at < stop and self._tail is None:
            if self._left:
                step = min(self._left, stop - at)
                self._left -= step
                at += step
            else:
                at = self._behind_size(data, at, stop)
        return at if self._tail is None else self._behind_trailers(self._tail, data, at, stop)

    def _behind_size(self, data: bytes, at: int, stop: int) -> int:
        size = None if self._line else _SIZE.match(data, at, stop)
        end = size.end() if size else data.find(b"\n", at, stop) + 1 or stop
        if size is None:
            self._line += data[at:end]
            if not self._line.endswith(b"\n"):
                return end
            size = _SIZE.fullmatch(self._line)
            if size is None:
                raise Malformed
            self._line = b""
        if count := int(size[1], 16):
            self._left = count + len(b"\r\n")
        else:
            self._tail = b"\r\n"
        return end

    def _behind_trailers(self, tail: bytes, data: bytes, at: int, stop: int) -> int:
        behind = tail + data[at:stop]
        found = behind.find(_EMPTY_LINE)
        self._tail = behind[-3:]
        return stop if found < 0 else at + found + len(_EMPTY_LINE) - len(tail)
