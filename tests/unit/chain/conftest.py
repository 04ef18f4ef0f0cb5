"""The node's client and a recorded Core for it to talk to."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.chain import node
from tests.unit.chain import replay


@pytest.fixture
def sleeps() -> replay.RecordedSleeps:
    return replay.RecordedSleeps()


@pytest.fixture
async def core() -> AsyncIterator[replay.Replay]:
    recorded = replay.Replay()
    server = await asyncio.start_server(recorded, "127.0.0.1", 0)
    recorded.port = server.sockets[0].getsockname()[1]
    yield recorded
    server.close()


@pytest.fixture
async def client(core: replay.Replay, sleeps: replay.RecordedSleeps) -> AsyncIterator[node.Node]:
    async with node.Node(
        f"http://user:pass%20word@127.0.0.1:{core.port}", timeout_seconds=1, sleep=sleeps
    ) as client:
        yield client
