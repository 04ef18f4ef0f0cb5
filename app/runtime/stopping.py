"""How the program stops: by Ctrl-C, a supervisor's SIGTERM, or the SIGHUP of a terminal that was closed."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import redirect_stdout
from typing import Any, TextIO, cast

import uvloop

from app.runtime import interrupts


def until_stopped(start: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until a signal sets the event; a second Ctrl-C ends the program at once.

    Standard output may close at any moment, as it does with its terminal: that alone ends nothing.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, _interrupt, stop)
        for number in interrupts.handled():
            loop.add_signal_handler(number, stop.set)
        await start(stop)

    try:
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            uvloop.run(main())
    finally:
        interrupts.ignore()  # what was opened before is closed now


class _Output:
    """A stream whose reader may go away: what is written after that is discarded."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """Return the stream's other attributes."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or discard."""
        try:
            return self._stream.write(text)
        except OSError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        """Send what was written, or discard it."""
        try:
            self._stream.flush()
        except OSError:
            self._discard()

    def _discard(self) -> None:
        """Send the stream to /dev/null: what it still buffers is written at the end, and must not fail."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)


def _interrupt(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(interrupts.INTERRUPTED)
    stop.set()
