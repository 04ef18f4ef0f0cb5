"""Blocks and transactions as bytes: read whole and exactly, or not at all.

Hashes are `bytes` in internal order (as hashed and as on the wire); `display` and `internal` turn them round. The format is that of
Dogecoin Core 1.14 (`primitives/block.h`, `primitives/transaction.h`, `auxpow.h`). Tuples, not dataclasses, where a block has
thousands of them: they are made three times as fast. What `app.chain.header` has is part of this door.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.chain.header import (
    HEADER_BYTES,
    NO_HASH,
    Header,
    Unreadable,
    display,
    hash256,
    internal,
    parse_header,
    target,
    work,
)
from app.money import MAX_MONEY

__all__ = [
    "HEADER_BYTES", "MAX_BLOCK_BYTES", "NO_HASH", "SIGHASH_ALL", "SIGHASH_NONE", "SIGHASH_SINGLE", "Block", "Header", "Input", "Output",
    "Transaction", "Unreadable", "assemble", "compact_size", "display", "hash256", "internal", "merkle_root", "parse_block", "parse_header",
    "parse_transaction", "serialise", "sighash", "target", "work",
]  # fmt: skip

MAX_BLOCK_BYTES = 4_000_000  # Core: MAX_BLOCK_SERIALIZED_SIZE
MAX_BRANCH = 30  # Core: MAX_CHAIN_MERKLE_BRANCH; a coinbase branch of 2^30 leaves is out of reach as well
SIGHASH_ALL, SIGHASH_NONE, SIGHASH_SINGLE = 1, 2, 3

_ANY_VALUE = 2**64 - 1  # the parent of a merged block counts in a coin of its own
_I32 = struct.Struct("<i").unpack_from
_U32 = struct.Struct("<I").unpack_from
_I32_PACK = struct.Struct("<i").pack
_U32_PACK = struct.Struct("<I").pack
_U64_PACK = struct.Struct("<Q").pack
_OUTPOINT = struct.Struct("<32sIB").unpack_from  # with the first byte of the script's length
_VALUE = struct.Struct("<QB").unpack_from  # likewise
_LONG_SIZES: dict[int, tuple[Callable[[bytes, int], tuple[int]], int, int]] = {
    253: (struct.Struct("<H").unpack_from, 3, 253),
    254: (_U32, 5, 2**16),
    255: (struct.Struct("<Q").unpack_from, 9, 2**32),
}


class Input(NamedTuple):
    """What is spent: output `vout` of `txid`."""

    txid: bytes
    vout: int
    script: bytes
    sequence: int


class Output(NamedTuple):
    """What is paid, in koinu, and the script that may spend it."""

    value: int
    script: bytes


class Transaction(NamedTuple):
    """A transaction in the legacy form, the only one Dogecoin has; `raw` are its bytes."""

    txid: bytes
    version: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    lock_time: int
    raw: bytes

    @property
    def is_coinbase(self) -> bool:
        """Whether it makes new money: one input that spends nothing."""
        return len(self.inputs) == 1 and self.inputs[0].txid == NO_HASH and self.inputs[0].vout == 0xFFFFFFFF

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block. `auxpow` are the bytes between header and transactions, empty where there are none."""

    header: Header
    transactions: tuple[Transaction, ...]
    auxpow: bytes = b""


