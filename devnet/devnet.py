"""A devnet that runs: the node in a thread of its own, its RPC and ZMQ sockets, and the timer that mines."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from devnet import http, rpc
from devnet.node import Clock, Node
from devnet.notices import Notices
from devnet.storage import Storage
from devnet.terms import AS_USUAL, Terms

FIRST_BLOCKS: Final = (
    100  # 61 would give the faucet one coin; this gives it 40, enough for many payments in one block
)
FILE: Final = "devnet.sqlite"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Options:
    """How a devnet runs. Binds are "host:port", port 0 takes a free one; `zmq_bind` None: no announcements.

    `terms` are Core's own options.
    With `block_seconds` above 0 a block is mined to the faucet that often, and on the first start the faucet gets mature coins.
    """

    rpc_bind: str = "127.0.0.1:18332"
    zmq_bind: str | None = "127.0.0.1:28332"
    user: str = "kennel"
    password: str = "kennel"  # noqa: S105  the documented default of a network without worth, on loopback
    block_seconds: float = 0
    terms: Terms = AS_USUAL

    def __repr__(self) -> str:
        return f"Options(rpc_bind={self.rpc_bind!r}, zmq_bind={self.zmq_bind!r}, block_seconds={self.block_seconds!r})"


class Devnet:
    """A running devnet, made by `running`. `rpc_url` and `zmq_endpoint` say where it listens.

    While it is `leaving`, as on its way to its end, whoever asks is turned away.
    """

    def __init__(
        self, home: Path, options: Options, clock: Callable[[], int], chance: Callable[[int], bytes]
    ) -> None:
        """Open storage and sockets; raises `OSError` or `zmq.ZMQError` where an address is taken, `InUse` where `home` is."""
        home.mkdir(parents=True, exist_ok=True)
        self._options = options
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="devnet")
        with ExitStack() as opened:
            self._listening = opened.enter_context(_listen(options.rpc_bind))
            self._notices = Notices(options.zmq_bind)
            opened.callback(self._notices.close)
            storage = Storage(home / FILE)
            opened.callback(storage.close)
            self.node = Node(storage, self._notices, Clock(clock), chance, options.terms)
            self._opened = opened.pop_all()
        self.leaving = False
        self.stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.node.stop = self._stop_soon
        self._server = http.server(
            http.Application(self._answer, options.user, options.password, lambda: self.leaving)
        )

    @property
    def rpc_url(self) -> str:
        """Where the RPC is, without user and password."""
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def zmq_endpoint(self) -> str:
        """Where the announcements are, empty if there are none."""
        return self._notices.endpoint

    async def do(self, verb: Callable[[], _Result]) -> _Result:
        """Run something on the node, after all that was asked before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, verb)

    async def prepare(self) -> None:
        """Give the faucet mature coins, if blocks come by the clock and it has none yet."""
        while (
            self._options.block_seconds > 0
            and not self.node.reads
            and await self.do(lambda: self.node.chain.height) < FIRST_BLOCKS
        ):
            await self.mine()

    async def mine(self) -> None:
        """Mine one block to the faucet."""
        await self.do(lambda: self.node.generate(self.node.wallet.faucet_script()))

    async def serve(self) -> None:
        """Serve the RPC and mine by the clock until cancelled or told to stop."""
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._server.serve(sockets=[self._listening]))
            timing = tasks.create_task(self._mine_by_the_clock())
            stopping = tasks.create_task(self.stopping.wait())
            try:
                await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._server.should_exit = True
                self.stopping.set()
                timing.cancel()

    def close(self) -> None:
        """Close sockets and storage."""
        self._thread.shutdown(wait=True)
        self._opened.close()

    def _stop_soon(self) -> None:
        self.leaving = True
        self._loop.call_soon_threadsafe(self.stopping.set)

    async def _answer(self, body: bytes) -> tuple[int, bytes]:
        return await self.do(lambda: rpc.answer(self.node, body))

    async def _mine_by_the_clock(self) -> None:
        if self._options.block_seconds <= 0:
            return
        while True:
            await asyncio.sleep(self._options.block_seconds)
            if not self.node.reads:
                await self.mine()


@asynccontextmanager
async def running(
    home: Path,
    options: Options | None = None,
    *,
    clock: Callable[[], int] = lambda: int(time.time()),
    chance: Callable[[int], bytes] = os.urandom,
) -> AsyncIterator[Devnet]:
    """Run a devnet with its files under `home` for as long as the block lasts; it answers when the block begins.

    `clock` tells seconds since 1970; `chance(n)` gives n random bytes for the faucet's seed, made on the first start.
    """
    devnet = Devnet(home, options or Options(), clock, chance)
    try:
        await devnet.prepare()
        serving = asyncio.create_task(devnet.serve())
        try:
            yield devnet
        finally:
            devnet.stopping.set()
            await serving
    finally:
        devnet.close()


async def run(home: Path, options: Options) -> None:
    """Run a devnet until cancelled, or until the RPC's `stop`."""
    async with running(home, options) as devnet:
        await devnet.stopping.wait()


def _listen(bind: str) -> socket.socket:
    """Open the RPC's socket, so that connections queue from now on."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), int(port)))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
