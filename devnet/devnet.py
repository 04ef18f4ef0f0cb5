"""A devnet that runs: the node in its own thread, the RPC and ZMQ sockets, and the timer that mines."""

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
from devnet.node_options import DEFAULTS, NodeOptions
from devnet.storage import Storage
from devnet.zmq_publisher import ZmqPublisher

FIRST_BLOCKS: Final = 100
"""61 would give the faucet one coin. These give it 40: enough for many payments in one block."""
FILE: Final = "devnet.sqlite"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Options:
    """How a devnet runs. Binds are "host:port"; port 0 takes a free one. With no `zmq_bind` it is silent.

    `terms` are Core's own options. With `block_seconds` above 0 a block is mined to the faucet that often,
    and on the first start the faucet gets mature coins.
    """

    rpc_bind: str = "127.0.0.1:18332"
    zmq_bind: str | None = "127.0.0.1:28332"
    user: str = "kennel"
    password: str = "kennel"  # noqa: S105  the documented default of a network without worth, on loopback
    block_seconds: float = 0
    node: NodeOptions = DEFAULTS

    def __repr__(self) -> str:
        binds = f"rpc_bind={self.rpc_bind!r}, zmq_bind={self.zmq_bind!r}"
        return f"Options({binds}, block_seconds={self.block_seconds!r})"


class Devnet:
    """A running devnet, made by `running`. `rpc_url` and `zmq_endpoint` say where it listens.

    While it is `shutting_down`, it turns all callers away.
    """

    def __init__(
        self, home: Path, options: Options, clock: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        """Open storage and sockets.

        Raises `OSError` or `zmq.ZMQError` if an address is taken, and `InUse` if `home` is.
        """
        home.mkdir(parents=True, exist_ok=True)
        self._options = options
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="devnet")
        with ExitStack() as opened:
            self._listening = opened.enter_context(_listen(options.rpc_bind))
            self._publisher = ZmqPublisher(options.zmq_bind)
            opened.callback(self._publisher.close)
            storage = Storage(home / FILE)
            opened.callback(storage.close)
            self.node = Node(storage, self._publisher, Clock(clock), random_bytes, options.node)
            self._opened = opened.pop_all()
        self.shutting_down = False
        self.stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.node.stop = self._stop_soon
        self._server = http.server(
            http.Application(self._answer, options.user, options.password, lambda: self.shutting_down)
        )

    @property
    def rpc_url(self) -> str:
        """The URL of the RPC, without user and password."""
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def zmq_endpoint(self) -> str:
        """The address of the announcements, empty if there are none."""
        return self._publisher.endpoint

    async def in_node_thread(self, action: Callable[[], _Result]) -> _Result:
        """Run an action in the node's thread, after all earlier ones."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, action)

    async def prepare(self) -> None:
        """Give the faucet mature coins, if the timer mines and it has none yet."""
        while (
            self._options.block_seconds > 0
            and not self.node.is_reindexing
            and await self.in_node_thread(lambda: self.node.chain.height) < FIRST_BLOCKS
        ):
            await self.mine()

    async def mine(self) -> None:
        """Mine one block to the faucet."""
        await self.in_node_thread(lambda: self.node.generate(self.node.wallet.faucet_script()))

    async def serve(self) -> None:
        """Serve the RPC and mine by the timer until cancelled or stopped."""
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._server.serve(sockets=[self._listening]))
            mining = tasks.create_task(self._mine_by_timer())
            stopping = tasks.create_task(self.stopping.wait())
            try:
                await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._server.should_exit = True
                self.stopping.set()
                mining.cancel()

    def close(self) -> None:
        """Close sockets and storage."""
        self._thread.shutdown(wait=True)
        self._opened.close()

    def _stop_soon(self) -> None:
        self.shutting_down = True
        self._loop.call_soon_threadsafe(self.stopping.set)

    async def _answer(self, body: bytes) -> tuple[int, bytes]:
        return await self.in_node_thread(lambda: rpc.answer(self.node, body))

    async def _mine_by_timer(self) -> None:
        if self._options.block_seconds <= 0:
            return
        while True:
            await asyncio.sleep(self._options.block_seconds)
            if not self.node.is_reindexing:
                await self.mine()


@asynccontextmanager
async def running(
    home: Path,
    options: Options | None = None,
    *,
    clock: Callable[[], int] = lambda: int(time.time()),
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> AsyncIterator[Devnet]:
    """Run a devnet with its files under `home` while the block lasts. It answers when the block begins.

    `clock` returns seconds since 1970. `random_bytes(n)` makes the faucet's seed on the first start.
    """
    devnet = Devnet(home, options or Options(), clock, random_bytes)
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
    # Named as TCP: else asyncio leaves Nagle's algorithm on, and each answer waits 40 ms.
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
