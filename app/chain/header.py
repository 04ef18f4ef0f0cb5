"""The 80-byte header that names a block, hashes as text, and the work behind a difficulty."""

import re
import struct
from dataclasses import dataclass
from typing import Final

from app.domain.dogecoin import hash256

AUXPOW_FLAG: Final = 0x100
HEADER_BYTES: Final = 80
NO_HASH: Final = bytes(32)

_HEADER: Final = struct.Struct("<i32s32sIII")
_HASH_TEXT: Final = re.compile("[0-9A-Fa-f]{64}")


class Unreadable(Exception):
    """The bytes are no block or transaction; the message says what is wrong, and at which byte."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a block. `time` is in seconds since 1970; hashes are in internal order."""

    version: int
    previous: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int
    hash: bytes

    @property
    def is_auxpow(self) -> bool:
        """True if the block carries the proof of a parent chain. The flag decides, never the height."""
        return bool(self.version & AUXPOW_FLAG)


def display(hash_: bytes) -> str:
    """Write the hash as people and the node's RPC do: hexadecimal, reversed."""
    return hash_[::-1].hex()


def internal(text: str) -> bytes:
    """Read what `display` wrote; raise `Unreadable` for anything but 64 hexadecimal digits."""
    if not _HASH_TEXT.fullmatch(text):
        raise Unreadable("a hash has 64 hexadecimal digits")
    return bytes.fromhex(text)[::-1]


def target(bits: int) -> int:
    """Unpack the highest number that proves the work; 0 where Core finds it negative or too large."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    value = mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)
    return 0 if bits & 0x800000 or value >= 2**256 else value


def work(bits: int) -> int:
    """Return the expected number of hashes behind a block of this difficulty (Core: `GetBlockProof`)."""
    limit = target(bits)
    return 2**256 // (limit + 1) if limit else 0


def parse_header(raw: bytes) -> Header:
    """Read exactly 80 bytes; else raise `Unreadable`."""
    if len(raw) != HEADER_BYTES:
        raise Unreadable(f"a header has {HEADER_BYTES} bytes, not {len(raw)}")
    version, previous, merkle_root, time, bits, nonce = _HEADER.unpack(raw)
    return Header(version, previous, merkle_root, time, bits, nonce, hash256(raw))
