"""The whole program as a real process, and the node that it follows, for tests that speak HTTP only."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import httpx

from tests import leaks

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
DEADLINE_SECONDS = 20
COMMAND_SECONDS = 90
PROBE_SECONDS = 0.02
STARTED = b"Kennel runs"

Found = TypeVar("Found")


class NeverTrueError(AssertionError):
    """What was waited for did not happen."""


def until(condition: Callable[[], Found], seconds: float = DEADLINE_SECONDS) -> Found:
    """Ask again and again until the answer is true; an answer that cannot be had just now is no answer."""
    deadline = time.monotonic() + seconds
    seen: object = "nothing yet"
    while time.monotonic() < deadline:
        try:
            found = condition()
        except httpx.HTTPError as trouble:
            seen = trouble
        else:
            if found:
                return found
            seen = found
        time.sleep(PROBE_SECONDS)
    raise NeverTrueError(f"It never came true within {seconds} s; the last answer was {seen!r}")


def until_equal(read: Callable[[], Found], expected: Found, seconds: float = DEADLINE_SECONDS) -> None:
    """Ask until the answer is the expected one; else show the difference."""
    with suppress(NeverTrueError):
        until(lambda: read() == expected, seconds)
    found = read()
    assert found == expected, f"{repr(found)[:2000]} is not {repr(expected)[:2000]}"


PORTS = Path(tempfile.gettempdir()) / "kennel-test-ports.lock"
"""A file in which each process of tests locks one byte for each port that it was given."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, neither given to another process of tests nor such as outgoing connections get.

    A test's program listens seconds after it was given its ports, and not while it is killed. So a port stays with the
    process of tests that took it until that process ends.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 32_000)  # Linux hands out 32768 and above
        if reserve(port) and not _is_listened_on(port):
            found.append(port)
    return found


@cache
def _ports() -> IO[bytes]:
    """Open the file of ports once: a process that closes it anywhere loses all its locks."""
    return os.fdopen(os.open(PORTS, os.O_CREAT | os.O_RDWR, 0o666), "r+b", buffering=0)


_own_ports: set[int] = set()


