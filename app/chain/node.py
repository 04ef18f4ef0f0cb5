"""What Kennel asks a Dogecoin Core node, in the types of the house."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from app.chain import rpc, wire
from app.chain.header import Unreadable, display, internal
from app.chain.rpc import (
    NodeAway,
    NodeError,
    NodeNonsense,
    NodeOversize,
    NodeRefused,
    NodeTrouble,
    NodeWarmingUp,
)
from app.money import BadAmount, parse

__all__ = [
    "ChainState", "HeaderState", "Node", "NodeAway", "NodeError", "NodeNonsense", "NodeOversize", "NodeRefused",
    "NodeTrouble", "NodeWarmingUp",
]  # fmt: skip

BLOCKS_PER_BATCH = 100
OUT_OF_RANGE = -8  # getblockhash above the tip
UNKNOWN = -5  # getblockheader, getblock, getmempoolentry


@dataclass(frozen=True, slots=True)
class ChainState:
    """The node's best chain. `hash` is in internal order; `chain` is Core's name: main, test or regtest."""

    height: int
    hash: bytes
    chainwork: int
    chain: str
    initial_block_download: bool
    pruned: bool
    prune_height: int | None


@dataclass(frozen=True, slots=True)
class HeaderState:
    """What the node knows of one block. `confirmations` is -1 off its best chain; genesis has no `previous`."""

    hash: bytes
    height: int
    previous: bytes | None
    chainwork: int
    confirmations: int
    time: int


class Node(rpc.Rpc):
    """The methods raise NodeError, where the node refuses, or a NodeTrouble. Hashes are bytes in internal order."""

    _blocks_at_once = BLOCKS_PER_BATCH

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def chain_state(self) -> ChainState:
        """The tip and its work, of one moment."""
        said = await self.call("getblockchaininfo")
        return ChainState(
            height=_number(said, "blocks"),
            hash=_hash(_text(said, "bestblockhash")),
            chainwork=_work(said),
            chain=_text(said, "chain"),
            initial_block_download=said.get("initialblockdownload") is True,  # absent before 1.14.4
            pruned=said.get("pruned") is True,
            prune_height=_number(said, "pruneheight") if "pruneheight" in said else None,
        )

    async def block_hash(self, height: int) -> bytes | None:
        """The hash at the height on the best chain; None above the tip."""
        found = await self.hashes(height, 1)
        return found[0] if found else None

    async def hashes(self, first: int, count: int) -> list[bytes]:
        """The hashes from height `first` on; fewer than `count` where the best chain ends before."""
        found = []
        for outcome in await self.batch(
            [("getblockhash", (height,)) for height in range(first, first + count)]
        ):
            if isinstance(outcome, NodeError) and outcome.code == OUT_OF_RANGE:
                break
            found.append(_hash(_result(outcome)))
        return found

    async def blocks(self, hashes: Sequence[bytes]) -> list[bytes]:
        """The raw blocks, AuxPoW included, in the order of the hashes; NodeError if the node lacks one of them."""
        found: list[bytes] = []
        while len(found) < len(hashes):
            wanted = hashes[len(found) : len(found) + self._blocks_at_once]
            try:
                # False and not 0: before 1.14.7 the argument had to be a boolean.
                outcomes = await self.batch([("getblock", (display(one), False)) for one in wanted])
            except NodeOversize:
                if len(wanted) == 1:
                    raise
                self._blocks_at_once = max(1, len(wanted) // 2)
                continue
            found += [_raw(_result(outcome)) for outcome in outcomes]
            self._blocks_at_once = min(BLOCKS_PER_BATCH, self._blocks_at_once + 1)
        return found

    async def header(self, block: bytes) -> HeaderState | None:
        """What the node knows of a block, on its best chain or off it; None if it does not know the block."""
        try:
            said = await self.call("getblockheader", display(block))
        except NodeError as error:
            if error.code == UNKNOWN:
                return None
            raise
        return HeaderState(
            hash=_hash(_text(said, "hash")),
            height=_number(said, "height"),
            previous=_hash(_text(said, "previousblockhash")) if "previousblockhash" in said else None,
            chainwork=_work(said),
            confirmations=_number(said, "confirmations", least=-1),
            time=_number(said, "time"),
        )

    async def holds(self, txid: bytes) -> bool:
        """Say whether the transaction waits in the node's mempool."""
        try:
            await self.call("getmempoolentry", display(txid))
        except NodeError as error:
            if error.code == UNKNOWN:
                return False
            raise
        return True

    async def holds_same(self, raw: bytes) -> bool:
        """Say whether its mempool holds the transaction, or one that spends a coin of it: the same by another txid, it may be."""
        transaction = wire.parse_transaction(raw)
        if await self.holds(transaction.txid):
            return True
        shown = [(display(spent.txid), spent.vout) for spent in transaction.inputs]
        kept = await self.batch([("gettxout", (*outpoint, False)) for outpoint in shown])
        left = await self.batch([("gettxout", (*outpoint, True)) for outpoint in shown])
        waits = {spent.txid for spent in transaction.inputs if await self.holds(spent.txid)}
        return any(
            _result(now) is None and (_result(before) is not None or spent.txid in waits)
            for spent, before, now in zip(transaction.inputs, kept, left, strict=True)
        )

    async def coins(self, outpoints: Sequence[tuple[bytes, int]]) -> tuple[bytes, list[int | None]] | None:
        """Its tip, and what each output holds that the chain has not spent (else None); None if the tip moved meanwhile."""
        before = (await self.chain_state()).hash
        calls = [("gettxout", (display(txid), vout, False)) for txid, vout in outpoints]
        found = [_coin(_result(outcome)) for outcome in await self.batch(calls)]
        return (before, found) if (await self.chain_state()).hash == before else None

    async def decode(self, text: str) -> dict[str, Any]:
        """What the hexadecimal bytes of a transaction say, in Core's shape, amounts as Decimal."""
        said = await self.call("decoderawtransaction", text)
        if not isinstance(said, dict):
            raise NodeNonsense("The node's transaction is no object.")
        return said

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        """Offer transactions, one after the other; of each its txid, or what the node has against it.

        The same one again is no error while it is in the node's mempool.
        """
        outcomes = await self.batch([("sendrawtransaction", (raw.hex(),)) for raw in raws])
        return [outcome if isinstance(outcome, NodeError) else _hash(outcome) for outcome in outcomes]


