"""A small application behind the real server on a real socket, and a client that sends bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from app.api import origins
from app.api.application import build as build_application
from app.api.layers import Face
from app.api.serving import serving
from app.runtime.http.limits import Limits

ADDRESS = "127.0.0.1"
HOST = b"Host: localhost\r\n"
BODY = b'{"amount":"1"}'
PAY = b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"POST /pay HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"GET /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


class Shop:
    """Records what the application did; a gate delays its answers."""

    def __init__(self) -> None:
        self.paid: list[bytes] = []
        self.health_requests = self.waiting = self.most_waiting = 0
        self.began = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def waits_for(self, count: int) -> None:
        """Return when so many callers wait at the gate."""
        async with asyncio.timeout(20):
            while self.waiting < count:
                self.began.clear()
                await self.began.wait()

    def application(self) -> FastAPI:
        router = APIRouter()

        @router.post("/pay")
        async def pay(request: Request) -> Response:
            self.waiting += 1
            self.began.set()
            self.most_waiting = max(self.most_waiting, self.waiting)
            await self.gate.wait()
            self.waiting -= 1
            self.paid.append(request.scope.get("kennel.content", b""))
            return Response(f"paid {len(self.paid)}")

        @router.get("/health")
        async def health() -> Response:
            self.health_requests += 1
            return Response("well")

        @router.get("/drops")
        async def drops() -> Response:
            async def parts() -> AsyncIterator[bytes]:
                yield b"one"
                yield b"two"

            return StreamingResponse(parts())

        face = Face(callers=origins.Callers())
        return build_application("Shop", [router], lambda: "id", face)


@asynccontextmanager
async def listening(shop: Shop | ASGIApp, **limits: Any) -> AsyncIterator[int]:
    application = shop.application() if isinstance(shop, Shop) else shop
    async with serving(application, ADDRESS, 0, Limits(**limits)) as port:
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def speak(port: int, *parts: bytes, half_closed: bool = False) -> bytes:
    """Send the parts; return what is answered until the server closes."""
    async with connected(port) as (reader, writer), asyncio.timeout(20):
        for part in parts:
            writer.write(part)
            await writer.drain()
        if half_closed:
            writer.write_eof()
        return await reader.read()


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
