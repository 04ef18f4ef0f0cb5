"""Two PostgreSQL servers as an operator runs them: a primary, and a standby that follows it and is promoted."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.db.embedded import programs
from tests.end_to_end.program import free_ports, lives, until

START_SECONDS: Final = 60
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
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
        self._log = folder / f"server-{port}.log"
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
        with self._log.open("ab") as log:
            self._process = self._owner.start(
                [self._folder / "postgres", *options], self._data, subprocess.DEVNULL, log.fileno()
            )
        until(lambda: self.ask("SELECT 1") == "1", START_SECONDS)

    def kill(self) -> None:
        """End all its processes at once, as a machine that loses power."""
        process, self._process = self._process, None
        if process is None:
            return
        pids = self._pids(process)
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(map(lives, pids)))

    def freeze(self) -> None:
        """Stop all its processes; connections stay open, and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def ask(self, *statements: str) -> str:
        """Return what the last of these statements answers, as text; "" where the server takes none."""
        url = f"postgresql://kennel@127.0.0.1:{self.port}/postgres?connect_timeout=2"
        commands = [part for statement in statements for part in ("-c", statement)]
        answer = subprocess.run(
            [self._folder / "psql", "-Atq", url, *commands], check=False, capture_output=True, text=True
        )
        return answer.stdout.strip()

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is not None:
            for pid in self._pids(self._process):
                _signal(pid, number)

    def _pids(self, process: subprocess.Popen[bytes]) -> list[int]:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [process.pid, *map(int, children)]

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
        self.primary.ask("CREATE DATABASE kennel")
        self.follow()

    def follow(self) -> None:
        """Make the standby anew from the primary, and let the primary wait for it with each commit."""
        self.standby.copy(self.primary)
        self.standby.start()
        self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        self.in_sync()

    def in_sync(self) -> None:
        """Wait until the standby has what was answered up to now, and whatever is answered from now on."""
        until(lambda: self.primary.ask("SHOW synchronous_standby_names") == "*")
        reached = self.primary.ask("SELECT pg_current_wal_flush_lsn()")
        until(lambda: self.primary.ask(f"{IN_SYNC}'{reached}'") == "1", START_SECONDS)

    def fail_over(self) -> None:
        """Promote the standby in place of the primary, which is dead by then; no other standby is there."""
        self.primary.kill()
        assert self.standby.ask("SELECT pg_promote()") == "t"
        self.primary, self.standby = self.standby, self.primary

    def stop(self) -> None:
        for server in (self.standby, self.primary):
            server.thaw()
            server.kill()


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