def _result(outcome: Any) -> Any:
    if isinstance(outcome, NodeError):
        raise outcome
    return outcome


def _hash(said: Any) -> bytes:
    try:
        return internal(said)
    except (Unreadable, TypeError):
        raise NodeNonsense("The node answered with something else than a hash.") from None


def _raw(said: Any) -> bytes:
    try:
        return bytes.fromhex(said)
    except (ValueError, TypeError):
        raise NodeNonsense("The node answered with something else than a block in hexadecimal.") from None


def _member(said: Any, name: str) -> Any:
    if not isinstance(said, dict) or name not in said:
        raise NodeNonsense(f"The node's answer has no {name}.")
    return said[name]


def _coin(said: Any) -> int | None:
    if said is None:
        return None
    value = _member(said, "value")
    if not isinstance(value, int | Decimal):
        raise NodeNonsense("The node's value is no amount.")
    try:
        return parse(str(value))  # as written: a number is not rounded here
    except BadAmount:
        raise NodeNonsense("The node's value is no amount that it could be.") from None


def _text(said: Any, name: str) -> str:
    value = _member(said, name)
    if not isinstance(value, str):
        raise NodeNonsense(f"The node's {name} is no text.")
    return value


def _number(said: Any, name: str, least: int = 0) -> int:
    value = _member(said, name)
    if type(value) is not int or not least <= value < 2**32:
        raise NodeNonsense(f"The node's {name} is no number that it could be.")
    return value


def _work(said: Any) -> int:
    return int.from_bytes(_hash(_text(said, "chainwork")), "little")
