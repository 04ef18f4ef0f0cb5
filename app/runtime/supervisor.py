"""Runs children of this process: starts again whoever dies, and ends them in order when it is told to stop."""

import ctypes
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_log = logging.getLogger(__name__)

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
TICK_SECONDS: Final = 0.5
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A child that has run so long has started well: after its end the pauses begin anew."""
STOP_SECONDS: Final = 30.0
"""Longer than a child takes to end all it has begun; after that it is killed."""
STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SIGNALS: Final = (signal.SIGCHLD, *STOPS)
INTERRUPTED: Final = 130

Ready = Callable[[], None]


class NotStarted(Exception):
    """A child ended before it was ready; it has said why."""


@dataclass(slots=True)
class Child:
    """A child by its name; `run` calls its argument when it is ready, and returns when a signal has ended it."""

    name: str
    run: Callable[[Ready], None]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    ready: int = field(default=-1, repr=False)

    def start(self, clock: Callable[[], float]) -> None:
        """Fork. The child ends without unwinding what its parent has open."""
        self.ready, writing = os.pipe()
        sys.stdout.flush()
        self.pid, self.started = os.fork(), clock()
        if not self.pid:
            os.close(self.ready)
            os._exit(_carry_out(self.run, writing))
        os.close(writing)

    def says(self, seconds: float) -> bool | None:
        """Return whether the child is ready, or False where it ended before; None: neither within `seconds`."""
        if not select.select([self.ready], [], [], seconds)[0]:
            return None
        said = os.read(self.ready, 1)
        os.close(self.ready)
        return bool(said)

    def ended(self, status: int, now: float) -> None:
        """Note its end, and when it is to be started again."""
        self.failures = 0 if now - self.started >= STEADY_SECONDS else self.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self.failures, 10))
        code = os.waitstatus_to_exitcode(status)
        reason = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        _log.error("%s (process %d) ended %s: it starts again in %g s", self.name, self.pid, reason, pause)
        self.pid, self.due = 0, now + pause


class Supervisor:
    """Keeps children alive. They start in order, each when the one before is ready, and end in reverse.

    The process may have no threads and no event loop. `tend` is called twice a second.
    """

    def __init__(
        self,
        children: Sequence[Child],
        tend: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = children
        self._tend = tend
        self._clock = clock
        self._stopping = False

    def run(self, started: Callable[[], None]) -> None:
        """Run until a signal says to stop; `started` is called when all are ready. Raises NotStarted."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            for child in self._children:
                self._begin(child)
            if not self._stopping:
                started()
            while not self._stopping:
                self._step()
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _begin(self, child: Child) -> None:
        """Start a child and wait until it is ready, or until a signal says to stop."""
        if self._stopping:
            return
        child.start(self._clock)
        while (ready := child.says(TICK_SECONDS)) is None:
            if _received(0) in STOPS:
                self._stopping = True
                return
        if not ready:
            raise NotStarted

    def _step(self) -> None:
        """Wait for a signal, and start whoever is due."""
        if _received(TICK_SECONDS) in STOPS:
            self._stopping = True
            return
        self._reap()
        self._tend()
        for child in self._children:
            if not child.pid and child.due <= self._clock():
                child.start(self._clock)
                os.close(child.ready)

    def _reap(self) -> None:
        """Note all children that have ended; those of others, as PostgreSQL's, are left to them."""
        for child in self._children:
            if child.pid:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    child.ended(status, self._clock())

    def _stop(self) -> None:
        """End the children in reverse: those of one name's kind together."""
        running = [child for child in self._children if child.pid]
        for kind in reversed(list(dict.fromkeys(child.name for child in running))):
            self._end([child for child in running if child.name == kind])

    def _end(self, children: Sequence[Child]) -> None:
        """Tell them to stop, and wait; kill what takes longer than STOP_SECONDS, or at a second Ctrl-C."""
        self._signal(children, signal.SIGTERM)
        deadline = self._clock() + STOP_SECONDS
        while self._any_left(children):
            received = _received(TICK_SECONDS)
            self._tend()
            if received == signal.SIGINT or self._clock() > deadline:
                self._signal(children, signal.SIGKILL)

    def _any_left(self, children: Sequence[Child]) -> bool:
        for child in children:
            if child.pid and os.waitpid(child.pid, os.WNOHANG)[0]:
                child.pid = 0
        return any(child.pid for child in children)

    def _signal(self, children: Sequence[Child], number: signal.Signals) -> None:
        for child in children:
            if child.pid:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, number)


def _received(seconds: float) -> int | None:
    """Return which of SIGNALS has come, or None after so many seconds.

    Where the process was frozen meanwhile, as by `docker pause`, and the time is over, CPython fills the answer with
    what happens to lie in memory: it says no signal of ours.
    """
    received = signal.sigtimedwait(SIGNALS, seconds)
    return received.si_signo if received is not None and received.si_signo in SIGNALS else None


def _carry_out(run: Callable[[Ready], None], writing: int) -> int:
    """Be the child: return its exit code. A parent that dies takes it along."""
    parent = os.getppid()
    if prctl := getattr(ctypes.CDLL(None), "prctl", None):
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.setpgid(0, 0)  # a terminal's Ctrl-C is the parent's, who ends us in order
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if os.getppid() != parent:
        return INTERRUPTED

    def ready() -> None:
        with suppress(OSError):  # a child that is started again has nobody who waits for it
            os.write(writing, b".")

    try:
        run(ready)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    except BaseException:  # noqa: BLE001  whatever it is, the parent's blocks are not ours to leave
        traceback.print_exc()
        return 1
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
