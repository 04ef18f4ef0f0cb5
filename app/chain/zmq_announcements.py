"""The node's ZMQ messages. They only wake a loop, which then queries the node over JSON-RPC."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zmq.asyncio

HASH_BYTES = 32
QUEUED_MESSAGES = 1_000
MAX_MESSAGE_BYTES = 1_000_000  # a transaction of a block; a larger message ends the connection
RECONNECT_MILLISECONDS = 100
RECONNECT_MOST_MILLISECONDS = 5_000
KEEP_ALIVE_SECONDS = 60
PAUSE_SECONDS = 5.0

_log = logging.getLogger(__name__)


async def listen(
    address: str,
    wakes: Mapping[str, Callable[[bytes], object]],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Call `wakes[topic]` for each announcement, until cancelled.

    hashblock and hashtx bring the hash, in internal order; rawtx brings the transaction.

    libzmq connects again by itself. A publisher that is silent, dead or wrong only wakes nobody.
    """
    import zmq

    while True:
        try:
            await _receive(address, wakes)
        except zmq.ZMQError as error:
            _log.warning("no announcements from %s: %s", address, error)
            await sleep(PAUSE_SECONDS)


async def _receive(address: str, wakes: Mapping[str, Callable[[bytes], object]]) -> None:
    import zmq.asyncio

    context = zmq.asyncio.Context()
    try:
        with _subscriber(context, wakes) as subscriber:
            subscriber.connect(address)
            while True:
                _wake(await subscriber.recv_multipart(), wakes)
    finally:
        context.destroy(linger=0)


def _subscriber(context: "zmq.asyncio.Context", topics: Mapping[str, object]) -> "zmq.asyncio.Socket":
    import zmq

    subscriber = context.socket(zmq.SUB)
    for option, value in {
        zmq.LINGER: 0,
        zmq.RCVHWM: QUEUED_MESSAGES,
        zmq.MAXMSGSIZE: MAX_MESSAGE_BYTES,
        zmq.RECONNECT_IVL: RECONNECT_MILLISECONDS,
        zmq.RECONNECT_IVL_MAX: RECONNECT_MOST_MILLISECONDS,
        zmq.TCP_KEEPALIVE: 1,
        zmq.TCP_KEEPALIVE_IDLE: KEEP_ALIVE_SECONDS,
    }.items():
        subscriber.setsockopt(option, value)
    for topic in topics:
        subscriber.subscribe(topic)
    return subscriber


def _wake(frames: list[bytes], wakes: Mapping[str, Callable[[bytes], object]]) -> None:
    """Core sends topic, hash in display order or bytes, and a counter. ZMQ matches a topic by its beginning."""
    topic = frames[0].decode(errors="replace")
    wake = wakes.get(topic)
    if wake is None or len(frames) != 3:
        return
    if topic.startswith("raw"):
        wake(frames[1])
    elif len(frames[1]) == HASH_BYTES:
        wake(frames[1][::-1])
