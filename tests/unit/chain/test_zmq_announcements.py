"""Announcements from a real ZMQ publisher wake us; whatever else it does harms nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import zmq
import zmq.asyncio

from app.chain import zmq_announcements

HASH = bytes(range(32))


class Publisher:
    """Publishes as Core does, after a restart on the same port."""

    def __init__(self) -> None:
        self.context = zmq.asyncio.Context()
        self.address = "tcp://127.0.0.1:*"

    async def start(self) -> None:
        """libzmq lets go of the port some time after the last socket on it was closed."""
        self.socket = self.context.socket(zmq.PUB)
        self.socket.linger = 0
        async with asyncio.timeout(10):
            while not self.bound():  # noqa: ASYNC110  no event tells of a free port
                await asyncio.sleep(0.01)
        self.address = self.socket.get_string(zmq.LAST_ENDPOINT)

    def bound(self) -> bool:
        try:
            self.socket.bind(self.address)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
            return False
        return True

    def stop(self) -> None:
        self.socket.close()

    async def say_until(self, woken: asyncio.Event, *frames: bytes) -> None:
        """Repeat the message, because a late subscriber misses the first ones."""
        async with asyncio.timeout(10):
            while not woken.is_set():
                await self.socket.send_multipart(frames)
                await asyncio.sleep(0.01)


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    started = Publisher()
    await started.start()
    yield started
    started.context.destroy(linger=0)


class TopicListener:
    """Hears one topic."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.hashes: list[bytes] = []

    def __call__(self, hash_: bytes) -> None:
        self.hashes.append(hash_)
        self.woken.set()


@asynccontextmanager
async def listening(address: str, **listeners: TopicListener) -> AsyncIterator[None]:
    task = asyncio.create_task(zmq_announcements.listen(address, listeners))
    yield
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_block_wakes_with_its_hash_in_internal_order(publisher: Publisher) -> None:
    listener = TopicListener()

    async with listening(publisher.address, hashblock=listener):
        await publisher.say_until(listener.woken, b"hashblock", HASH[::-1], bytes(4))

    assert set(listener.hashes) == {HASH}


async def test_each_topic_wakes_its_own_listener(publisher: Publisher) -> None:
    blocks, transactions = TopicListener(), TopicListener()

    async with listening(publisher.address, hashblock=blocks, hashtx=transactions):
        await publisher.say_until(transactions.woken, b"hashtx", HASH, bytes(4))

    assert not blocks.hashes


async def test_a_whole_transaction_wakes_as_its_hash_does(publisher: Publisher) -> None:
    listener = TopicListener()

    async with listening(publisher.address, rawtx=listener):
        await publisher.say_until(listener.woken, b"rawtx", bytes(2_000), bytes(4))

    assert set(listener.hashes) == {bytes(2_000)}


async def test_what_is_no_announcement_wakes_nobody(publisher: Publisher) -> None:
    listener, last = TopicListener(), TopicListener()

    async with listening(publisher.address, hashblock=listener, hashtx=last):
        for frames in (
            [b"hashblock"],
            [b"hashblock", b"x", bytes(4)],
            [b"hashblock2", HASH, bytes(4)],
            [b"hash\xff"],
        ):
            await publisher.socket.send_multipart(frames)
            last.woken.clear()
            await publisher.say_until(last.woken, b"hashtx", HASH, bytes(4))
            await publisher.socket.send_multipart(frames)
        last.woken.clear()
        await publisher.say_until(last.woken, b"hashtx", HASH, bytes(4))

    assert not listener.hashes


async def test_a_publisher_that_was_away_is_heard_again(publisher: Publisher) -> None:
    listener = TopicListener()

    async with listening(publisher.address, hashblock=listener):
        await publisher.say_until(listener.woken, b"hashblock", HASH, bytes(4))
        publisher.stop()
        listener.woken.clear()
        await publisher.start()
        await publisher.say_until(listener.woken, b"hashblock", HASH, bytes(4))

    assert set(listener.hashes) == {HASH[::-1]}


async def test_an_address_that_cannot_be_is_tried_again_in_peace() -> None:
    paused = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        paused.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(zmq_announcements.listen("tcp://nowhere", {}, sleep=sleep))
    async with asyncio.timeout(5):
        await paused.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
