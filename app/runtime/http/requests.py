"""HTTP/1.1 requests out of bytes: what the parser is strict about, and what it leaves to us."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import httptools

CHUNKS_BYTES: Final = 16 * 1024
"""So much of a body in chunks is parsed at once."""
FRAMING_BYTES: Final = 64 * 1024
FRAMING_FACTOR: Final = 16
"""A body may take so many bytes on the wire, and so many for each of its own: chunks of one byte take six."""
_UPGRADE: Final = re.compile(rb"(?i)\nupgrade[ \t]*:[^\n]*")
"""An offer that we do not take (RFC 9110, 7.8); the parser would take what follows for another protocol."""
_EMPTY_LINE: Final = b"\r\n\r\n"
_VERSIONS: Final = ("1.0", "1.1")
_WHITE: Final = b" \t"
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})
"""The headers that say how a request is framed."""

Headers = list[tuple[bytes, bytes]]
Address = tuple[str, int]


class Malformed(Exception):
    """This is no HTTP request."""


class TooManyHeaders(Exception):
    """The head has more header fields than are allowed."""


class Head(NamedTuple):
    """What a request is before its body, as ASGI describes it; `whole` says that no body follows."""

    scope: dict[str, Any]
    whole: bool
    keep_alive: bool
    expects_continue: bool


class RequestParser:
    """Parses one request after another. `on_body` is given the bodies' bytes as they come.

    A head is parsed at once, and a body to its end and not farther; `ended` says that the end was reached.
    """

    def __init__(self, on_body: Callable[[bytes], None], most_headers: int) -> None:
        self.ended = False
        self._tail = b""  # the last bytes of a body in chunks, as far as it was parsed
        self._deliver = on_body
        self._most_headers = most_headers
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def head(self, data: bytes, client: Address, server: Address) -> Head:
        """Parse a whole head, which ends with an empty line; raises Malformed or TooManyHeaders."""
        self._begin()
        self._feed(_UPGRADE.sub(b"", data) if b"pgrade" in data or b"PGRADE" in data else data)
        if not self._head_ended:
            raise Malformed
        if len(self._headers) > self._most_headers:
            raise TooManyHeaders
        return self._described(client, server)

    def body(self, data: bytes, at: int) -> int:
        """Parse a part of the body from `at` on; returns where it ends. Raises Malformed."""
        part = data[at : self._end_of_chunks(data, at) if self._remaining is None else at + self._remaining]
        self._wire_bytes += len(part)
        if self._remaining is not None:
            self._remaining -= len(part)
        self._feed(part)
        if self._wire_bytes > FRAMING_BYTES + FRAMING_FACTOR * self._body_bytes:
            raise Malformed
        return at + len(part)

    def _end_of_chunks(self, data: bytes, at: int) -> int:
        """Return how far to parse: a body in chunks ends at an empty line if it ends, maybe one of two pieces."""
        seam = (self._tail + data[at : at + 3]).find(_EMPTY_LINE)
        found = data.find(_EMPTY_LINE, at, at + CHUNKS_BYTES) + len(_EMPTY_LINE)
        end = found if found >= len(_EMPTY_LINE) else min(len(data), at + CHUNKS_BYTES)
        if seam >= 0:
            end = at + seam + len(_EMPTY_LINE) - len(self._tail)
        self._tail = (self._tail + data[at:end])[-3:]
        return end

    def _begin(self) -> None:
        self._tail = b""
        self._remaining: int | None = 0  # bytes of the body that are to come; None: as its chunks say
        self._wire_bytes = self._body_bytes = 0
        self.ended = self._head_ended = False
        self._url = b""
        self._headers: Headers = []

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise Malformed from None

    # ---------------------------------------------------------------- httptools

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers are left out."""
        if not self._head_ended:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Read what the parser forgets at the end of the request."""
        self._head_ended = True
        self._keep_alive = self._parser.should_keep_alive()
        self._version = self._parser.get_http_version()
        self._method = self._parser.get_method().decode("ascii")

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        self._body_bytes += len(body)
        self._deliver(body)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.ended = True

    # ---------------------------------------------------------------- the head

    def _described(self, client: Address, server: Address) -> Head:
        hosts, framing = 0, {}
        for name, value in self._headers:
            if name == b"host":
                hosts += 1
            elif name in _FRAMING:
                framing[name] = value.strip(_WHITE)
        encoding = framing.get(b"transfer-encoding")
        if not self._is_allowed(hosts, encoding):
            raise Malformed
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._version,
            "method": self._method,
            "scheme": "http",
            **self._target(),
            "root_path": "",
            "headers": self._headers,
            "client": client,
            "server": server,
            "state": {},
        }
        self._remaining = int(framing.get(b"content-length", b"0")) if encoding is None else None
        return Head(
            scope,
            whole=self.ended,
            keep_alive=self._keep_alive and self._version == "1.1",
            expects_continue=framing.get(b"expect", b"").lower() == b"100-continue",
        )

    def _is_allowed(self, hosts: int, encoding: bytes | None) -> bool:
        """Whether the head is one that HTTP allows: what a proxy before us might read in another way is none (RFC 9112)."""
        if self._version not in _VERSIONS or hosts > 1 or (hosts == 0 and self._version == "1.1"):
            return False
        return encoding is None or (encoding.lower() == b"chunked" and self._version == "1.1")

    def _target(self) -> dict[str, Any]:
        try:
            target = httptools.parse_url(self._url)
        except httptools.HttpParserError:
            raise Malformed from None
        raw = target.path or b""
        if not raw.startswith(b"/") or not raw.isascii():
            raise Malformed
        path = raw.decode("ascii")
        shown = unquote(path) if "%" in path else path
        return {"path": shown, "raw_path": raw, "query_string": target.query or b""}
