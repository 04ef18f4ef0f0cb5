"""HTTP/1.1 requests parsed from bytes: httptools, and the checks that it leaves to us."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import httptools

from app.runtime.http.chunks import Chunks, Malformed

FRAMING_BYTES: Final = 64 * 1024
FRAMING_FACTOR: Final = 16
"""On the wire a body may take FRAMING_BYTES, and FRAMING_FACTOR a byte of its own: chunks of one take six."""
_REQUEST_LINE: Final = re.compile(rb"[A-Z-]+ [^ ]+ HTTP/1\.[01]\r\n")
"""The parser alone would accept more blanks, and the protocols RTSP and ICE."""
_ABSOLUTE: Final = re.compile(rb"(?i)https?://([^/?@]+)(?=/)")
"""The beginning of a target in absolute form, as clients send it to a proxy."""
_UPGRADE: Final = re.compile(rb"(?i)\nupgrade(?=:)")
"""An offer that we ignore (RFC 9110, 7.8); the parser would take what follows for another protocol."""
_NOT_TAKEN: Final = b"upgrade-not-taken"
"""The parser sees the offer under this name, and checks its value; the application does not see it."""
_WHITE: Final = b" \t"
_FRAMING: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
"""The headers that say for which host a request is and how it is framed: each may stand once."""

Headers = list[tuple[bytes, bytes]]
Address = tuple[str, int]


class TooManyHeaders(Exception):
    """The head has more header fields than are allowed."""


class Head(NamedTuple):
    """A request before its body, as ASGI describes it; `whole` says that no body follows."""

    scope: dict[str, Any]
    whole: bool
    keep_alive: bool
    expects_continue: bool


class RequestParser:
    """Parses one request after another, and calls `on_body` with the bodies' bytes as they come.

    A head is parsed at once. A body is parsed up to its end, and `ended` says that the end was reached.
    """

    def __init__(self, on_body: Callable[[bytes], None], most_headers: int) -> None:
        self.ended = False
        self._deliver = on_body
        self._most_headers = most_headers
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def head(self, data: bytes, client: Address, server: Address) -> Head:
        """Parse a whole head with the empty line at its end; raises Malformed or TooManyHeaders."""
        self._begin()
        if not _REQUEST_LINE.match(data):
            raise Malformed
        self._feed(_UPGRADE.sub(b"\n" + _NOT_TAKEN, data) if b"upgrade" in data.lower() else data)
        if not self._head_ended:
            raise Malformed
        if len(self._headers) > self._most_headers:
            raise TooManyHeaders
        return self._described(client, server)

    def body(self, data: bytes, at: int) -> int:
        """Parse a part of the body from `at` on; returns where it ends. Raises Malformed."""
        end = self._chunks.end_of_part(data, at) if self._remaining is None else at + self._remaining
        part = data[at:end]
        self._wire_bytes += len(part)
        if self._remaining is not None:
            self._remaining -= len(part)
        self._feed(part)
        if self._wire_bytes > FRAMING_BYTES + FRAMING_FACTOR * self._body_bytes:
            raise Malformed
        return at + len(part)

    def _begin(self) -> None:
        self._chunks = Chunks()
        self._remaining: int | None = 0  # bytes of the body to come; None: it is chunked
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
        """Add a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, and ignore trailers."""
        if not self._head_ended and (lower := name.lower()) != _NOT_TAKEN:
            self._headers.append((lower, value))

    def on_headers_complete(self) -> None:
        """Read what the parser loses at the end of the request."""
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
        framing: dict[bytes, bytes] = {}
        for name, value in self._headers:
            if name in _FRAMING:
                if name in framing:
                    raise Malformed
                framing[name] = value.strip(_WHITE)
        host, encoding = framing.get(b"host"), framing.get(b"transfer-encoding")
        if not self._is_allowed(host, encoding):
            raise Malformed
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._version,
            "method": self._method,
            "scheme": "http",
            **self._target(host),
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
            expects_continue=framing.get(b"expect", b"").lower() == b"100-continue"
            and self._version == "1.1",
        )

    def _is_allowed(self, host: bytes | None, encoding: bytes | None) -> bool:
        """Whether HTTP allows the head: a proxy before us might read any other in its own way (RFC 9112)."""
        if host is None and self._version == "1.1":
            return False
        return encoding is None or (encoding.lower() == b"chunked" and self._version == "1.1")

    def _target(self, host: bytes | None) -> dict[str, Any]:
        """Read the target. Its host, where it names one, must be that of Host: a proxy might go by either."""
        url = self._url
        if absolute := _ABSOLUTE.match(url):
            url = url[absolute.end() :]
            if host is not None and absolute[1].lower() != host.lower():
                raise Malformed
        if not url.startswith(b"/") or b"#" in url:
            raise Malformed
        try:
            target = httptools.parse_url(url)
        except httptools.HttpParserError:
            raise Malformed from None
        raw = target.path or b""
        if not raw.isascii():
            raise Malformed
        path = raw.decode("ascii")
        shown = unquote(path) if "%" in path else path
        return {"path": shown, "raw_path": raw, "query_string": target.query or b""}
