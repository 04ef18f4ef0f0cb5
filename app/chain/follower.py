"""Follows the node's best chain: one step connects blocks, disconnects one, reads some again, or waits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import header, wire
from app.chain.node import ChainState, Node
from app.chain.reorgs import Reorgs
from app.chain.rpc import NodeError, NodeTrouble
from app.db import Db
from app.domain import blocks
from app.domain.blocks import Block, BlockOutput, Header, Rules, Spend, Tip, TipMoved
from app.domain.dogecoin import Outpoint
from app.money import Koinu
from app.runtime.lease import Lease

_log = logging.getLogger(__name__)

BATCH: Final = 100
"""Blocks in one transaction when far behind, at most; fewer after one that the database did not finish."""
GROWTH: Final = 8
"""After each that it did, there are more by this part: what is too many is not tried at every other batch."""
ANCHORS: Final = 100
"""Headers kept from before a new installation's start, so that it can follow a reorg at once."""


class WrongChain(Exception):
    """The node follows another chain than this installation; set KENNEL_NODE_URL to a node of the same network."""

    def __str__(self) -> str:
        """Say so."""
        return self.__doc__ or ""


class UnreadableBlock(Exception):
    """A block of the best chain cannot be read; nothing is credited until that is solved, and it is never skipped."""

    def __str__(self) -> str:
        """Say which and why."""
        height, block_hash, reason = self.args
        return f"Block {height} ({block_hash}) cannot be read, and is never skipped: {reason}"


class Pruned(NodeTrouble):
    """The node has no blocks that are needed any more; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The batch that is being fetched while the one before it is connected; the node's tip was at `last`."""

    first: int
    last: int
    fetched: "asyncio.Task[list[Block]]"


