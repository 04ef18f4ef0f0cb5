"""Starting, stopping and announcing on real sockets."""

import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import zmq
import zmq.asyncio

from app.chain import header, wire
from devnet import devnet
from devnet.storage import InUse

Call = Callable[..., Awaitable[Any]]
ANYWHERE = devnet.Options("127.0.0.1:0", "127.0.0.1:0")


async def test_whole_blocks_and_transactions_are_announced_after_their_hashes(
    running: devnet.Devnet, call: Call
) -> None:
    context = zmq.asyncio.Context()
    with context.socket(zmq.SUB) as listening:
        listening.setsockopt(zmq.SUBSCRIBE, b"")
        with listening.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
            listening.connect(running.zmq_endpoint)
            await monitor.recv_multipart()
            listening.disable_monitor()

        hashes = await call("generate", 2)
        messages = [await listening.recv_multipart() for _ in range(8)]
    context.term()

    assert [topic.decode() for topic, _, _ in messages] == ["hashtx", "rawtx", "hashblock", "rawblock"] * 2
    assert [struct.unpack("<I", counter)[0] for _, _, counter in messages] == [1, 1, 0, 0, 2, 2, 1, 1]
    blocks = [wire.parse_block(body) for topic, body, _ in messages if topic == b"rawblock"]
    assert [header.display(block.header.hash) for block in blocks] == hashes
    assert [body.hex() for topic, body, _ in messages if topic == b"hashblock"] == hashes
    assert [body for topic, body, _ in messages if topic == b"rawtx"] == [
        block.transactions[0].raw for block in blocks
    ]


async def test_an_address_or_directory_that_is_taken_stops_the_start_and_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        for options, error in (
            (devnet.Options(bind, None), OSError),
            (devnet.Options("127.0.0.1:0", bind), zmq.ZMQError),
        ):
            with pytest.raises(error):
                async with devnet.running(tmp_path, options):
                    pass

    async with devnet.running(tmp_path, ANYWHERE):
        with pytest.raises(InUse):
            async with devnet.running(tmp_path, ANYWHERE):
                pass
    async with devnet.running(tmp_path, devnet.Options("127.0.0.1:0", None)) as again:
        assert again.zmq_endpoint == ""


async def test_the_faucet_has_coins_before_the_first_call_when_blocks_come_by_the_clock(
    tmp_path: Path,
) -> None:
    options = devnet.Options("127.0.0.1:0", None, block_seconds=3600)
    async with devnet.running(tmp_path, options, clock=lambda: 1_900_000_000, random_bytes=bytes) as running:
        async with httpx.AsyncClient(auth=("kennel", "kennel")) as client:
            response = await client.post(running.rpc_url, content='{"method": "getbalance"}')

        assert response.text == '{"result":20000000.00000000,"error":null,"id":null}\n'


async def test_stop_ends_the_program(tmp_path: Path) -> None:
    async with (
        devnet.running(tmp_path, ANYWHERE) as running,
        httpx.AsyncClient(auth=("kennel", "kennel")) as client,
    ):
        response = await client.post(running.rpc_url, content='{"method": "stop"}')
        await running.stopping.wait()

    assert response.status_code == 200


def test_the_password_is_not_in_a_repr() -> None:
    assert "secret" not in repr(devnet.Options(password="secret"))
