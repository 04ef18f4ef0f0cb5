"""What Kennel queries a Dogecoin Core node for, in the types of the house."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from app.chain import rpc, wire
from app.chain.header import Unreadable, display, internal
from app.chain.rpc import NodeError, NodeNonsense, NodeOversize
from app.domain.dogecoin import Outpoint, UnspentOutput
from app.domain.sightings import MempoolEntry
from app.money import BadAmount, Koinu, parse

BLOCKS_PER_BATCH = 100
TRANSACTIONS_PER_BATCH = 500
OUT_OF_RANGE = -8  # getblockhash above the tip
UNKNOWN = -5  # getmempoolentry, getrawtransaction


@dataclass(frozen=True, slots=True)
class ChainState:
    """The node's best chain; `hash` is in internal order. A pruned node has blocks from `prune_height` on."""

    height: int
    hash: bytes
    chainwork: int
    initial_block_download: bool
    pruned: bool
    prune_height: int | None


class Node(rpc.Rpc):
    """The methods raise NodeError, if the node refuses, or a NodeTrouble. Hashes are in internal order."""

    _blocks_at_once = BLOCKS_PER_BATCH
    _transactions_at_once = TRANSACTIONS_PER_BATCH

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def chain_state(self) -> ChainState:
        """Return the tip and its work at one moment."""
        answer = await self.call("getblockchaininfo")
        return ChainState(
            height=_number(answer, "blocks"),
            hash=_hash(_text(answer, "bestblockhash")),
            chainwork=int.from_bytes(_hash(_text(answer, "chainwork")), "little"),
            initial_block_download=answer.get("initialblockdownload") is True,  # absent before 1.14.4
            pruned=answer.get("pruned") is True,
            prune_height=_number(answer, "pruneheight") if "pruneheight" in answer else None,
        )

    async def block_hash(self, height: int) -> bytes | None:
        """Return the hash at this height of the best chain; None above the tip."""
        hashes = await self.hashes(height, 1)
        return hashes[0] if hashes else None

    async def hashes(self, first: int, count: int) -> list[bytes]:
        """Return the hashes from height `first` on; fewer than `count` where the best chain ends."""
        hashes = []
        for outcome in await self.batch(
            [("getblockhash", (height,)) for height in range(first, first + count)]
        ):
            if isinstance(outcome, NodeError) and outcome.code == OUT_OF_RANGE:
                break
            hashes.append(_hash(_result(outcome)))
        return hashes

    async def blocks(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return the raw blocks, AuxPoW included, in the order of the hashes; NodeError if one is missing."""
        raws: list[bytes] = []
        while len(raws) < len(hashes):
            batch = hashes[len(raws) : len(raws) + self._blocks_at_once]
            try:
                # False and not 0: before 1.14.7 the argument had to be a boolean.
                outcomes = await self.batch([("getblock", (display(hash_), False)) for hash_ in batch])
            except NodeOversize:
                if len(batch) == 1:
                    raise
                self._blocks_at_once = max(1, len(batch) // 2)
                continue
            raws += [_raw(_result(outcome)) for outcome in outcomes]
            self._blocks_at_once = min(BLOCKS_PER_BATCH, self._blocks_at_once + 1)
        return raws

    async def mempool_spends(self, raw: bytes) -> bool:
        """Say whether the node's mempool holds this transaction, or another that spends a coin of it.

        The other one may be the same transaction under another txid.
        """
        transaction = wire.parse_transaction(raw)
        if await self._in_mempool(transaction.txid):
            return True
        outpoints = [(display(spent.txid), spent.vout) for spent in transaction.inputs]
        in_chain = await self.batch([("gettxout", (*outpoint, False)) for outpoint in outpoints])
        unspent = await self.batch([("gettxout", (*outpoint, True)) for outpoint in outpoints])
        waiting = {spent.txid for spent in transaction.inputs if await self._in_mempool(spent.txid)}
        return any(
            _result(coin) is None and (_result(mined) is not None or spent.txid in waiting)
            for spent, mined, coin in zip(transaction.inputs, in_chain, unspent, strict=True)
        )

    async def mempool(self) -> set[str]:
        """Return the txids of all that waits in the mempool, as Core writes them."""
        answer = await self.call("getrawmempool")
        if not isinstance(answer, list) or not all(isinstance(txid, str) for txid in answer):
            raise NodeNonsense("The node's mempool is no list of hashes.")
        return set(answer)

    async def transactions(self, txids: Sequence[str]) -> dict[str, bytes]:
        """Return the bytes of these transactions of the mempool; those that have left it are left out."""
        raws: dict[str, bytes] = {}
        rest = list(txids)
        while rest:
            batch = rest[: self._transactions_at_once]
            try:
                outcomes = await self.batch([("getrawtransaction", (txid,)) for txid in batch])
            except NodeOversize:
                if len(batch) == 1:
                    raise
                self._transactions_at_once = max(1, len(batch) // 2)
                continue
            for txid, outcome in zip(batch, outcomes, strict=True):
                if not (isinstance(outcome, NodeError) and outcome.code == UNKNOWN):
                    raws[txid] = _raw(_result(outcome))
            rest = rest[len(batch) :]
            self._transactions_at_once = min(TRANSACTIONS_PER_BATCH, self._transactions_at_once + 1)
        return raws

    async def mempool_entries(self, txids: Sequence[bytes]) -> dict[bytes, MempoolEntry]:
        """Return what the mempool says of these transactions; those that have left it are left out."""
        outcomes = await self.batch([("getmempoolentry", (display(txid),)) for txid in txids])
        return {
            txid: _mempool_entry(_result(outcome))
            for txid, outcome in zip(txids, outcomes, strict=True)
            if not (isinstance(outcome, NodeError) and outcome.code == UNKNOWN)
        }

    async def relay_rate(self) -> Koinu:
        """Return the lowest fee per kB that the node relays."""
        return Koinu(_koinu(await self.call("getnetworkinfo"), "relayfee"))

    async def _in_mempool(self, txid: bytes) -> bool:
        try:
            await self.call("getmempoolentry", display(txid))
        except NodeError as error:
            if error.code == UNKNOWN:
                return False
            raise
        return True

    async def coins(self, outpoints: Sequence[tuple[bytes, int]]) -> tuple[bytes, list[int | None]] | None:
        """Return the tip's hash and the koinu of each output; None for an output that a block has spent.

        None instead of both if the tip moved meanwhile.
        """
        tip = (await self.chain_state()).hash
        calls = [("gettxout", (display(txid), vout, False)) for txid, vout in outpoints]
        amounts = [_amount(_result(outcome)) for outcome in await self.batch(calls)]
        return (tip, amounts) if (await self.chain_state()).hash == tip else None

    async def unspent(self, outpoints: Sequence[Outpoint]) -> list[UnspentOutput | None]:
        """Return what nothing spends, neither a block nor the mempool; None for each other output."""
        calls = [("gettxout", (display(txid), vout, True)) for txid, vout in outpoints]
        return [_unspent(_result(outcome)) for outcome in await self.batch(calls)]

    async def decode(self, text: str) -> dict[str, Any]:
        """Return what the hexadecimal bytes of a transaction say, in Core's shape, amounts as Decimal."""
        answer = await self.call("decoderawtransaction", text)
        if not isinstance(answer, dict):
            raise NodeNonsense("The node's transaction is no object.")
        return answer

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        """Send transactions, one after the other; return for each its txid, or the node's error.

        To send one again is no error while it is in the node's mempool.
        """
        outcomes = await self.batch([("sendrawtransaction", (raw.hex(),)) for raw in raws])
        return [outcome if isinstance(outcome, NodeError) else _hash(outcome) for outcome in outcomes]


def _result(outcome: Any) -> Any:
    if isinstance(outcome, NodeError):
        raise outcome
    return outcome


def _hash(value: Any) -> bytes:
    try:
        return internal(value)
    except (Unreadable, TypeError):
        raise NodeNonsense("The node answered with something else than a hash.") from None


def _raw(value: Any) -> bytes:
    try:
        return bytes.fromhex(value)
    except (ValueError, TypeError):
        raise NodeNonsense("The node answered with something else than hexadecimal bytes.") from None


def _member(answer: Any, name: str) -> Any:
    if not isinstance(answer, dict) or name not in answer:
        raise NodeNonsense(f"The node's answer has no {name}.")
    return answer[name]


def _mempool_entry(answer: Any) -> MempoolEntry:
    parents = _member(answer, "depends")
    if not isinstance(parents, list):
        raise NodeNonsense("The node's depends is no list.")
    ancestors = _number(answer, "ancestorcount") - 1  # Core counts the transaction itself
    fee = Koinu(_koinu(answer, "fee"))
    return MempoolEntry(fee, _number(answer, "size"), [_hash(parent) for parent in parents], ancestors)


def _amount(coin: Any) -> int | None:
    return None if coin is None else _koinu(coin, "value")


def _koinu(answer: Any, name: str) -> int:
    value = _member(answer, name)
    if not isinstance(value, int | Decimal):
        raise NodeNonsense(f"The node's {name} is no amount.")
    try:
        return parse(str(value))  # as written: a number is not rounded here
    except BadAmount:
        raise NodeNonsense(f"The node's {name} is no amount that it could be.") from None


def _unspent(coin: Any) -> UnspentOutput | None:
    value = _amount(coin)
    if value is None:
        return None
    return UnspentOutput(Koinu(value), _number(coin, "confirmations"), _member(coin, "coinbase") is True)


def _text(answer: Any, name: str) -> str:
    value = _member(answer, name)
    if not isinstance(value, str):
        raise NodeNonsense(f"The node's {name} is no text.")
    return value


def _number(answer: Any, name: str) -> int:
    value = _member(answer, name)
    if type(value) is not int or not 0 <= value < 2**32:
        raise NodeNonsense(f"The node's {name} is no number that it could be.")
    return value
