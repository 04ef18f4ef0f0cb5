"""A devnet on real sockets, and a client for it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.devnet import devnet

Call = Callable[..., Awaitable[Any]]


class Failed(Exception):
    """The node answered with an error."""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[devnet.Devnet]:
    async with devnet.running(tmp_path, devnet.Options("127.0.0.1:0", "127.0.0.1:0")) as started:
        yield started


@pytest.fixture
async def ask(running: devnet.Devnet) -> AsyncIterator[Call]:
    """Send one call; answers with the HTTP status and the parsed body."""
    async with httpx.AsyncClient(auth=("kennel", "kennel"), timeout=60) as client:

        async def send(method: str, *params: object) -> tuple[int, Any]:
            request = {"id": 7, "method": method, "params": params}
            response = await client.post(running.rpc_url, content=json.dumps(request))
            return response.status_code, json.loads(response.text, parse_float=Decimal)

        yield send


@pytest.fixture
def call(ask: Call) -> Call:
    """Send one call that must succeed; answers with its result."""

    async def send(method: str, *params: object) -> Any:
        _, body = await ask(method, *params)
        if body["error"] is not None:
            raise Failed(body["error"])
        return body["result"]

    return send


@pytest.fixture
def refusal(ask: Call) -> Call:
    """Send one call that must fail; answers with its code and message."""

    async def send(method: str, *params: object) -> tuple[int, str]:
        status, body = await ask(method, *params)
        assert (status, body["result"]) == (500, None), body
        return body["error"]["code"], body["error"]["message"]

    return send