class Follower:
    """Moves the ledger's tip along the node's best chain. `committed` is called after each transaction."""

    def __init__(
        self, engine: AsyncEngine, node: Node, rules: Rules, lease: Lease, committed: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._node = node
        self._rules = rules
        self._lease = lease
        self._committed = committed
        self._reorgs = Reorgs(engine, node, rules.max_reorg_blocks)
        self._known_chain = False
        self._most = BATCH
        self._ahead: _Ahead | None = None
        self._lacks = ""

    def lacks(self) -> str:
        """Say why the node's chain was not followed at the last step, although there was one; nothing if it was."""
        return self._lacks

    async def step(self) -> bool:
        """Do one unit of work; False when there is nothing to do now.

        Raises WrongChain, UnreadableBlock and ReorgTooDeep, which no repetition mends, and the node's and the database's troubles.
        """
        self._lacks = ""
        if not await self._lease.held():
            return False
        async with self._engine.connect() as db:
            ours = await blocks.tip(db)
        await self._check_chain()
        try:
            if ours is None:
                return await self._start(await self._node.chain_state())
            return await self._go_on(ours) or await self._follow(ours, await self._node.chain_state())
        except TipMoved:
            return False

    async def close(self) -> None:
        """Stop fetching, and let another follower begin at once."""
        if self._ahead is not None:
            self._ahead.fetched.cancel()
            await asyncio.gather(self._ahead.fetched, return_exceptions=True)
        await self._lease.release()

    async def _check_chain(self) -> None:
        if not self._known_chain:
            genesis = await self._node.block_hash(0)
            if genesis is None or header.display(genesis) != self._rules.network.genesis_hash:
                raise WrongChain
            self._known_chain = True

    async def _start(self, theirs: ChainState) -> bool:
        """Begin at the tip of a node that has caught up; a regtest chain is always young enough."""
        if theirs.initial_block_download and self._rules.network.name != "regtest":
            return False
        first = max(0, theirs.height - ANCHORS + 1)
        recent = await self._fetch(first, theirs.height - first + 1)
        if not recent or recent[-1].hash != theirs.hash:
            return False
        chainwork = theirs.chainwork - sum(block.work for block in recent)
        headers = []
        for block in recent:
            chainwork += block.work
            headers.append(Header(block.height, block.hash, block.previous, block.time, chainwork))
        async with self._engine.begin() as db:
            return await blocks.start(db, headers)

    async def _follow(self, ours: Tip, theirs: ChainState) -> bool:
        """Compare at the lower of the two heights: no hash of theirs at ours means that they are behind, not a fork."""
        at = f"the node is at block {theirs.height} and the ledger at block {ours.height}"
        if await self._same(ours, theirs):
            self._lacks = (
                f"{at}: the node has less work, and is waited for" if theirs.height < ours.height else ""
            )
            if ours.height < theirs.height:
                first, last = ours.height + 1, theirs.height
                return await self._connect(
                    ours, await self._fetch(first, min(self._most, last - first + 1)), last
                )
            return (
                ours.rescan_height is not None and ours.height == theirs.height and await self._rescan(ours)
            )
        if theirs.chainwork <= ours.chainwork:
            self._lacks = f"{at}: the node follows another chain that has no more work than the ledger's"
            return False
        await self._reorgs.check(ours, theirs)
        async with self._engine.begin() as db:
            paused = await blocks.disconnect(db, self._rules, ours.height, ours.hash)
        self._tell(paused)
        return True

    async def _same(self, ours: Tip, theirs: ChainState) -> bool:
        if ours.height < theirs.height:
            return await self._node.block_hash(ours.height) in (None, ours.hash)
        if ours.height == theirs.height:
            return ours.hash == theirs.hash
        async with self._engine.connect() as db:
            return await blocks.hash_at(db, theirs.height) in (None, theirs.hash)

    async def _go_on(self, ours: Tip) -> bool:
        """Connect what was fetched meanwhile, if it follows our tip and is still of the node's best chain.

        Asked before the next batch is: a node answers in turn, and would answer anything else after that.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return False
        if ahead.first != ours.height + 1:
            ahead.fetched.cancel()
            return False
        batch = await ahead.fetched
        still = batch and await self._node.block_hash(batch[-1].height) == batch[-1].hash
        return bool(still) and await self._connect(ours, batch, ahead.last)

    async def _connect(self, ours: Tip, batch: Sequence[Block], last: int) -> bool:
        """Take the batch if it follows our tip, and fetch the next meanwhile; the node's tip is at `last`."""
        if not linked(batch, ours.hash):
            return False
        self._prefetch(batch[-1].height + 1, last)
        async with self._transaction(len(batch)) as db:
            paused = await blocks.connect(db, self._rules, batch)
        self._tell(paused)
        return True

    async def _rescan(self, ours: Tip) -> bool:
        first = ours.rescan_height or 0
        batch = await self._fetch(first, min(self._most, ours.height - first + 1))
        if not batch or not linked(batch, batch[0].previous):
            return False
        async with self._transaction(len(batch)) as db:
            paused = await blocks.rescan(db, self._rules, ours, batch)
        self._tell(paused)
        return True

    @asynccontextmanager
    async def _transaction(self, size: int) -> AsyncIterator[Db]:
        """Open a transaction for a batch of so many blocks.

        Where it lasts too long, the same batch would again: half of it is tried next.
        """
        async with self._engine.begin() as db:
            try:
                yield db
            except (exc.DBAPIError, TimeoutError):
                self._most = max(1, size // 2)
                raise
        self._most = min(BATCH, self._most + self._most // GROWTH + 1)

    def _tell(self, paused: str) -> None:
        if paused:
            _log.critical("payments are paused: %s", paused)
        self._committed()

    def _prefetch(self, first: int, last: int) -> None:
        if first <= last:
            fetching = self._fetch(first, min(self._most, last - first + 1))
            self._ahead = _Ahead(first, last, asyncio.create_task(fetching))

    async def _fetch(self, first: int, count: int) -> list[Block]:
        return await fetch(self._node, first, count)


async def fetch(node: Node, first: int, count: int) -> list[Block]:
    """Read up to `count` blocks of the node's best chain; the parsing leaves the loop to others.

    Raises Pruned where the node has deleted some of them.
    """
    hashes = await node.hashes(first, count)
    try:
        raws = await node.blocks(hashes)
    except NodeError:
        await check_pruned(node, first)
        raise
    return await asyncio.to_thread(_parse_all, first, hashes, raws)


async def check_pruned(node: Node, first: int) -> None:
    """Raise Pruned where the node does not have the blocks from height `first` on any more."""
    kept = await kept_from(node)
    if first < kept:
        raise Pruned(
            f"The node is pruned and has blocks from {kept} on only: {first} needs a node with all of them."
        )


async def kept_from(node: Node) -> int:
    """Return the height from which on the node has blocks: 0 unless it is pruned."""
    state = await node.chain_state()
    return state.prune_height or 0 if state.pruned else 0


def parse(height: int, block_hash: bytes, raw: bytes) -> Block:
    """Read a raw block as the ledger sees it, or raise UnreadableBlock."""
    try:
        parsed = wire.parse_block(raw)
    except header.Unreadable as error:
        raise UnreadableBlock(height, header.display(block_hash), error) from error
    if parsed.header.hash != block_hash:
        raise UnreadableBlock(height, header.display(block_hash), "its header hashes to something else")
    return Block(
        height=height,
        hash=parsed.header.hash,
        previous=parsed.header.previous,
        time=parsed.header.time,
        work=header.work(parsed.header.bits),
        outputs=[
            BlockOutput(
                Outpoint(transaction.txid, vout), output.script, Koinu(output.value), transaction.is_coinbase
            )
            for transaction in parsed.transactions
            for vout, output in enumerate(transaction.outputs)
        ],
        spends=[
            Spend(Outpoint(spent.txid, spent.vout), transaction.txid)
            for transaction in parsed.transactions
            if not transaction.is_coinbase
            for spent in transaction.inputs
        ],
        bytes_of=lambda txid: _bytes_of(raw, txid),
    )


def _bytes_of(raw: bytes, txid: bytes) -> bytes:
    return next(
        transaction.raw for transaction in wire.parse_block(raw).transactions if transaction.txid == txid
    )


def _parse_all(first: int, hashes: Sequence[bytes], raws: Sequence[bytes]) -> list[Block]:
    return [
        parse(first + n, block_hash, raw)
        for n, (block_hash, raw) in enumerate(zip(hashes, raws, strict=True))
    ]


def linked(batch: Sequence[Block], previous: bytes) -> bool:
    """Hold the blocks against each other: the node may have switched chains between two answers."""
    for block in batch:
        if block.previous != previous:
            return False
        previous = block.hash
    return bool(batch)
