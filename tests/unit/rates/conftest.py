"""A source of rates on a real socket, and a client that may ask it."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.events import address_filter
from app.events.http_post import Poster
from app.rates import rounds
from tests.unit.events.conftest import receiver

__all__ = ["receiver"]


@pytest.fixture
async def client() -> AsyncIterator[Poster]:
    """Asks anywhere, also on this machine."""
    guard = address_filter.Guard(address_filter.EVERYWHERE)
    with ThreadPoolExecutor(2) as threads:
        client = Poster(address_filter.resolver(threads), guard=guard, answer_bytes=rounds.ANSWER_BYTES)
        yield client
        client.close()
