"""Base58Check, the text form of addresses and keys, and the hashes that addresses are made of."""

import hashlib
from collections.abc import Callable
from contextlib import suppress

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MAX_CHARS = 128  # an extended key has 111; decoding takes quadratic time, so the text is bounded first

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Two digits at once, as texts: half the divisions of a large number."""
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_CHECKSUM_BYTES = 4


def _ripemd160() -> Callable[[bytes], bytes]:
    """Choose an implementation once: some builds of OpenSSL lack this hash."""
    with suppress(ValueError):
        hashlib.new("ripemd160", b"")
        return lambda message: hashlib.new("ripemd160", message).digest()
    from Crypto.Hash import RIPEMD160

    return lambda message: RIPEMD160.new(message).digest()


_ripemd160_of = _ripemd160()


def hash160(message: bytes) -> bytes:
    """RIPEMD-160 of SHA-256: 20 bytes."""
    return _ripemd160_of(hashlib.sha256(message).digest())


def hash256(message: bytes) -> bytes:
    """SHA-256 of SHA-256: 32 bytes. Names blocks and transactions, in internal order."""
    return hashlib.sha256(hashlib.sha256(message).digest()).digest()


def base58_encode(payload: bytes) -> str:
    """Write `payload`, version bytes included, with its checksum."""
    checked = payload + hash256(payload)[:_CHECKSUM_BYTES]
    number = int.from_bytes(checked, "big")
    pairs = []
    while number:
        number, value = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[value])
    zeros = len(checked) - len(checked.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(pairs)).lstrip("1")


def base58_decode(text: str) -> bytes | str:
    """Read the payload, version bytes included, or return a `str`: half a sentence that says what is wrong.

    It never repeats the text, which may be a private key.
    """
    if len(text) > MAX_CHARS:
        return f"is too long ({len(text)} characters)"
    number = 0
    for character in text:
        if character not in _VALUES:
            return f"is not Base58: it contains {character!r}"
        number = number * 58 + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    checked = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = checked[:-_CHECKSUM_BYTES], checked[-_CHECKSUM_BYTES:]
    if not payload:
        return "is too short"
    if hash256(payload)[:_CHECKSUM_BYTES] != checksum:
        return "has a wrong checksum: a character is mistyped or missing"
    return payload
