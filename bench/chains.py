"""A chain in a devnet's file, made without its mempool: nobody checks the signatures of what is stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from app.chain import header, wire
from app.chain.wire import Input, Output, Transaction
from app.domain import dogecoin
from bench import filling, node
from devnet import devnet, mining
from devnet.storage import Storage

TRANSACTIONS = 10
"""In a block, the coinbase included; the others have one input and two outputs, as most payments have."""
STRANGER = filling.script(-(2**40) & (2**63 - 1))
SIGNATURE = bytes(107)
TIME = 1_800_000_000


Paying = Callable[[int], int]
"""How many transactions of the block at a height pay an address of ours."""


def write(home: Path, number: int, watched: Iterator[bytes], paying: Paying) -> None:
    """Store `number` blocks on regtest's first; `watched` are the scripts that are paid, in order."""
    store(home, _paying(number, watched, paying))


def store(home: Path, blocks: Iterable[Sequence[Transaction]]) -> None:
    """Store blocks with these transactions on regtest's first."""
    folder = home / "devnet"
    folder.mkdir()
    storage = Storage(folder / devnet.FILE)
    with storage.transaction():
        storage.add_block(0, mining.GENESIS)
        previous = dogecoin.hash256(mining.GENESIS[: header.HEADER_BYTES])
        for height, transactions in enumerate(blocks, 1):
            raw = _block(previous, height, transactions)
            storage.add_block(height, raw)
            previous = dogecoin.hash256(raw[: header.HEADER_BYTES])
    storage.close()


def coinbase(height: int, outputs: int = TRANSACTIONS - 1) -> Transaction:
    """Make the first transaction of a block; strangers get all of it."""
    script = b"\x04" + height.to_bytes(4, "little")
    return wire.assemble(
        [Input(header.NO_HASH, 0xFFFFFFFF, script, 0xFFFFFFFF)], [Output(10**12, STRANGER)] * outputs
    )


def _paying(number: int, watched: Iterator[bytes], paying: Paying) -> Iterator[list[Transaction]]:
    coins: list[tuple[bytes, int]] = []
    for height in range(1, number + 1):
        transactions = _transactions(height, coins, watched, paying(height))
        yield transactions
        coins = [(spent.txid, 1) for spent in transactions[1:]] or [
            (transactions[0].txid, vout) for vout in range(TRANSACTIONS - 1)
        ]


def _transactions(
    height: int, coins: list[tuple[bytes, int]], watched: Iterator[bytes], paying: int
) -> list[Transaction]:
    """Each of the coins is spent, in part to somebody and in part to be spent in the next block."""
    paid = [next(watched) if n < paying else STRANGER for n in range(len(coins))]
    return [
        coinbase(height),
        *(
            wire.assemble(
                [Input(txid, vout, SIGNATURE, 0)], [Output(filling.TOTAL, to), Output(10**11, STRANGER)]
            )
            for (txid, vout), to in zip(coins, paid, strict=True)
        ),
    ]


def _block(previous: bytes, height: int, transactions: Sequence[Transaction]) -> bytes:
    root = wire.merkle_root([transaction.txid for transaction in transactions])
    top = header.Header(mining.VERSION, previous, root, TIME + height, mining.EASY_BITS, 0, b"")
    heads = (mining.header_bytes(replace(top, nonce=nonce)) for nonce in count())
    head = next(head for head in heads if node.scrypt(head) <= header.target(mining.EASY_BITS))
    raws = (transaction.raw for transaction in transactions)
    return head + wire.compact_size(len(transactions)) + b"".join(raws)
