import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.events import address_filter
from app.events.http_post import Poster
from tests.unit.events.mqtt_brokers import TestBroker
from tests.unit.events.receiver import Receiver
from tests.unit.events.steps import free_port


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        serving.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    """Posts anywhere, also to this machine."""
    with ThreadPoolExecutor(4) as threads:
        poster = Poster(
            address_filter.resolver(threads), guard=address_filter.Guard(address_filter.EVERYWHERE)
        )
        yield poster
        poster.close()


@pytest.fixture
async def mqtt_broker(tmp_path: Path) -> AsyncIterator[TestBroker]:
    broker = TestBroker(tmp_path, free_port(), free_port())
    yield broker
    await broker.stop()
