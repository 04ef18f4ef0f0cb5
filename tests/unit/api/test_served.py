"""The same application behind the real server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.serving import serving

ADDRESS = "127.0.0.1"


@pytest.fixture
async def port(plain: FastAPI) -> AsyncIterator[int]:
    async with serving(plain, ADDRESS, 0) as port:
        yield port


async def speak(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_ten_megabytes_is_answered_413(port: int, *, chunked: bool) -> None:
    async def chunks() -> Any:
        for _ in range(10):
            yield b" " * 1024 * 1024

    async with httpx.AsyncClient(base_url=f"http://{ADDRESS}:{port}") as client:
        answer = await client.post("/order", content=chunks() if chunked else b" " * 10 * 1024 * 1024)

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too-large"
    assert answer.headers["connection"] == "close"


async def test_head_sends_the_length_and_nothing_more(port: int) -> None:
    answer = await speak(port, b"HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: " in head.lower()
    assert body == b""


async def test_a_key_with_a_blank_at_its_end_is_the_same_key(port: int) -> None:
    async def claim(key: bytes) -> bytes:
        head = (
            b"POST /keyed/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: 38\r\nIdempotency-Key:"
        )
        answer = await speak(port, head + key + b"\r\n\r\n" + b'{"items":[{"value":"1","quantity":1}]}')
        return answer.split(b"\r\n\r\n", 1)[1]

    assert (await claim(b" wd-901")).startswith(b"admin wd-901 ")
    assert {await claim(key) for key in (b"wd-901", b" wd-901 ", b"\twd-901\t")} == {await claim(b" wd-901")}


@pytest.mark.parametrize("path", [b"/account/%ff", b"/account/%00", b"/account/a%0ab", b"/account/%ed%a0%80"])
async def test_a_path_that_is_no_text_is_400(port: int, path: bytes) -> None:
    answer = await speak(port, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"field":"foreign_id"' in answer


async def test_a_slash_in_a_foreign_id_is_no_account(port: int) -> None:
    answer = await speak(port, b"GET /account/a%2Fb HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404")
    assert b'"code":"not-found"' in answer
