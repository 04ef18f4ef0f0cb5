"""Reads blocks of the node's best chain, as the ledger sees them."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, Protocol

from app.chain import header, wire
from app.chain.node import BLOCKS_PER_BATCH, Node
from app.chain.rpc import NodeError, NodeTrouble
from app.domain.blocks import Block, BlockOutput, Spend
from app.domain.dogecoin import Outpoint
from app.money import Koinu

ENOUGH_BYTES: Final = 8_000_000
"""Of blocks in one fetch: then no more are asked for. Parsed they take up to ten times as much."""
FEW_BYTES: Final = 20_000
"""Are parsed in a millisecond; a thread may wait longer for its turn while other tasks run."""


class UnreadableBlock(Exception):
    """A block of the best chain cannot be read. It is never skipped: nothing is credited until it is read."""

    def __init__(self, height: int, block_hash: bytes, reason: object) -> None:
        block = f"Block {height} ({header.display(block_hash)})"
        super().__init__(f"{block} cannot be read, and is never skipped: {reason}")


class Pruned(NodeTrouble):
    """The node has deleted blocks that are needed; the message is a sentence for the operator."""


class Fetch(Protocol):
    """Reads blocks: from which height on, and how many at most; their hashes, where they are known.

    It is `fetch` with a node, or what several cells share.
    """

    def __call__(
        self, first: int, count: int, hashes: Sequence[bytes] | None = None
    ) -> Awaitable[list[Block]]:
        """Return the blocks."""


async def fetch(node: Node, first: int, count: int, hashes: Sequence[bytes] | None = None) -> list[Block]:
    """Read up to `count` blocks of the node's best chain. A thread parses them, so that other tasks can run.

    Where blocks are large, they are fewer, so that little memory is enough for them. Raises Pruned where the
    node has deleted some of them, and UnreadableBlock.
    """
    if hashes is None:
        hashes = await node.hashes(first, count)
    raws: list[bytes] = []
    try:
        while len(raws) < len(hashes) and sum(map(len, raws)) < ENOUGH_BYTES:
            raws += await node.blocks(hashes[len(raws) :][:BLOCKS_PER_BATCH])
    except NodeError:
        await check_pruned(node, first)
        raise
    return await parse(list(enumerate(hashes, first))[: len(raws)], raws)


async def parse(numbered: Sequence[tuple[int, bytes]], raws: Sequence[bytes]) -> list[Block]:
    """Parse blocks, each with its height and its hash: in a thread, where it takes longer than to wait for one."""
    if sum(map(len, raws)) <= FEW_BYTES:
        return parse_all(numbered, raws)
    return await asyncio.to_thread(parse_all, numbered, raws)


async def check_pruned(node: Node, first: int) -> None:
    """Raise Pruned if the node has deleted the block at height `first`."""
    lowest = await lowest_height(node)
    if first < lowest:
        raise Pruned(
            f"The node is pruned and has blocks from {lowest} on only: {first} needs a node with all of them."
        )


async def lowest_height(node: Node) -> int:
    """Return the height from which on the node has blocks: 0 unless it is pruned."""
    state = await node.chain_state()
    return state.prune_height or 0 if state.pruned else 0


def is_linked(blocks: Sequence[Block], previous: bytes) -> bool:
    """Say whether there are blocks that follow `previous` and one another.

    They may not: the node may have switched chains between two answers.
    """
    for block in blocks:
        if block.previous != previous:
            return False
        previous = block.hash
    return bool(blocks)


def parse_all(numbered: Sequence[tuple[int, bytes]], raws: Sequence[bytes]) -> list[Block]:
    """Parse blocks, each with its height and its hash. It takes long, so call it in a thread. Raises UnreadableBlock."""
    return [_parse(height, block_hash, raw) for (height, block_hash), raw in zip(numbered, raws, strict=True)]


def _parse(height: int, block_hash: bytes, raw: bytes) -> Block:
    try:
        parsed = wire.parse_block(raw)
    except header.Unreadable as error:
        raise UnreadableBlock(height, block_hash, error) from error
    if parsed.header.hash != block_hash:
        raise UnreadableBlock(height, block_hash, "its header hashes to something else")
    return Block(
        height=height,
        hash=parsed.header.hash,
        previous=parsed.header.previous,
        time=parsed.header.time,
        work=header.work(parsed.header.bits),
        outputs=[
            BlockOutput(Outpoint(txid, vout), script, Koinu(value), number == 0)
            for number, (txid, _, _, paid, *_) in enumerate(parsed.transactions)
            for vout, (value, script) in enumerate(paid)
        ],
        spends=[
            Spend(Outpoint(spent, vout), txid)
            for txid, _, inputs, *_ in parsed.transactions[1:]
            for spent, vout, *_ in inputs
        ],
        bytes_of=lambda txid: _bytes_of(raw, txid),
    )


def _bytes_of(raw: bytes, txid: bytes) -> bytes:
    return next(
        transaction.raw for transaction in wire.parse_block(raw).transactions if transaction.txid == txid
    )
