"""Faults around money: a full disk, a node that answers nonsense or nothing, and one that pruned blocks."""

import asyncio
import errno
import json
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import header
from app.chain.block_reader import Pruned
from app.chain.follower import Follower
from app.chain.node import ChainState, Node
from app.chain.rpc import NodeError
from app.chain.seed_file import SeedFile, SeedFileNotWritten
from app.chain.seed_record import Cost
from app.chain.sent_marker import NotReadable, NotRemembered, SentMarker
from app.domain.dogecoin import REGTEST
from app.runtime.lease import Lease
from app.workers.roles import CHAIN_TROUBLE, DATABASE_TROUBLE
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge
from tests.unit.chain import replay

FULL = os.strerror(errno.EFBIG)
"""What a file says that may not grow; a full disk says the same in other words."""


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond its first byte."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard_limit))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard_limit, hard_limit))
        signal.signal(signal.SIGXFSZ, handler)


def files(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def test_what_cannot_be_remembered_is_not_sent_and_goes_out_when_there_is_room(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    await harness.send()
    before = files(harness.home)
    first = await harness.pay(chain_harness.NOWHERE, 10)
    assert await harness.sender.step()
    second = await harness.pay(chain_harness.NOWHERE, 20)

    with full_disk():
        for _ in range(3):
            with pytest.raises(
                NotRemembered, match=r"nothing is sent, because .*sent.json cannot be written"
            ) as raised:
                await harness.sender.step()

    assert FULL in str(raised.value)
    assert isinstance(raised.value, CHAIN_TROUBLE)
    assert await harness.states(first, second) == ["PROCESSING", "PENDING"]
    assert await harness.mempool() == []
    assert files(harness.home) == before
    await harness.send()
    assert await harness.states(first, second) == ["BROADCAST", "BROADCAST"]
    assert SentMarker(harness.home / "sent.json").highest == 2


def test_a_seed_file_that_cannot_be_written_says_so_and_stays_as_it_was(tmp_path: Path) -> None:
    file = SeedFile(tmp_path / "seed.json", REGTEST, Cost(1 << 14, 1))
    with full_disk(), pytest.raises(SeedFileNotWritten, match=FULL) as raised:
        file.create("")
    assert isinstance(raised.value, DATABASE_TROUBLE)
    assert not file.path.exists()
    file.create("")
    before = file.path.read_bytes()

    with full_disk(), pytest.raises(SeedFileNotWritten, match=r"The seed file .* cannot be written"):
        file.raise_highest(7)

    assert file.path.read_bytes() == before
    file.raise_highest(7)
    assert file.read().highest_account == 7


class LyingProxy:
    """A proxy of a node that may lie: with a whole answer, or with the result of each call of `about`."""

    def __init__(self, url: str) -> None:
        self.node = httpx.AsyncClient(base_url=url, trust_env=False)
        self.answer: replay.Fault | None = None
        self.about = ""
        self.result: object = None
        self.connections: set[asyncio.Task[None]] = set()

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self.serve(reader, writer))
        self.connections.add(connection)
        await asyncio.wait([connection])

    async def close(self) -> None:
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        await self.node.aclose()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                await self.say(writer, await reader.readexactly(int(headers[b"content-length"])))

    async def say(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        if self.answer is not None:
            await self.answer(writer, body)
            return
        truth = await self.node.post("/", content=body)
        request, reply = json.loads(body), truth.json()
        for call, answer in (
            zip(request, reply, strict=True) if isinstance(request, list) else [(request, reply)]
        ):
            if call["method"] == self.about:
                answer.update(result=self.result, error=None)
        await replay.say(
            writer, truth.status_code, json.dumps(reply).encode() if self.about else truth.content
        )


@pytest.fixture
async def lying_proxy(harness: ChainHarness) -> AsyncIterator[tuple[LyingProxy, Node]]:
    """The proxy before the harness's node, and a client of the proxy."""
    proxy = LyingProxy(harness.url)
    server = await asyncio.start_server(proxy.listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Node(
        f"http://kennel:kennel@127.0.0.1:{port}", timeout_seconds=0.2, sleep=replay.RecordedSleeps()
    ) as node:
        yield proxy, node
    server.close()
    await proxy.close()


ANSWERS: Sequence[replay.Fault] = (
    replay.saying(200, b""),
    replay.saying(200, b"<html>It works!</html>"),
    replay.saying(500, b"\xff\xfe\x00"),
    replay.saying(200, b'{"result":{"blocks":1'),
    replay.saying(200, b'{"result":null,"error":null,"id":"another"}'),
    replay.saying(200, b"[]"),
    replay.saying(200, b"[" * 100_000),
    replay.saying(503, b"the node is elsewhere"),
    replay.reset,
    replay.hang,
    replay.drip,
)
RESULTS: Sequence[object] = (
    None,
    True,
    -1,
    10**30,
    "woof",
    "0" * 65,
    [],
    ["woof"],
    {},
    {"blocks": "x"},
    {"blocks": -1},
)


async def test_by_nonsense_of_the_node_nothing_is_credited_or_sent_and_then_all_goes_on(
    harness: ChainHarness, lying_proxy: tuple[LyingProxy, Node]
) -> None:
    proxy, node = lying_proxy
    [address] = await harness.fund("shop", 100)
    payment = await harness.pay(chain_harness.NOWHERE, 10)
    await harness.sender.step()
    await harness.call("sendtoaddress", address, "5")
    await harness.call("generatetoaddress", 3, chain_harness.NOWHERE)
    before = await harness.balance()

    async def step(*, follows: bool = True, sends: bool = True) -> None:
        """Step a new follower and a new sender once."""
        lease = Lease(harness.engine, "follow", "one")
        follower = Follower(harness.engine, node, chain_harness.RULES, lease, harness.committed)
        for moves, mover in ((follows, follower), (sends, harness.make_sender(node=node))):
            with suppress(*CHAIN_TROUBLE):
                assert moves is False or await mover.step() is not None

    for proxy.answer in ANSWERS:
        await step()
    proxy.answer = None
    for proxy.about in ("getblockhash", "getblockchaininfo", "getblock", "sendrawtransaction"):
        for proxy.result in RESULTS:
            await step(follows=proxy.about != "sendrawtransaction", sends=proxy.about == "sendrawtransaction")
    assert (await harness.balance(), await harness.states(payment)) == (before, ["PROCESSING"])
    proxy.about = ""
    for _ in range(3):
        await step()

    assert (await harness.states(payment), (await harness.balance()).available) == (
        ["BROADCAST"],
        before.available + doge(5),
    )


async def test_a_node_that_has_deleted_blocks_says_which_and_is_waited_for(harness: ChainHarness) -> None:
    [address] = await harness.fund("shop", 100)
    await harness.call("sendtoaddress", address, "5")
    mined = await harness.call("generatetoaddress", 5, chain_harness.NOWHERE)
    lowest = (await harness.call("getblock", mined[2]))["height"]

    class PrunedNode(Node):
        """Answers as Core does about blocks that it has pruned."""

        async def chain_state(self) -> ChainState:
            return replace(await super().chain_state(), pruned=True, prune_height=lowest)

        async def blocks(self, hashes: Sequence[bytes]) -> list[bytes]:
            if any(header.display(block_hash) in mined[:2] for block_hash in hashes):
                raise NodeError(-1, "Block not available (pruned data)")
            return await super().blocks(hashes)

    async with PrunedNode(harness.node.address.replace("//", "//kennel:kennel@")) as node:
        follower = Follower(
            harness.engine,
            node,
            chain_harness.RULES,
            Lease(harness.engine, "follow", "one"),
            harness.committed,
        )
        with pytest.raises(
            Pruned, match=f"has blocks from {lowest} on only: {lowest - 2} needs a node with all"
        ) as raised:
            await follower.step()

    assert isinstance(raised.value, CHAIN_TROUBLE)
    await harness.follow()
    assert (await harness.balance()).available == doge(105)


@pytest.mark.parametrize("text", ["", "{", "7", '{"highest_transaction": null}', "{}"])
def test_a_mark_that_somebody_has_spoilt_is_named_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "sent.json").write_text(text)

    with pytest.raises(NotReadable, match=r"sent\.json is not what Kennel has written"):
        SentMarker(tmp_path / "sent.json")
