"""Blocks and transactions as bytes: read whole and exactly, or not at all.

Hashes are `bytes` in internal order, as they are hashed and sent. The format is that of Dogecoin Core 1.14
(`primitives/block.h`, `primitives/transaction.h`, `auxpow.h`). What a block has by the thousands is a tuple:
it is made three times as fast as a dataclass.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.chain.header import HEADER_BYTES, NO_HASH, Header, Unreadable, parse_header
from app.domain.dogecoin import hash256
from app.money import MAX_MONEY

MAX_BLOCK_BYTES = 4_000_000  # Core: MAX_BLOCK_SERIALIZED_SIZE
MAX_BRANCH = 30  # Core: MAX_CHAIN_MERKLE_BRANCH; a coinbase branch of 2^30 leaves is out of reach too

_ANY_VALUE = 2**64 - 1  # the parent of a merged block counts in another coin
_I32 = struct.Struct("<i").unpack_from
_U32 = struct.Struct("<I").unpack_from
_I32_PACK = struct.Struct("<i").pack
_U32_PACK = struct.Struct("<I").pack
_U64_PACK = struct.Struct("<Q").pack
_OUTPOINT = struct.Struct("<32sIB").unpack_from  # with the first byte of the script's length
_VALUE = struct.Struct("<QB").unpack_from  # likewise
_LONG_SIZES = {253: (2, 253), 254: (4, 2**16), 255: (8, 2**32)}  # bytes, and the lowest value in so many


class Input(NamedTuple):
    """An input: it spends output `vout` of `txid`."""

    txid: bytes
    vout: int
    script: bytes
    sequence: int


class Output(NamedTuple):
    """An output: the koinu that it pays, and the script that says who may spend them."""

    value: int
    script: bytes


class Transaction(NamedTuple):
    """A transaction in the legacy form, the only form that Dogecoin has; `raw` has its bytes."""

    txid: bytes
    version: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    lock_time: int
    raw: bytes

    @property
    def is_coinbase(self) -> bool:
        """True if it makes new money: its only input spends nothing."""
        return len(self.inputs) == 1 and self.inputs[0][:2] == (NO_HASH, 0xFFFFFFFF)

    @property
    def size(self) -> int:
        """The number of bytes on the wire."""
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block. `auxpow` has the bytes between the header and the transactions, if there are any."""

    header: Header
    transactions: tuple[Transaction, ...]
    auxpow: bytes = b""


