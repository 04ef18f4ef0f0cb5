"""A file as a sink: one JSON object a line, on the disk before the cursor moves, rotated by size."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from app.domain import outbox
from app.domain.outbox import Event
from app.events.sink_runner import Sink, UndeliveredEvents
from app.runtime import folders

BATCH: Final = 500
"""Lines of one fsync."""
BLOCK_BYTES: Final = 65_536
MODE: Final = 0o640
"""Only the owner and the group may read who was paid what."""


def sink(
    name: str, file: "File", types: tuple[str, ...] = (outbox.ALL,), foreign_id: str | None = None
) -> Sink:
    """Return the file as a sink for events of these types, of one account where `foreign_id` is given."""
    return Sink(name, f"the log {file.path}", file.send, types, foreign_id, BATCH)


@dataclass(frozen=True, slots=True)
class File:
    """A file of at most `limit_bytes`, unless a batch is larger, and `older` ones; `path.1` is the newest."""

    path: Path
    limit_bytes: int
    older: int
    lock: Lock = field(default_factory=Lock)

    async def send(self, page: Sequence[Event]) -> None:
        """Append a line for each event: all are on the disk when it returns."""
        lines = b"".join(outbox.envelope(event) + b"\n" for event in page)
        try:
            await asyncio.to_thread(self._append, lines)
        except OSError as error:
            raise UndeliveredEvents(f"{type(error).__name__}: {error.strerror}") from None

    def _append(self, lines: bytes) -> None:
        """Write and close the file, which may be moved away; a cancelled task's thread may hold the lock."""
        with self.lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if _whole_bytes(self.path) + len(lines) > self.limit_bytes:
                _rotate(self.path, self.older)
            is_new = not self.path.exists()
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            try:
                _write(file, lines)
                os.fsync(file)
            finally:
                os.close(file)
            if is_new:
                folders.sync(self.path.parent)


def _whole_bytes(path: Path) -> int:
    """Cut off the half line that a crash or a full disk left, and return the length of the file.

    The event of that line was not acknowledged, and comes again.
    """
    if not path.exists():
        return 0
    with path.open("r+b", buffering=0) as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - BLOCK_BYTES)
            newline = os.pread(file.fileno(), end - begin, begin).rfind(b"\n")
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        if end < size:
            file.truncate(end)
    return end


def _rotate(path: Path, older: int) -> None:
    """Make room at `path`. Only files up to the first free number move, so a crash loses none."""
    if not path.exists():
        return
    files = [path.with_name(f"{path.name}.{number}") for number in range(1, older + 1)]
    free = next((index for index, file in enumerate(files) if not file.exists()), older - 1)
    for index in range(free, 0, -1):
        files[index - 1].replace(files[index])
    path.replace(files[0])


def _write(file: int, lines: bytes) -> None:
    unwritten = memoryview(lines)
    while unwritten:
        unwritten = unwritten[os.write(file, unwritten) :]
