"""Three instances of two workers on one PostgreSQL with a standby, a node, a broker and a receiver of webhooks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import httpx

from tests import postgres_pair
from tests.end_to_end.program import ROOT, STARTED, Devnet, Program, devnet, free_ports, until
from tests.end_to_end.receivers import Audience, listening
from tests.faults.conftest import Said, divided
from tests.postgres_pair import Pair

INSTANCES: Final = 3
WORKERS: Final = 2
ANSWER_SECONDS: Final = 5
CALM_SECONDS: Final = 60
"""How long an answer may take when all is whole again, on a machine that has other work too."""
UP_SECONDS: Final = 240
"""While it starts its database may die again, and again."""


class Instance(Program):
    """`kennel serve` with two workers. It is started again until it answers, as systemd or Kubernetes would."""

    def __init__(self, home: Path, node: Devnet, **settings: str) -> None:
        self._said_before = 0
        super().__init__(
            home, node.node, KENNEL_WORKERS=str(WORKERS), KENNEL_PAY_WAIT_SECONDS="1", **settings
        )
        self.wait_up_to(ANSWER_SECONDS)

    def start(self) -> Self:
        """Start it, however often it ends because its database is away."""
        until(self._answers, UP_SECONDS)
        return self

    def wait_up_to(self, seconds: float) -> None:
        """Wait so long for answers: while nobody breaks anything CALM_SECONDS, else ANSWER_SECONDS."""
        self.admin.timeout = self.public.timeout = httpx.Timeout(seconds)

    def spawn(self) -> None:
        self._said_before = self.output.stat().st_size if self.output.exists() else 0
        super().spawn()

    @property
    def processes(self) -> list[int]:
        """Its supervisor, its loops and its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [self.pid, *map(int, children.read_text().split())] if self.runs else []

    def signal(self, number: signal.Signals, *pids: int) -> None:
        for pid in pids:
            if pid in self.processes:
                with suppress(ProcessLookupError):  # it has ended since, and its parent has seen it
                    os.kill(pid, number)

    def kill(self) -> None:
        """End all its processes at once, as a machine that loses power."""
        _, *children = self.processes or [0]
        self.signal(signal.SIGKILL, *children)
        super().kill()

    def _answers(self) -> bool:
        if not self.runs:
            self.spawn()
        if STARTED not in self.output.read_bytes()[self._said_before :]:
            return False  # one process of several may answer before
        return all(client.get("/health").status_code == 200 for client in (self.admin, self.public))


class Wires:
    """The wires of each instance to both servers of the database and to the node."""

    def __init__(self, targets: tuple[int, ...]) -> None:
        self._ports = [free_ports(len(targets)) for _ in range(INSTANCES)]
        pairs = [
            f"{port}:{target}" for ports in self._ports for port, target in zip(ports, targets, strict=True)
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.all_at_once.wires", *pairs],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def of(self, instance: int) -> tuple[int, ...]:
        return tuple(self._ports[instance])

    def tell(self, act: str, *ports: int) -> None:
        """`cut`, `silence` or `heal` these."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(f"{act} {port}\n".encode() for port in ports))
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class Installation:
    """All that there is."""

    pair: Pair
    node: Devnet
    wires: Wires
    audience: Audience
    instances: list[Instance]
    cells: int


@contextmanager
def running(folder: Path, said: Said, cells: int) -> Iterator[Installation]:
    """Run all of it within the block, with so many cells. The instances share the folder with the seed and what was sent.

    What they say is kept, also where one of them does not even start.
    """
    with ExitStack() as stack:
        pair = stack.enter_context(postgres_pair.running(folder / "servers"))
        said.in_files(pair.primary.log, pair.standby.log)
        node = stack.enter_context(devnet(folder / "node"))
        audience = stack.enter_context(listening(folder / "audience"))
        for beside in (node, audience.broker):
            said.by(beside)
        ports = sorted(pair.ports)
        wires = stack.enter_context(closing(Wires((*ports, node.port))))
        instances = [
            Instance(
                folder / f"instance-{number}",
                node,
                KENNEL_HOME=str(folder / "shared"),
                **_settings(number, pair, node, wires, cells),
            )
            for number in range(INSTANCES)
        ]
        for instance in instances:
            said.by(instance)
            audience.configure(instance.home)
            stack.callback(instance.close)
        instances[0].start()  # it makes the seed and the tables
        with ThreadPoolExecutor(INSTANCES) as starting:
            list(starting.map(Instance.start, instances[1:]))
        yield Installation(pair, node, wires, audience, instances, cells)


def _settings(number: int, pair: Pair, node: Devnet, wires: Wires, cells: int) -> dict[str, str]:
    """What an instance is told that has wires of its own, and so many cells."""
    one, two, of_node = wires.of(number)
    return {
        **divided(cells, WORKERS + 1),
        "KENNEL_DATABASE_URL": pair.url(one, two),
        "KENNEL_NODE_URL": f"http://kennel:kennel@127.0.0.1:{of_node}",
        "KENNEL_NODE_ZMQ": node.settings["KENNEL_NODE_ZMQ"],
    }
