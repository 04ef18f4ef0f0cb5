"""Two PostgreSQL servers as an operator runs them: a primary, and a standby that follows it and is promoted."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.db.embedded import programs
from tests.end_to_end.program import free_ports, lives, until

START_SECONDS: Final = 120
END_SECONDS: Final = 60
"""Both with much else to do on the machine."""
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "500",
    "shared_buffers": "64MB",
    "fsync": "off",  # processes die in the tests, not the machine
    "wal_retrieve_retry_interval": "200ms",
    "restart_after_crash": "on",
}
IN_SYNC: Final = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= "


class Server:
    """A PostgreSQL on a port of its own. Start it from the main thread, whose end is its end."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._owner = programs.FileOwner.choose()
        self._folder = programs.within_reach(programs.find(None), self._owner).folder
        self._data = folder / f"server-{port}"
        self.log = folder / f"server-{port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Begin an empty database."""
        self._empty()
        self._run("initdb -U kennel --auth=trust --encoding=UTF8 --locale=C --no-sync")

    def copy(self, primary: "Server") -> None:
        """Begin as a copy of a primary that runs, which it follows once it is started."""
        self._empty()
        self._run(f'pg_basebackup -D "$PGDATA" -h 127.0.0.1 -p {primary.port} -U kennel -R -c fast --no-sync')

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)}).items()]
        with self.log.open("ab") as log:
            self._process = self._owner.start(
                [self._folder / "postgres", *options], self._data, subprocess.DEVNULL, log.fileno()
            )
        until(lambda: self.ask("SELECT 1") == "1", START_SECONDS)

    def kill(self) -> None:
        """End all its processes at once, as a machine that loses power."""
        process, self._process = self._process, None
        if process is None:
            return
        pids = _stopped(process)
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(map(lives, pids)), END_SECONDS)

    def freeze(self) -> None:
        """Stop all its processes; connections stay open, and nobody answers."""
        if self._process is not None:
            for pid in _stopped(self._process):
                _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            for pid in _pids(self._process):
                _signal(pid, signal.SIGCONT)

    def ask(self, *statements: str) -> str:
        """Return what the last of these statements answers, as text; "" where the server takes none."""
        return self._psql(statements).stdout.strip()

    def tell(self, *statements: str) -> None:
        """Have it run these statements: a server with much to do, which does not take a connection in time, is told again."""
        until(lambda: self._psql(statements).returncode == 0, START_SECONDS)

    def _psql(self, statements: Sequence[str]) -> subprocess.CompletedProcess[str]:
        url = f"postgresql://kennel@127.0.0.1:{self.port}/postgres?connect_timeout=2"
        commands = [part for statement in statements for part in ("-c", statement)]
        return subprocess.run(
            [self._folder / "psql", "-Atq", "-v", "ON_ERROR_STOP=1", url, *commands],
            check=False,
            capture_output=True,
            text=True,
        )

    def _empty(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700, parents=True)
        self._owner.take(self._data)

    def _run(self, command: str) -> None:
        """Run a program that comes with PostgreSQL as its user."""
        line = f"exec {self._folder}/{command}"
        process = self._owner.start(["/bin/sh", "-c", line], self._data, subprocess.DEVNULL, subprocess.PIPE)
        said = process.communicate()[0].decode(errors="replace")
        assert process.returncode == 0, said


@dataclass(slots=True)
class Pair:
    """`primary` can be written to. What it answers the standby has, once `in_sync` was waited for."""

    folder: Path
    primary: Server = field(init=False)
    standby: Server = field(init=False)

    def __post_init__(self) -> None:
        self.primary, self.standby = (Server(self.folder, port) for port in free_ports(2))

    def url(self, *ports: int) -> str:
        """The database's URL with both hosts, or by these ports, behind which proxies may be."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports or sorted(self.ports))
        return f"postgresql://kennel@{hosts}/kennel"

    @property
    def ports(self) -> tuple[int, int]:
        return self.primary.port, self.standby.port

    def start(self) -> None:
        """Start both, the standby in sync."""
        self.primary.create()
        self.primary.start()
        self.primary.tell("CREATE DATABASE kennel")
        self.follow()

    def follow(self) -> None:
        """Make the standby anew from the primary, and let the primary wait for it with each commit."""
        self.standby.copy(self.primary)
        self.standby.start()
        until(self._waits_for_standby, START_SECONDS)
        self.in_sync()

    def in_sync(self) -> None:
        """Wait until the standby has what was answered up to now, and whatever is answered from now on.

        Commits wait for it as soon as the checkpointer has read the setting, which PostgreSQL shows nowhere. It reads
        its settings before it makes a checkpoint.
        """
        until(lambda: self.primary.ask("SHOW synchronous_standby_names") == "*", START_SECONDS)
        self.primary.tell("CHECKPOINT")
        reached = until(lambda: self.primary.ask("SELECT pg_current_wal_flush_lsn()"), START_SECONDS)
        until(lambda: self.primary.ask(f"{IN_SYNC}'{reached}'") == "1", START_SECONDS)

    def fail_over(self) -> None:
        """Promote the standby in place of the primary, which is dead by then; no other standby is there."""
        self.primary.kill()
        until(self._is_promoted, START_SECONDS)
        self.primary, self.standby = self.standby, self.primary

    def _is_promoted(self) -> bool:
        """Ask for it until it is done: a server with much to do does not take each connection in time."""
        self.standby.ask("SELECT pg_promote()")
        return self.standby.ask("SELECT pg_is_in_recovery()") == "f"

    def _waits_for_standby(self) -> bool:
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        return self.primary.ask("SHOW synchronous_standby_names") == "*"

    def stop(self) -> None:
        for server in (self.standby, self.primary):
            server.thaw()
            server.kill()


def _pids(process: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [process.pid, *map(int, children)]


def _stopped(process: subprocess.Popen[bytes]) -> list[int]:
    """Stop the first process, so that it forks no more, and return it with its children.

    A child that was forked after they were counted would answer for a server that is thought to be dead.
    """
    _signal(process.pid, signal.SIGSTOP)
    until(lambda: _state(process.pid) in {"T", "Z", ""})
    return _pids(process)


def _state(pid: int) -> str:
    """What it does, as `ps` shows it; T: it is stopped, Z: it is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def running(folder: Path) -> Iterator[Pair]:
    """Run a pair within the block."""
    pair = Pair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()
