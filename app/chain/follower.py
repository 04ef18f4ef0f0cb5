"""Follows the node's best chain: one step connects blocks, disconnects one, reads some again, or waits."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import beginning, block_reader, header, reorgs
from app.chain.batch_size import BatchSize
from app.chain.block_reader import Fetch
from app.chain.node import ChainState, Node
from app.db import Db, reads
from app.domain import accounts, blocks
from app.domain.blocks import Block, Rules, Tip, TipMoved
from app.domain.dogecoin import Network
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)


class WrongChain(Exception):
    """The node follows another chain than this installation; the message is a sentence for the operator."""


async def check_chain(node: Node, network: Network) -> None:
    """Raise WrongChain if the node's first block is not the network's."""
    genesis = await node.block_hash(0)
    if genesis is None or header.display(genesis) != network.genesis_hash:
        raise WrongChain(
            "The node follows another chain than this installation; set KENNEL_NODE_URL to a node of "
            "the same network."
        )


@dataclass(frozen=True, slots=True)
class _Prefetch:
    """The batch that is fetched while the one before it is connected. The node's tip was at height `last`."""

    first: int
    last: int
    task: "asyncio.Task[list[Block]]"


def _nothing() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class FollowerTerms:
    """Where several cells follow the chain, they share what reads blocks, `fetch`.

    `number` numbers the events of a block in its transaction, and says whether all have their numbers now. Then `numbered`
    is called in place of `committed`.
    """

    fetch: Fetch | None = None
    number: Callable[[Db], Awaitable[bool]] | None = None
    numbered: Callable[[], None] = _nothing


ALONE: Final = FollowerTerms()


