"""What a process has once for all its cells: what it reads of the node, and the opened seed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import mempool, seed_claim
from app.chain.block_reader import Fetch
from app.chain.keys import Keyring
from app.chain.node import Node
from app.chain.rpc import NodeError, NodeTrouble, Slots
from app.chain.seed_file import PassphraseMissing, SeedFile, SeedRefused
from app.chain.shared_node import SharedBlocks, SharedMempool
from app.config.settings import Settings
from app.db.all_cells import AllCells
from app.domain import dogecoin
from app.workers import audits

RESOLVERS: Final = 32
"""Threads that look host names up: those of dead hosts take long."""


class Once:
    """Each thing is made where the first cell needs it. With one cell nothing is remembered for others."""

    def __init__(self, settings: Settings, node: Node, all_cells: AllCells) -> None:
        self._settings = settings
        self._node = node
        self.all_cells = all_cells
        self._cells = len(all_cells)
        self._blocks: Fetch | None = None
        self._mempool: mempool.Reader | None = None
        self._audits: Node | None = None
        self._seed: Keyring | SeedRefused | None = None
        self._resolvers: ThreadPoolExecutor | None = None
        self.first_cell = all_cells.engines[0]

    def block_fetch(self, stack: AsyncExitStack) -> Fetch | None:
        """Return what reads blocks for several cells; None where one reads them for itself."""
        if self._cells > 1 and self._blocks is None:
            shared = SharedBlocks(self._node, self._cells)
            stack.push_async_callback(shared.close)
            self._blocks = shared.fetch
        return self._blocks

    async def mempool_reader(self, stack: AsyncExitStack) -> mempool.Reader:
        """Return what reads the mempool, by a connection to the node of its own."""
        if self._mempool is None:
            node = await self._with_slots(stack, mempool.SLOTS)
            if self._cells == 1:
                self._mempool = mempool.Reader(node)
            else:
                shared = self._mempool = SharedMempool(node)
                stack.push_async_callback(shared.close)
        return self._mempool

    async def audits_node(self, stack: AsyncExitStack) -> Node:
        """Return the node for the audits of all cells, which wait for each other."""
        if self._audits is None:
            self._audits = await self._with_slots(stack, audits.SLOTS._replace(waiting=self._cells))
        return self._audits

    def resolvers(self, stack: AsyncExitStack) -> ThreadPoolExecutor:
        """Return the threads that look up the host names of webhooks."""
        if self._resolvers is None:
            self._resolvers = stack.enter_context(ThreadPoolExecutor(RESOLVERS, "resolver"))
        return self._resolvers

    async def keyring(self, engine: AsyncEngine) -> Keyring:
        """Return the keys of the seed after a cell was found to have no others; the first one makes a new seed.

        Raises SeedRefused. What was refused to the first cell is refused to the others: they make no seed.
        """
        if isinstance(self._seed, SeedRefused):
            raise self._seed
        if self._seed is None:
            try:
                self._seed = await self._open(engine)
            except SeedRefused as refusal:
                self._seed = refusal
                raise
        else:
            async with engine.begin() as db:
                await seed_claim.claim(db, self.seed_file, self._seed)
        return self._seed

    @property
    def seed_file(self) -> SeedFile:
        """The file of the seed."""
        return SeedFile(self._settings.home / "seed.json", dogecoin.network_by_name(self._settings.network))

    async def _open(self, engine: AsyncEngine) -> Keyring:
        """Open the seed, or make it at the first start."""
        seed_file, passphrase = self.seed_file, self._settings.seed_passphrase
        if passphrase is None and seed_file.network != dogecoin.REGTEST:
            raise PassphraseMissing(
                "KENNEL_SEED_PASSPHRASE is not set: nothing is signed, and no keys for new accounts are made, "
                "until Kennel is started with it"
            )
        return await seed_claim.open_or_create(engine, seed_file, passphrase or "", self._birth_height)

    async def _birth_height(self) -> int | None:
        """Return the tip's height; None if the node does not answer: recoveries then begin at the first block."""
        try:
            return (await self._node.chain_state()).height
        except (NodeTrouble, NodeError):
            return None

    async def _with_slots(self, stack: AsyncExitStack, slots: Slots) -> Node:
        return await stack.enter_async_context(self._node.with_slots(slots))
