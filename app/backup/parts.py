"""The content of a backup: named parts, one after the other, compressed; each is read as it comes."""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final

from app.backup import envelope
from app.backup.envelope import NoBackup, Sealer

PIECE_BYTES: Final = 1 << 20
"""The most of a part that is in memory at once."""
_FRAME: Final = struct.Struct(">cI")
_PART, _PIECE, _END = b"P", b"D", b"E"

Part = tuple[dict[str, Any], Iterator[bytes]]
"""What a part is, and its content, which must be read before the next part."""


class Writer:
    """Writes parts into an encrypted file."""

    def __init__(self, file: IO[bytes], passphrase: str) -> None:
        self._sealer = Sealer(file, passphrase)
        self._compressor = zlib.compressobj(6)

    def begin(self, **about: Any) -> None:
        """Begin a part."""
        self._frame(_PART, json.dumps(about).encode())

    def write(self, content: bytes) -> None:
        """Add to the part that was begun."""
        for start in range(0, len(content), PIECE_BYTES):
            self._frame(_PIECE, content[start : start + PIECE_BYTES])

    def close(self) -> None:
        """Write the end, without which the file is not whole."""
        self._frame(_END, b"")
        self._sealer.write(self._compressor.flush())
        self._sealer.close()

    def _frame(self, kind: bytes, content: bytes) -> None:
        self._sealer.write(self._compressor.compress(_FRAME.pack(kind, len(content)) + content))


def read(file: IO[bytes], passphrase: str) -> Iterator[Part]:
    """Yield the parts of a file; raises NoBackup, also after parts were yielded: `prove` reads all of it before."""
    frames = _frames(_Plain(envelope.opened(file, passphrase)))
    kind, content = next(frames)
    while kind == _PART:
        pieces = _Pieces(frames)
        yield json.loads(content), pieces
        kind, content = pieces.next_frame()
    if kind != _END:
        raise NoBackup("The backup is damaged: its parts are in no order.")


def prove(file: IO[bytes], passphrase: str) -> list[dict[str, Any]]:
    """Read a whole file and say which parts it has; raises NoBackup where anything is not as it was written."""
    about = []
    for part, content in read(file, passphrase):
        for _ in content:
            pass
        about.append(part)
    return about


class _Pieces:
    """The content of a part; after it the frame that follows."""

    def __init__(self, frames: Iterator[tuple[bytes, bytes]]) -> None:
        self._frames = frames
        self._following: tuple[bytes, bytes] | None = None

    def __iter__(self) -> "_Pieces":
        return self

    def __next__(self) -> bytes:
        if self._following is None:
            kind, content = next(self._frames)
            if kind == _PIECE:
                return content
            self._following = kind, content
        raise StopIteration

    def next_frame(self) -> tuple[bytes, bytes]:
        """Pass over what was not read of the part, and return what follows it."""
        for _ in self:
            pass
        return self._following or (_END, b"")


def _frames(plain: "_Plain") -> Iterator[tuple[bytes, bytes]]:
    kind = b""
    while kind != _END:
        kind, size = _FRAME.unpack(plain.read(_FRAME.size))
        if size > PIECE_BYTES:
            raise NoBackup("The backup is damaged: a part of it is too large.")
        yield kind, plain.read(size)
    plain.finish()


class _Plain:
    """Decompresses what was encrypted, as much as is asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decompressor = zlib.decompressobj()
        self._buffer = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return content

    def finish(self) -> None:
        """Read to the end of the file: only its last chunk proves that it is whole."""
        for _ in self._chunks:
            pass

    def _more(self) -> None:
        waiting = self._decompressor.unconsumed_tail or next(self._chunks, b"")
        if not waiting:
            raise NoBackup("The backup is not whole: it breaks off.")
        try:
            self._buffer += self._decompressor.decompress(waiting, PIECE_BYTES)
        except zlib.error:
            raise NoBackup("The backup is damaged: it cannot be decompressed.") from None
