"""The 80 bytes that name a block, hashes, and what a block's difficulty is worth."""

import struct
from dataclasses import dataclass
from hashlib import sha256

AUXPOW_FLAG = 0x100
HEADER_BYTES = 80
NO_HASH = bytes(32)

_HEADER = struct.Struct("<i32s32sIII")


class Unreadable(Exception):
    """The bytes are no block or transaction; the message says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Header:
    """The 80 bytes that name a block. `time` is in seconds since 1970."""

    version: int
    previous: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int
    hash: bytes

    @property
    def is_auxpow(self) -> bool:
        """Whether the block carries the proof of a parent chain. The flag decides, never the height."""
        return bool(self.version & AUXPOW_FLAG)


def hash256(raw: bytes) -> bytes:
    """SHA-256 twice: names blocks and transactions, in internal order."""
    return sha256(sha256(raw).digest()).digest()


def display(hash_: bytes) -> str:
    """Write the hash as people and the node's RPC do: hexadecimal, reversed."""
    return hash_[::-1].hex()


def internal(text: str) -> bytes:
    """Turn round `display`; anything but 64 hexadecimal digits raises `Unreadable`."""
    if len(text) != 64:
        raise Unreadable("a hash has 64 hexadecimal digits")
    try:
        hash_ = bytes.fromhex(text)
    except ValueError:
        raise Unreadable("a hash has 64 hexadecimal digits") from None
    if len(hash_) != 32:  # fromhex passes over spaces
        raise Unreadable("a hash has 64 hexadecimal digits")
    return hash_[::-1]


def target(bits: int) -> int:
    """Unpack the number a proof of work must not exceed from its compact form; 0 where Core finds it negative or too large."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    value = mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)
    return 0 if bits & 0x800000 or value >= 2**256 else value


def work(bits: int) -> int:
    """Hashes that a block of this difficulty stands for (Core: `GetBlockProof`)."""
    limit = target(bits)
    return 2**256 // (limit + 1) if limit else 0


def parse_header(raw: bytes) -> Header:
    """Read exactly 80 bytes; raises `Unreadable`."""
    if len(raw) != HEADER_BYTES:
        raise Unreadable(f"a header has {HEADER_BYTES} bytes, not {len(raw)}")
    version, previous, merkle_root, time, bits, nonce = _HEADER.unpack(raw)
    return Header(version, previous, merkle_root, time, bits, nonce, hash256(raw))


def header_bytes(header: Header) -> bytes:
    """Write the 80 bytes, whatever `hash` says."""
    return _HEADER.pack(
        header.version, header.previous, header.merkle_root, header.time, header.bits, header.nonce
    )
