"""Signals that stop the program before there is an event loop. What every command loads: no more than it needs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""A second signal changes nothing: `make` passes on what its whole group gets, so that each comes twice."""
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C."""


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt the block as Ctrl-C does; after it the program ends by the signal."""
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        ignore()
        received.append(number)
        raise KeyboardInterrupt

    for number in handled():
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        if received:
            signal.signal(received[0], signal.SIG_DFL)
            signal.raise_signal(received[0])


def handled() -> list[signal.Signals]:
    """Return the stop signals but those that the caller has us ignore, as nohup does with SIGHUP."""
    return [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def ignore() -> None:
    """Ignore them from now on."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
