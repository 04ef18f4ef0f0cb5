"""A receiver of webhooks on a real socket."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class Request:
    """What the receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


Behaviour = Callable[[Request, asyncio.StreamWriter], Any]


def status(code: int, header: str = "") -> Behaviour:
    """Answer with this status, a Location that nobody should follow, and perhaps another header."""
    line = f"{header}\r\n".encode() if header else b""

    def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 %d X\r\nLocation: /elsewhere\r\n%bContent-Length: 4\r\n\r\nwow!" % (code, line)
        )

    return behave


def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def cut_off(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 400\r\n\r\npart")
    writer.close()


@dataclass(slots=True)
class Receiver:
    """An HTTP server that answers 200. A path may behave otherwise, once for each behaviour, or always."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    behaviours: dict[str, list[Behaviour]] = field(default_factory=dict)
    always: dict[str, Behaviour] = field(default_factory=dict)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def of(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.is_closing():
                await self._answer(await _read(reader), writer)
        writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        once = self.behaviours.get(request.path)
        behave = once.pop(0) if once else self.always.get(request.path)
        if behave is None:
            writer.write(OK)
            return
        answer = behave(request, writer)
        if asyncio.iscoroutine(answer):
            await answer


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(first.split(" ")[1], headers, body)