def merkle_root(txids: Sequence[bytes]) -> bytes:
    """Return the root over at least one txid; raise `Unreadable` if the end repeats (CVE-2012-2459)."""
    level = list(txids)
    while len(level) > 1:
        if any(left == right for left, right in zip(level[::2], level[1::2], strict=False)):
            raise Unreadable("the block repeats transactions (CVE-2012-2459)")
        if len(level) % 2:
            level.append(level[-1])
        level = [hash256(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def parse_block(raw: bytes) -> Block:
    """Read a block from all of `raw`, or raise `Unreadable`. Checks the merkle root, not the work."""
    if len(raw) > MAX_BLOCK_BYTES:
        raise Unreadable(f"a block of {len(raw)} bytes is larger than {MAX_BLOCK_BYTES}")
    header = parse_header(raw[:HEADER_BYTES])
    start = _skip_auxpow(raw) if header.is_auxpow else HEADER_BYTES
    transactions, end = _read_transactions(raw, start)
    if end != len(raw):
        raise Unreadable(f"{len(raw) - end} bytes are left over after the block's end at byte {end}")
    if merkle_root([transaction.txid for transaction in transactions]) != header.merkle_root:
        raise Unreadable(f"the merkle root at byte 36 is not that of the transactions from byte {start}")
    if not transactions[0].is_coinbase or any(transaction.is_coinbase for transaction in transactions[1:]):
        raise Unreadable(f"the transactions from byte {start} are not one coinbase and then none")
    return Block(header, transactions, raw[HEADER_BYTES:start])


def parse_transaction(raw: bytes) -> Transaction:
    """Read one transaction in the legacy form from all of `raw`, or raise `Unreadable`."""
    if len(raw) > MAX_BLOCK_BYTES:
        raise Unreadable(f"a transaction of {len(raw)} bytes is larger than {MAX_BLOCK_BYTES}")
    try:
        transaction, end = _read_transaction(raw, 0)
    except (struct.error, IndexError):
        raise Unreadable(f"the transaction ends early, at byte {len(raw)}") from None
    if end != len(raw):
        raise Unreadable(f"{len(raw) - end} bytes are left over after the transaction's end at byte {end}")
    return transaction


def serialise(transaction: Transaction) -> bytes:
    """Write the legacy form of the parts; ignore the transaction's own `raw`."""
    return b"".join(
        (
            _I32_PACK(transaction.version),
            compact_size(len(transaction.inputs)),
            *map(_input_bytes, transaction.inputs),
            compact_size(len(transaction.outputs)),
            *map(_output_bytes, transaction.outputs),
            _U32_PACK(transaction.lock_time),
        )
    )


def assemble(
    inputs: Sequence[Input], outputs: Sequence[Output], *, version: int = 1, lock_time: int = 0
) -> Transaction:
    """Make a transaction from its parts, with its bytes and txid."""
    parts = Transaction(NO_HASH, version, tuple(inputs), tuple(outputs), lock_time, b"")
    raw = serialise(parts)
    return parts._replace(txid=hash256(raw), raw=raw)


def compact_size(size: int) -> bytes:
    """Write a count or length the shortest way."""
    if size < 253:
        return bytes((size,))
    if size < 2**16:
        return b"\xfd" + size.to_bytes(2, "little")
    return b"\xfe" + size.to_bytes(4, "little") if size < 2**32 else b"\xff" + size.to_bytes(8, "little")


def _input_bytes(spent: Input) -> bytes:
    script = compact_size(len(spent.script)) + spent.script
    return spent.txid + _U32_PACK(spent.vout) + script + _U32_PACK(spent.sequence)


def _output_bytes(paid: Output) -> bytes:
    return _U64_PACK(paid.value) + compact_size(len(paid.script)) + paid.script


def _compact_size(raw: bytes, offset: int) -> tuple[int, int]:
    """Read a CompactSize in its shortest form, no larger than the rest; return it and the next offset."""
    first = raw[offset]
    if first < 253:
        return first, offset + 1
    length, lowest = _LONG_SIZES[first]
    end = offset + 1 + length
    size = int.from_bytes(raw[offset + 1 : end], "little")
    if size < lowest:
        raise Unreadable(f"the size at byte {offset} is not written the shortest way")
    if size > len(raw) - offset:
        raise Unreadable(f"the size {size} at byte {offset} goes beyond the end")
    return size, end


def _read_transactions(raw: bytes, start: int) -> tuple[tuple[Transaction, ...], int]:
    offset = start
    try:
        count, offset = _compact_size(raw, offset)
        transactions = []
        for _ in range(count):
            transaction, offset = _read_transaction(raw, offset)
            transactions.append(transaction)
    except (struct.error, IndexError):
        raise Unreadable(f"the block ends inside the transaction that begins at byte {offset}") from None
    if not transactions:
        raise Unreadable(f"the block has no transactions at byte {start}")
    return tuple(transactions), offset


def _read_transaction(raw: bytes, start: int) -> tuple[Transaction, int]:
    """Read the legacy form. A slice may run over the end unnoticed; the number behind it cannot."""
    version = _I32(raw, start)[0]
    inputs, offset = _read_inputs(raw, start + 4)
    outputs, offset = _read_outputs(raw, offset, MAX_MONEY)
    lock_time = _U32(raw, offset)[0]
    offset += 4
    if not inputs or not outputs:
        raise Unreadable(f"the transaction at byte {start} lacks inputs or outputs")
    whole = raw[start:offset]
    return Transaction(hash256(whole), version, inputs, outputs, lock_time, whole), offset


def _read_inputs(raw: bytes, offset: int) -> tuple[tuple[Input, ...], int]:
    count, offset = _compact_size(raw, offset)
    inputs = []
    for _ in range(count):
        txid, vout, length = _OUTPOINT(raw, offset)
        offset += 37
        if length >= 253:
            length, offset = _compact_size(raw, offset - 1)
        end = offset + length
        inputs.append(Input(txid, vout, raw[offset:end], _U32(raw, end)[0]))
        offset = end + 4
    return tuple(inputs), offset


def _read_outputs(raw: bytes, offset: int, highest: int) -> tuple[tuple[Output, ...], int]:
    count, offset = _compact_size(raw, offset)
    outputs = []
    for _ in range(count):
        value, length = _VALUE(raw, offset)
        if value > highest:
            raise Unreadable(f"the value at byte {offset} is not between 0 and {highest} koinu")
        offset += 9
        if length >= 253:
            length, offset = _compact_size(raw, offset - 1)
        end = offset + length
        outputs.append(Output(value, raw[offset:end]))
        offset = end
    return tuple(outputs), offset


def _skip_auxpow(raw: bytes) -> int:
    """Find the end of the proof that follows the header. Only reading all of it tells its length."""
    try:
        offset = _skip_parent_coinbase(raw, HEADER_BYTES) + 32  # the parent's hash, which Core ignores too
        for _ in range(2):
            length, offset = _compact_size(raw, offset)
            if length > MAX_BRANCH:
                raise Unreadable(f"the merkle branch before byte {offset} has {length} hashes")
            offset += 32 * length + 4
    except (struct.error, IndexError):
        raise Unreadable(f"the block ends inside the proof of work at byte {HEADER_BYTES}") from None
    return offset + HEADER_BYTES


def _skip_parent_coinbase(raw: bytes, start: int) -> int:
    """Find its end. It may have a witness, as Litecoin's has, and it may have no outputs, as on regtest."""
    offset = start + 4
    witness = raw[offset] == 0
    if witness and raw[offset + 1] != 1:
        raise Unreadable(f"the parent coinbase at byte {start} has neither inputs nor a witness")
    inputs, offset = _read_inputs(raw, offset + 2 if witness else offset)
    if not inputs:
        raise Unreadable(f"the parent coinbase at byte {start} has no inputs")
    _, offset = _read_outputs(raw, offset, _ANY_VALUE)
    return (_skip_witness(raw, offset, len(inputs)) if witness else offset) + 4


def _skip_witness(raw: bytes, offset: int, inputs: int) -> int:
    for _ in range(inputs):
        items, offset = _compact_size(raw, offset)
        for _ in range(items):
            length, offset = _compact_size(raw, offset)
            offset += length
    return offset