class Follower:
    """Moves the ledger's tip along the node's best chain. `committed` is called after each transaction."""

    def __init__(
        self,
        engine: AsyncEngine,
        node: Node,
        rules: Rules,
        lease: Lease,
        committed: Callable[[], None],
        terms: FollowerTerms = ALONE,
    ) -> None:
        self._engine = engine
        self._reads = reads(engine)
        self._node = node
        self._terms = terms
        self._blocks = terms.fetch or partial(block_reader.fetch, node)
        self._rules = rules
        self._lease = lease
        self._committed = committed
        self._chain_checked = False
        self._batch_size = BatchSize()
        self._prefetch: _Prefetch | None = None
        self._waits_for = ""

    def waits_for(self) -> str:
        """Say why the last step did not follow the node's chain, although there was one; else nothing."""
        return self._waits_for

    async def step(self) -> bool:
        """Do one unit of work; False when there is nothing to do now.

        Raises WrongChain, UnreadableBlock and ReorgTooDeep, which no repetition mends, and the errors of the
        node and of the database.
        """
        self._waits_for = ""
        if not await self._lease.held():
            return False
        await self._check_chain()
        try:
            if self._prefetch is not None and await self._connect_prefetched(await self._tip()):
                return True
            tip, best = await asyncio.gather(self._tip(), self._node.chain_state())
            return await self._start(best) if tip is None else await self._follow(tip, best)
        except TipMoved:
            return False

    async def close(self) -> None:
        """Stop fetching, and let another follower begin at once."""
        if self._prefetch is not None:
            self._prefetch.task.cancel()
            await asyncio.gather(self._prefetch.task, return_exceptions=True)
        await self._lease.release()

    async def _tip(self) -> Tip | None:
        async with self._reads.connect() as db:
            return await blocks.tip(db)

    async def _check_chain(self) -> None:
        if not self._chain_checked:
            await check_chain(self._node, self._rules.network)
            self._chain_checked = True

    async def _start(self, best: ChainState) -> bool:
        """Begin at the tip of a node that has caught up. On regtest every node has.

        Addresses may have been given out before, and paid in blocks up to the tip. The accounts are read after
        the tip: what is opened later is paid in later blocks.
        """
        if best.initial_block_download and self._rules.network.name != "regtest":
            return False
        headers = await beginning.anchors(self._blocks, best)
        async with self._reads.connect() as db:
            opened = await accounts.first_opened(db)
        if not headers:
            return False
        missed = best.height + 1
        if opened is not None:
            missed = await beginning.first_since(self._node, self._blocks, best, opened)
        async with self._engine.begin() as db:
            return await blocks.start(db, headers, missed)

    async def _follow(self, tip: Tip, best: ChainState) -> bool:
        """Compare the chains at the lower of the two heights, and move the tip by what that says.

        A side without a hash at the other's height is behind, not on a fork.
        """
        heights = f"the node is at block {best.height} and the ledger at block {tip.height}"
        if tip.height < best.height:
            node_hash, batch = await self._next(tip, best)
            if node_hash in (None, tip.hash):
                return await self._connect(tip, batch, best.height)
        elif await self._is_on_best_chain(tip, best):
            if tip.height > best.height:
                self._waits_for = f"{heights}: the node has less work, and is waited for"
                return False
            return tip.rescan_height is not None and await self._rescan(tip, tip.rescan_height)
        if best.chainwork <= tip.chainwork:
            self._waits_for = (
                f"{heights}: the node follows another chain that has no more work than the ledger's"
            )
            return False
        await reorgs.check(self._engine, self._node, self._rules.max_reorg_blocks, tip, best)
        async with self._engine.begin() as db:
            pause_reason = await blocks.disconnect(db, self._rules, tip.height, tip.hash)
        self._after_commit(pause_reason, self._committed)
        return True

    async def _next(self, tip: Tip, best: ChainState) -> tuple[bytes | None, list[Block]]:
        """Return the node's hash at our height, and the blocks that follow.

        One block more names our tip as the one before it. More are fetched while the node says what it has at our
        height: nearly always no fork shows.
        """
        if best.height == tip.height + 1:
            batch = await self._blocks(best.height, 1, [best.hash])
            if block_reader.is_linked(batch, tip.hash):
                return tip.hash, batch
        return await asyncio.gather(
            self._node.block_hash(tip.height), self._fetch(tip.height + 1, best.height)
        )

    async def _is_on_best_chain(self, tip: Tip, best: ChainState) -> bool:
        """Say whether no fork shows where the node is not higher; it may be behind."""
        if tip.height == best.height:
            return tip.hash == best.hash
        async with self._engine.connect() as db:
            return await blocks.hash_at(db, best.height) in (None, best.hash)

    async def _connect_prefetched(self, tip: Tip | None) -> bool:
        """Connect what was fetched meanwhile, if it follows our tip and is still on the node's best chain.

        The node is asked before the next fetch begins: it answers in turn, and would answer this after that.
        """
        prefetch, self._prefetch = self._prefetch, None
        if prefetch is None or tip is None:
            return False
        if prefetch.first != tip.height + 1:
            prefetch.task.cancel()
            return False
        batch = await prefetch.task
        if not batch or await self._node.block_hash(batch[-1].height) != batch[-1].hash:
            return False
        return await self._connect(tip, batch, prefetch.last)

    async def _connect(self, tip: Tip, batch: Sequence[Block], last: int) -> bool:
        """Connect the batch if it follows our tip; meanwhile fetch the next, up to height `last`."""
        if not block_reader.is_linked(batch, tip.hash):
            return False
        first = batch[-1].height + 1
        if first <= last:
            self._prefetch = _Prefetch(first, last, asyncio.create_task(self._fetch(first, last)))
        async with self._transaction(len(batch)) as db:
            pause_reason = await blocks.connect(db, self._rules, batch)
            numbered = await self._number(db, len(batch))
        self._after_commit(pause_reason, self._terms.numbered if numbered else self._committed)
        return True

    async def _number(self, db: Db, size: int) -> bool:
        """Number the events of a block that comes by itself, so that they can be told with the commit."""
        return await self._terms.number(db) if self._terms.number and size == 1 else False

    async def _rescan(self, tip: Tip, first: int) -> bool:
        batch = await self._fetch(first, tip.height)
        if not batch or not block_reader.is_linked(batch, batch[0].previous):
            return False
        async with self._transaction(len(batch)) as db:
            pause_reason = await blocks.rescan(db, self._rules, tip, batch)
        self._after_commit(pause_reason, self._committed)
        return True

    @asynccontextmanager
    async def _transaction(self, size: int) -> AsyncIterator[Db]:
        """Open a transaction for a batch of so many blocks, and decide how many the next ones have."""
        began = time.monotonic()
        async with self._engine.begin() as db:
            try:
                yield db
            except (exc.DBAPIError, TimeoutError):
                self._batch_size = self._batch_size.given_up(size)
                raise
        self._batch_size = self._batch_size.after(size, time.monotonic() - began)

    def _after_commit(self, pause_reason: str, tell: Callable[[], None]) -> None:
        if pause_reason:
            _log.critical("payments are paused: %s", pause_reason)
        tell()

    async def _fetch(self, first: int, last: int) -> list[Block]:
        return await self._blocks(first, min(self._batch_size.blocks, last - first + 1))
