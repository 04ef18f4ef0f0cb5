"""What a connection refuses by itself, before there is a request for the application."""

from collections.abc import Callable
from typing import Literal

from app.runtime.http.exchange import STATUS_LINES
from app.runtime.http.requests import Headers

Refusal = Literal["bad-request", "headers-too-large", "timeout", "not-available"]
Refuse = Callable[[Refusal, str], tuple[int, Headers, bytes]]
"""Renders a refusal of a kind with its message: its status, headers and body."""


def as_answer(refusal: tuple[int, Headers, bytes], date: bytes) -> bytes:
    """Return the bytes of the last answer on a connection."""
    status, headers, body = refusal
    headers = [(b"date", date), *headers, (b"connection", b"close")]
    return STATUS_LINES[status] + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body
