"""A devnet on real sockets, and a client for it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.chain.wire import Transaction
from devnet import devnet
from devnet.node import Clock, Node
from devnet.storage import Storage

Call = Callable[..., Awaitable[Any]]


class SilentListener:
    """Ignores what a node announces."""

    def transaction(self, transaction: Transaction) -> None:
        """Ignore it."""

    def block(self, header_hash: bytes, raw: bytes) -> None:
        """Ignore it."""


class Failed(Exception):
    """The node answered with an error."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node without sockets."""
    storage = Storage(tmp_path / "devnet.sqlite")
    yield Node(storage, SilentListener(), Clock(lambda: 1_800_000_000), lambda length: bytes(range(length)))
    storage.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[devnet.Devnet]:
    """A devnet whose keys are always the same."""
    options = devnet.Options("127.0.0.1:0", "127.0.0.1:0")
    async with devnet.running(tmp_path, options, random_bytes=lambda length: bytes(range(length))) as started:
        yield started


@pytest.fixture
async def ask(running: devnet.Devnet) -> AsyncIterator[Call]:
    """Send one call; return the HTTP status and the parsed body."""
    async with httpx.AsyncClient(auth=("kennel", "kennel"), timeout=60) as client:

        async def send(method: str, *params: object) -> tuple[int, Any]:
            request = {"id": 7, "method": method, "params": params}
            response = await client.post(running.rpc_url, content=json.dumps(request))
            return response.status_code, json.loads(response.text, parse_float=Decimal)

        yield send


@pytest.fixture
def call(ask: Call) -> Call:
    """Send one call that must succeed; return its result."""

    async def send(method: str, *params: object) -> Any:
        _, body = await ask(method, *params)
        if body["error"] is not None:
            raise Failed(body["error"])
        return body["result"]

    return send
