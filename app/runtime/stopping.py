"""How the program stops: by Ctrl-C, a supervisor's SIGTERM, or the SIGHUP of a terminal that was closed."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, redirect_stdout
from types import FrameType
from typing import Any, Final, TextIO, cast

import uvloop

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""A second signal changes nothing: `make` passes on what its whole group gets, so that each comes twice."""
INTERRUPTED: Final = 130
"""The exit code after a second Ctrl-C."""


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the block as Ctrl-C does; after it the program ends by the signal."""
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        _ignore_stop_signals()
        received.append(number)
        raise KeyboardInterrupt

    for number in _handled():
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        if received:
            signal.signal(received[0], signal.SIG_DFL)
            signal.raise_signal(received[0])


def until_stopped(start: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until a signal sets the event; a second Ctrl-C ends the program at once.

    Standard output may close at any moment, as it does with its terminal: that alone ends nothing.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, _interrupt, stop)
        for number in _handled():
            loop.add_signal_handler(number, stop.set)
        await start(stop)

    try:
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            uvloop.run(main())
    finally:
        _ignore_stop_signals()  # what was opened before is closed now


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


def _handled() -> list[signal.Signals]:
    """Return the stop signals but those that the caller has us ignore, as nohup does with SIGHUP."""
    return [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _ignore_stop_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(INTERRUPTED)
    stop.set()
