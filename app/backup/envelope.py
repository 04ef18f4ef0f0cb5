"""An encrypted file: a head, then chunks, each authenticated with its number and with whether it is the last."""

import json
import secrets
import struct
from collections.abc import Iterator
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.chain.seed_record import STRONG, Cost

MAGIC: Final = b"kennel backup 1\n"
CHUNK_BYTES: Final = 1 << 18
HEAD_BYTES: Final = 4_096
SALT_BYTES: Final = 16
TAG_BYTES: Final = 16
_LENGTH: Final = struct.Struct(">I")
_NONCE: Final = struct.Struct(">IQ")
"""The number of a chunk is its nonce: the key is of this file alone, as its salt is."""


class NoBackup(Exception):
    """The file is no whole backup, or the passphrase does not open it; the message is a sentence."""


class Sealer:
    """Encrypts what is written to it into `file`; `close` writes the last chunk, without which no file is whole."""

    def __init__(self, file: IO[bytes], passphrase: str, cost: Cost = STRONG) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        self._head = MAGIC + json.dumps({"n": cost.n, "p": cost.p, "salt": salt.hex()}).encode() + b"\n"
        self._cipher = cost.cipher(passphrase, salt)
        self._file = file
        self._buffer = bytearray()
        self._number = 0
        file.write(self._head)

    def write(self, content: bytes) -> None:
        """Add to the content."""
        self._buffer += content
        while len(self._buffer) > CHUNK_BYTES:
            self._seal(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]

    def close(self) -> None:
        """Write what remains, as the last chunk."""
        self._seal(bytes(self._buffer), last=True)

    def _seal(self, content: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number), content, _bound(self._head, last=last))
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1


def opened(file: IO[bytes], passphrase: str) -> Iterator[bytes]:
    """Yield the content of a file chunk by chunk, the last one too; raise NoBackup where it is not as it was written."""
    head, cipher = _head(file, passphrase)
    number, ended = 0, False
    while sealed := _chunk(file):
        if ended:
            raise NoBackup("The backup is damaged: something follows its end.")
        content, ended = _open(cipher, head, number, sealed)
        number += 1
        yield content
    if not ended:
        raise NoBackup("The backup is not whole: its end is missing.")


def _head(file: IO[bytes], passphrase: str) -> tuple[bytes, AESGCM]:
    magic, line = file.read(len(MAGIC)), file.readline(HEAD_BYTES)
    if magic != MAGIC:
        raise NoBackup("The file is no backup of Kennel.")
    try:
        terms: dict[str, Any] = json.loads(line)
        cost, salt = Cost(n=int(terms["n"]), p=int(terms["p"])), bytes.fromhex(terms["salt"])
    except (ValueError, KeyError, TypeError):
        raise NoBackup("The backup is damaged at its beginning.") from None
    return magic + line, cost.cipher(passphrase, salt)


def _chunk(file: IO[bytes]) -> bytes:
    """Read a chunk; empty at the end of the file."""
    length = file.read(_LENGTH.size)
    if not length:
        return b""
    size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else 0
    sealed = file.read(size) if TAG_BYTES <= size <= CHUNK_BYTES + TAG_BYTES else b""
    if not sealed or len(sealed) != size:
        raise NoBackup("The backup is not whole: it breaks off, or it is damaged.")
    return sealed


def _open(cipher: AESGCM, head: bytes, number: int, sealed: bytes) -> tuple[bytes, bool]:
    """Return the content of a chunk, and whether it is the last."""
    for last in (False, True):
        try:
            return cipher.decrypt(_nonce(number), sealed, _bound(head, last=last)), last
        except InvalidTag:
            continue
    if number == 0:
        raise NoBackup("The passphrase does not open the backup, or the backup is damaged.")
    raise NoBackup(f"The backup is damaged: chunk {number} is not as it was written.")


def _nonce(number: int) -> bytes:
    return _NONCE.pack(0, number)


def _bound(head: bytes, *, last: bool) -> bytes:
    return head + (b"last" if last else b"more")