def reserve(port: int) -> bool:
    """Take the port for this process; say whether nobody had taken it."""
    if port in _own_ports:  # a process is never refused what it holds
        return False
    try:
        fcntl.lockf(_ports(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    _own_ports.add(port)
    return True


def _is_listened_on(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def lives(pid: int) -> bool:
    """Whether it runs; a dead process whose parent has not looked is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return False


class NodeError(Exception):
    """What the node answered instead of a result."""


class Node:
    """The JSON-RPC of a node, as a person at its command line would use it."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", auth=("kennel", "kennel"), timeout=seconds
        )
        self._mined_to = ""

    def __call__(self, method: str, *parameters: Any) -> Any:
        asked = {"jsonrpc": "1.0", "id": 1, "method": method, "params": list(parameters)}
        answer = json.loads(self._client.post("/", json=asked).content, parse_float=Decimal)
        if answer["error"] is not None:
            raise NodeError(f"{method}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        self._client.close()

    @property
    def height(self) -> int:
        return int(self("getblockcount"))

    def mine(self, count: int = 1) -> list[str]:
        """Mine blocks with what waits; returns their hashes."""
        hashes: list[str] = self("generatetoaddress", count, self.miner())
        return hashes

    def mine_empty(self, count: int = 1) -> list[str]:
        """Mine blocks that leave out what waits."""
        return [self("generateblock", self.miner(), []) for _ in range(count)]

    def miner(self) -> str:
        """Where the tests' blocks pay to."""
        self._mined_to = self._mined_to or self("getnewaddress")
        return self._mined_to

    def fill_faucet(self) -> None:
        """Mine enough for many coins of the faucet to be mature, as the block timer does on a first start."""
        if self.height < 100:
            self("generate", 100 - self.height)


class Process:
    """A process of ours that is started, stopped and killed; what it says goes to a file."""

    def __init__(self, home: Path, command: list[str], environment: dict[str, str]) -> None:
        self.home = home
        self.output = home / "output.txt"
        self._command = [sys.executable, "-m", *command]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)

    def spawn(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.home,
                env=clean | {"PYTHONPATH": str(ROOT)} | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def said(self, after: int = 0) -> str:
        """The end of what it has said after so many bytes, and how it ended if it did so by itself."""
        code = None if self._process is None else self._process.poll()
        ended = "" if code is None else f"\nIt has ended with exit code {code}.\n"
        return self.output.read_bytes()[after:][-8000:].decode(errors="replace") + ended

    @property
    def pid(self) -> int:
        """The process's number, 0 where none runs."""
        return 0 if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        return self._end(signal.SIGTERM)

    def answers(self, condition: Callable[[], bool]) -> None:
        """Wait until it does; a process that has ended never will."""

        def ready() -> bool:
            assert self.runs, f"The process has ended:\n{self.said()}"
            return condition()

        until(ready, START_SECONDS)

    def _told_no_secret(self) -> None:
        said = self.output.read_text(errors="replace")
        leaked = leaks.of(said, leaks.known(self._environment))
        assert leaked == [], f"It has told {leaked}:\n{said}"

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        self._told_no_secret()
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"It did not end within {STOP_SECONDS} s:\n{self.said()}") from None


class Devnet(Process):
    """A devnet that runs alone; it keeps its ports when it is started again."""

    def __init__(self, home: Path) -> None:
        self.port, self.zmq_port = free_ports(2)
        super().__init__(home, ["devnet", str(home / "devnet"), str(self.port), str(self.zmq_port), "0"], {})
        self.node = Node(self.port)

    @property
    def settings(self) -> dict[str, str]:
        """What a program is told that follows it."""
        return {
            "KENNEL_NODE_URL": f"http://kennel:kennel@127.0.0.1:{self.port}",
            "KENNEL_NODE_ZMQ": f"tcp://127.0.0.1:{self.zmq_port}",
        }

    def start(self) -> Self:
        self.spawn()
        self.answers(lambda: self.node.height >= 0)
        return self

    def close(self) -> None:
        self.node.close()
        if self.runs:
            self.kill()


class Program(Process):
    """`kennel serve` in a home of its own. Without a node in `settings` it runs its devnet, and `node` speaks to that."""

    def __init__(self, home: Path, node: Node | None = None, **settings: str) -> None:
        admin, public, rpc, zmq = free_ports(4)
        self.settings = {
            "KENNEL_HOME": str(home / "kennel"),
            "KENNEL_ADMIN_BIND": f"127.0.0.1:{admin}",
            "KENNEL_PUBLIC_BIND": f"127.0.0.1:{public}",
            "KENNEL_DEVNET_BIND": f"127.0.0.1:{rpc}",
            "KENNEL_DEVNET_ZMQ_BIND": f"127.0.0.1:{zmq}",
            "KENNEL_DEVNET_BLOCK_SECONDS": "0",
            "KENNEL_POLL_SECONDS": "0.2",
            **settings,
        }
        super().__init__(home, ["app", "serve"], self.settings)
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{admin}", timeout=30)
        self.public = httpx.Client(base_url=f"http://127.0.0.1:{public}", timeout=30)
        self._own_node = node is None
        self.node = node or Node(rpc)

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return int(self.settings.get("KENNEL_CELLS", "1"))

    def start(self) -> Self:
        """Start it on its home, new or not, and return when both listeners answer, and all its processes run."""
        before = self.output.stat().st_size if self.output.exists() else 0
        self.spawn()
        self.answers(
            lambda: (
                all(client.get("/health").status_code == 200 for client in (self.admin, self.public))
                and ("KENNEL_WORKERS" not in self.settings or STARTED in self.output.read_bytes()[before:])
            )
        )
        return self

    def restart(self, **settings: str) -> None:
        """Stop it, change settings, and start it on the same home."""
        self.stop()
        self.settings.update(settings)
        self.start()

    def close(self) -> None:
        self.admin.close()
        self.public.close()
        if self._own_node:
            self.node.close()
        if self.runs:
            self.stop()

    def pay(self, address: str, amount: str) -> str:
        """Pay from the faucet; the payment waits for a block. Returns its txid."""
        return str(self.node("sendtoaddress", address, amount))

    def mine(self, count: int = 1) -> list[str]:
        """Mine blocks and wait until the ledger has taken them; returns their hashes."""
        hashes = self.node.mine(count)
        self.keep_up()
        return hashes

    def keep_up(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until the ledger is where the node is."""
        until_equal(lambda: self.audit()["height"], self.node.height, seconds)

    def audit(self) -> dict[str, Any]:
        """Hold the books against each other; they agree at every moment."""
        report: dict[str, Any] = self.admin.get("/audit").raise_for_status().json()
        assert report["ok"], report
        return report

    def events(self, **filters: str) -> list[dict[str, Any]]:
        """Read back everything that has happened, page by page."""
        found: list[dict[str, Any]] = []
        cursor = "0"
        while True:
            asked = {"cursor": cursor, "limit": "100", **filters}
            page = self.admin.get("/events", params=asked).raise_for_status().json()
            if not page["items"]:
                return found
            found += page["items"]
            cursor = page["cursor"]


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """Run the program within the block."""
    try:
        yield program.start()
    finally:
        program.close()


@contextmanager
def devnet(home: Path) -> Iterator[Devnet]:
    """Run a devnet alone within the block, with a faucet that can pay."""
    alone = Devnet(home)
    try:
        alone.start().node.fill_faucet()
        yield alone
    finally:
        alone.close()


def command(program: Program, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run `kennel` with the program's settings; what it says on standard error follows what it says on standard output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    ended = subprocess.run(
        [sys.executable, "-m", "app", *words],
        env=clean | {"PYTHONPATH": str(ROOT)} | program.settings,
        cwd=program.home,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    leaked = leaks.of(ended.stdout, leaks.known(program.settings))
    assert leaked == [] or words[:2] == ("key", "create") or words[0] == "seed", (
        f"{words} has told {leaked}:\n{ended.stdout}"
    )
    return ended
