"""A devnet of its own process, killed without warning."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import zmq
import zmq.asyncio

ROOT = Path(__file__).parents[3]


class Process:
    """A devnet that runs as a program, and a client for it."""

    def __init__(
        self, process: asyncio.subprocess.Process, client: httpx.AsyncClient, zmq_endpoint: str
    ) -> None:
        self.process = process
        self.client = client
        self.zmq_endpoint = zmq_endpoint

    async def call(self, method: str, *params: object) -> Any:
        response = await self.client.post("/", content=json.dumps({"method": method, "params": params}))
        body = json.loads(response.text, parse_float=Decimal)
        assert body["error"] is None, body
        return body["result"]

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def started(home: Path, block_seconds: str = "0") -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "devnet", str(home), "0", "0", block_seconds)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url, endpoint = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()
    async with httpx.AsyncClient(base_url=url, auth=("kennel", "kennel"), timeout=60) as client:
        yield Process(process, client, endpoint)
    if process.returncode is None:
        await Process(process, client, endpoint).kill()


async def summary(devnet: Process) -> dict[str, Any]:
    info = await devnet.call("getblockchaininfo")
    return {
        "chain": {name: info[name] for name in ("blocks", "bestblockhash", "chainwork", "size_on_disk")},
        "tips": await devnet.call("getchaintips"),
        "waiting": await devnet.call("getrawmempool"),
        "balance": await devnet.call("getbalance"),
    }


async def test_chain_mempool_and_wallet_survive_a_kill(tmp_path: Path) -> None:
    async with started(tmp_path) as devnet:
        await devnet.call("generate", 65)
        address = await devnet.call("getnewaddress")
        await devnet.call("sendtoaddress", address, "7.5")
        (mined,) = await devnet.call("generate", 1)
        await devnet.call("sendtoaddress", address, "2.25")
        await devnet.call("invalidateblock", mined)
        await devnet.call("importprivkey", "cPTrEL8ivESStkAPZnvAgf7JdZGHC6cU8xUoime5gUafspnqU6PY")
        before = await summary(devnet)
        await devnet.kill()

    async with started(tmp_path) as devnet:
        assert await summary(devnet) == before
        assert len(before["waiting"]) == 2
        assert await devnet.call("getnewaddress") != address
        assert (await devnet.call("validateaddress", "mmgZ8bdCjZQcobdF2NHU38aUmoFDQMfhoM"))["ismine"]
        await devnet.call("generate", 1)
        assert await devnet.call("getreceivedbyaddress", address) == Decimal("9.75")


async def test_a_kill_while_mining_loses_no_block_that_was_announced(tmp_path: Path) -> None:
    context = zmq.asyncio.Context()
    announced: list[str] = []
    async with started(tmp_path) as devnet:
        with context.socket(zmq.SUB) as socket:
            socket.setsockopt(zmq.SUBSCRIBE, b"hashblock")
            socket.connect(devnet.zmq_endpoint)
            mining = asyncio.create_task(devnet.call("generate", 50_000))
            while len(announced) < 100:
                announced.append((await asyncio.wait_for(socket.recv_multipart(), 20))[1].hex())
        await devnet.kill()
        await asyncio.gather(mining, return_exceptions=True)
    context.term()

    async with started(tmp_path) as devnet:
        for hash_ in announced:
            assert (await devnet.call("getblockheader", hash_))["confirmations"] > 0
        await devnet.call("generate", 1)


async def test_with_a_timer_the_faucet_can_pay_at_once_and_blocks_come_by_themselves(tmp_path: Path) -> None:
    context = zmq.asyncio.Context()
    async with started(tmp_path, "0.1") as devnet:
        with context.socket(zmq.SUB) as socket:
            socket.setsockopt(zmq.SUBSCRIBE, b"hashblock")
            socket.connect(devnet.zmq_endpoint)

            txid = await devnet.call("sendtoaddress", await devnet.call("getnewaddress"), 100)

            confirmed = 0
            while not confirmed:
                await asyncio.wait_for(socket.recv_multipart(), 20)
                confirmed = (await devnet.call("gettxout", txid, 0))["confirmations"]
        await devnet.kill()
        assert confirmed > 0
    context.term()
