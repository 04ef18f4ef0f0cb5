"""The demo in a process of its own, as somebody sees it who types `make run`."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

ROOT = Path(__file__).parents[2]
LISTENERS = ("ADMIN", "PUBLIC", "DEVNET", "DEVNET_ZMQ", "BROKER", "DEMO_SHOP")
SECONDS = 60


class Terminal:
    """A demo that runs; what it prints comes line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, pattern: str) -> "re.Match[str]":
        """The first line from here on in which the pattern is found."""
        seen: list[str] = []
        while True:
            try:
                seen.append(self._lines.get(timeout=SECONDS))
            except Empty:
                raise AssertionError("\n".join([f"no {pattern!r} in", *seen])) from None
            if match := re.search(pattern, seen[-1]):
                return match

    def rest(self) -> str:
        """What it still prints until it ends."""
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return "\n".join(self._lines.queue)


def environment(home: Path, **more: str) -> dict[str, str]:
    other = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    binds = {f"KENNEL_{name}_BIND": "127.0.0.1:0" for name in LISTENERS}
    quick = {"KENNEL_DEVNET_BLOCK_SECONDS": "0.5", "KENNEL_PAY_WAIT_SECONDS": "60"}
    return {**other, **binds, **quick, "KENNEL_HOME": str(home), **more}


@contextmanager
def demo(home: Path, **more: str) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "app", "demo"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        terminal = Terminal(process)
        try:
            yield terminal
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            terminal.rest()
