"""An application that records its requests byte by byte, and answers in all possible ways."""

from typing import Any

from starlette.types import Receive, Scope, Send

RecordedRequest = tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]
LENGTH = (b"content-length", b"4")


class Recorder:
    """Records method, path, query, headers and body of every request that came whole."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the path says."""
        path = scope["raw_path"]
        body = b"(not read)" if path == b"/unread" else await _whole_body(receive)
        if body is None:
            return
        self.requests.append((scope["method"], path, scope["query_string"], scope["headers"], body))
        status = {b"/204": 204, b"/304": 304}.get(path, 200)
        headers = [] if path == b"/parts" else [LENGTH]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if path == b"/breaks":
            raise ValueError("in the middle of the answer")
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd"})


async def _whole_body(receive: Receive) -> bytes | None:
    body, more = b"", True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            return None
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
