"""How the program is told to stop: by Ctrl-C, by the SIGTERM of a supervisor, by the SIGHUP of a terminal that was closed."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, redirect_stdout
from types import FrameType
from typing import Any, Final, TextIO, cast

import uvloop

ASKED: Final = (signal.SIGTERM, signal.SIGHUP)
"""They mean the same however often they come: `make` passes on what its whole group was sent, so that each comes twice."""
HURRIED: Final = 130
"""The exit code of what Ctrl-C broke off."""


@contextmanager
def as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP break the block off as Ctrl-C does: what was opened is closed; then the program ends by them."""
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        _hear_no_more()
        came.append(number)
        raise KeyboardInterrupt

    for number in _heard():
        signal.signal(number, end)
    try:
        yield
    finally:
        if came:
            signal.signal(came[0], signal.SIG_DFL)
            signal.raise_signal(came[0])


def until_stopped(start: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until a signal sets the event; a second Ctrl-C does not wait for anything.

    Standard output may be closed at any moment, as it is with the terminal that it goes to: that alone ends nothing.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, _interrupt, stop)
        for number in _heard():
            loop.add_signal_handler(number, stop.set)
        await start(stop)

    try:
        with redirect_stdout(cast("TextIO", _Output(sys.stdout))):
            uvloop.run(main())
    finally:
        _hear_no_more()  # what was opened before is closed now


class _Output:
    """A stream whose reader may go away: from then on nothing that is written to it goes anywhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """Return what the stream has beside."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or forget it."""
        try:
            return self._stream.write(text)
        except OSError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        """Send what was written, or forget it."""
        try:
            self._stream.flush()
        except OSError:
            self._let_go()

    def _let_go(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(
            nowhere, self._stream.fileno()
        )  # what the stream still holds is written at the end, and must not fail
        os.close(nowhere)


def _heard() -> list[signal.Signals]:
    """But for what the caller has asked to ignore, as nohup does with SIGHUP."""
    return [number for number in ASKED if signal.getsignal(number) is not signal.SIG_IGN]


def _hear_no_more() -> None:
    for number in ASKED:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(HURRIED)
    stop.set()
