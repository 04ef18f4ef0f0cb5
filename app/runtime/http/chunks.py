"""Where a chunked body ends: the parser does not tell, and would take what follows for the next request."""

import re
from typing import Final

PART_BYTES: Final = 16 * 1024
"""How much of a chunked body is parsed at once."""
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_EMPTY_LINE: Final = b"\r\n\r\n"


class Malformed(Exception):
    """This is no HTTP request."""


class Chunks:
    """Walks over the chunks of one body; the parser says whether they are well formed.

    It passes over a chunk's content by its size, however much the content looks like an end.
    """

    def __init__(self) -> None:
        self._remaining = 0  # bytes of the chunk that has begun, with the end of its line
        self._line = b""  # a part of a chunk's size
        self._tail: bytes | None = None  # the last bytes after the last chunk, which an empty line ends

    def end_of_part(self, data: bytes, at: int) -> int:
        """Return how far to parse from `at` on, at most to the end of the body. Raises Malformed."""
        stop = min(len(data), at + PART_BYTES)
        while at < stop and self._tail is None:
            if self._remaining:
                step = min(self._remaining, stop - at)
                self._remaining -= step
                at += step
            else:
                at = self._after_size(data, at, stop)
        return at if self._tail is None else self._after_trailers(self._tail, data, at, stop)

    def _after_size(self, data: bytes, at: int, stop: int) -> int:
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
            self._remaining = count + len(b"\r\n")
        else:
            self._tail = b"\r\n"
        return end

    def _after_trailers(self, tail: bytes, data: bytes, at: int, stop: int) -> int:
        trailers = tail + data[at:stop]
        end = trailers.find(_EMPTY_LINE)
        self._tail = trailers[-3:]
        return stop if end < 0 else at + end + len(_EMPTY_LINE) - len(tail)