def merkle_root(txids: Sequence[bytes]) -> bytes:
    """Root over at least one txid; a list that only repeats its own end (CVE-2012-2459) raises `Unreadable`."""
    level = list(txids)
    while len(level) > 1:
        if any(left == right for left, right in zip(level[::2], level[1::2], strict=False)):
            raise Unreadable("the block repeats transactions (CVE-2012-2459)")
        if len(level) % 2:
            level.append(level[-1])
        level = [hash256(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def parse_block(raw: bytes) -> Block:
    """Read a block from all of `raw` and check its merkle root; raises `Unreadable`. Does not check the proof of work."""
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
    """Read one transaction in the legacy form from all of `raw`; raises `Unreadable`."""
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
    """Write the legacy form from the parts, whatever `raw` says."""
    inputs = b"".join(map(_input_bytes, transaction.inputs))
    outputs = b"".join(map(_output_bytes, transaction.outputs))
    counts = compact_size(len(transaction.inputs)), compact_size(len(transaction.outputs))
    return b"".join(
        (
            _I32_PACK(transaction.version),
            counts[0],
            inputs,
            counts[1],
            outputs,
            _U32_PACK(transaction.lock_time),
        )
    )


def assemble(
    inputs: Sequence[Input], outputs: Sequence[Output], *, version: int = 1, lock_time: int = 0
) -> Transaction:
    """Make a transaction of its parts, with its bytes and txid."""
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


def sighash(transaction: Transaction, index: int, script_code: bytes, hash_type: int = 1) -> bytes:
    """Hash what a signature of input `index` signs, the legacy way (Core: `SignatureHash`); `script_code` has no OP_CODESEPARATOR."""
    kind, alone = hash_type & 0x1F, hash_type & 0x80
    if index >= len(transaction.inputs) or (kind == SIGHASH_SINGLE and index >= len(transaction.outputs)):
        return (1).to_bytes(32, "little")  # what Core has always signed where there is nothing to sign
    inputs = [
        spent._replace(
            script=script_code if at == index else b"",
            sequence=spent.sequence if at == index or kind not in (SIGHASH_NONE, SIGHASH_SINGLE) else 0,
        )
        for at, spent in enumerate(transaction.inputs)
        if at == index or not alone
    ]
    outputs = transaction.outputs
    if kind == SIGHASH_NONE:
        outputs = ()
    elif kind == SIGHASH_SINGLE:
        outputs = (Output(_ANY_VALUE, b""),) * index + outputs[index : index + 1]
    parts = transaction._replace(inputs=tuple(inputs), outputs=outputs)
    return hash256(serialise(parts) + _U32_PACK(hash_type))


def _input_bytes(spent: Input) -> bytes:
    script = compact_size(len(spent.script)) + spent.script
    return spent.txid + _U32_PACK(spent.vout) + script + _U32_PACK(spent.sequence)


def _output_bytes(paid: Output) -> bytes:
    return _U64_PACK(paid.value) + compact_size(len(paid.script)) + paid.script


def _size(raw: bytes, at: int) -> tuple[int, int]:
    """Read a CompactSize at `at`: never longer than need be, never larger than what is left."""
    first = raw[at]
    if first < 253:
        return first, at + 1
    read, length, lowest = _LONG_SIZES[first]
    size = read(raw, at + 1)[0]
    if size < lowest:
        raise Unreadable(f"the size at byte {at} is not written the shortest way")
    if size > len(raw) - at:
        raise Unreadable(f"the size {size} at byte {at} goes beyond the end")
    return size, at + length


def _read_transactions(raw: bytes, start: int) -> tuple[tuple[Transaction, ...], int]:
    at = start
    try:
        count, at = _size(raw, at)
        transactions = []
        for _ in range(count):
            transaction, at = _read_transaction(raw, at)
            transactions.append(transaction)
    except (struct.error, IndexError):
        raise Unreadable(f"the block ends inside the transaction that begins at byte {at}") from None
    if not transactions:
        raise Unreadable(f"the block has no transactions at byte {start}")
    return tuple(transactions), at


def _read_transaction(raw: bytes, start: int) -> tuple[Transaction, int]:
    """Read the legacy form. Slices may run over the end unseen: the numbers after them cannot."""
    version = _I32(raw, start)[0]
    inputs, at = _read_inputs(raw, start + 4)
    outputs, at = _read_outputs(raw, at, MAX_MONEY)
    lock_time = _U32(raw, at)[0]
    at += 4
    if not inputs or not outputs:
        raise Unreadable(f"the transaction at byte {start} lacks inputs or outputs")
    own = raw[start:at]
    return Transaction(hash256(own), version, inputs, outputs, lock_time, own), at


def _read_inputs(raw: bytes, at: int) -> tuple[tuple[Input, ...], int]:
    count, at = _size(raw, at)
    inputs = []
    for _ in range(count):
        txid, vout, length = _OUTPOINT(raw, at)
        at += 37
        if length >= 253:
            length, at = _size(raw, at - 1)
        end = at + length
        inputs.append(Input(txid, vout, raw[at:end], _U32(raw, end)[0]))
        at = end + 4
    return tuple(inputs), at


def _read_outputs(raw: bytes, at: int, highest: int) -> tuple[tuple[Output, ...], int]:
    count, at = _size(raw, at)
    outputs = []
    for _ in range(count):
        value, length = _VALUE(raw, at)
        if value > highest:
            raise Unreadable(f"the value at byte {at} is not between 0 and {highest} koinu")
        at += 9
        if length >= 253:
            length, at = _size(raw, at - 1)
        end = at + length
        outputs.append(Output(value, raw[at:end]))
        at = end
    return tuple(outputs), at


def _skip_auxpow(raw: bytes) -> int:
    """Find the end of the proof that follows the header: nothing but reading it all tells its length."""
    at = HEADER_BYTES
    try:
        at = _skip_parent_coinbase(raw, at) + 32  # and the parent's hash, which Core does not look at either
        for _ in range(2):
            length, at = _size(raw, at)
            if length > MAX_BRANCH:
                raise Unreadable(f"the merkle branch before byte {at} has {length} hashes")
            at += 32 * length + 4
    except (struct.error, IndexError):
        raise Unreadable(
            f"the block ends inside the proof of work that begins at byte {HEADER_BYTES}"
        ) from None
    return at + HEADER_BYTES


def _skip_parent_coinbase(raw: bytes, start: int) -> int:
    """Find its end. Parents may have SegWit (Litecoin has), so the witness form is read; regtest's has no outputs."""
    at = start + 4
    witness = raw[at] == 0
    if witness and raw[at + 1] != 1:
        raise Unreadable(f"the parent coinbase at byte {start} has neither inputs nor a witness")
    inputs, at = _read_inputs(raw, at + 2 if witness else at)
    if not inputs:
        raise Unreadable(f"the parent coinbase at byte {start} has no inputs")
    _, at = _read_outputs(raw, at, _ANY_VALUE)
    for _ in inputs if witness else ():
        items, at = _size(raw, at)
        for _ in range(items):
            length, at = _size(raw, at)
            at += length
    return at + 4
