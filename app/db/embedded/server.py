"""The PostgreSQL that runs where no database is configured: a child of this process behind a Unix socket."""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from app.db.embedded import programs
from app.db.embedded import settings as postgres_settings

NAME = "kennel"  # of the database and of its owner
START_SECONDS = 120.0  # recovery after a crash replays at most max_wal_size
ORPHAN_SECONDS = 15.0  # how long the remains of a killed predecessor may hold the data
STOP_SECONDS = 60.0
PROBE_SECONDS = 0.02
LOG_BYTES = 1 << 20
INITDB = f"-U {NAME} --encoding=UTF8 --locale=C --data-checksums --auth-local=trust --auth-host=reject"
REMAINS = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')


class HomeTaken(programs.EmbeddedError):
    """Another process runs a PostgreSQL under the same home."""


class Embedded:
    """One PostgreSQL under `home`; `with Embedded(home) as server:` holds it, `server.url` names it.

    `meanwhile` is called after it was started, before it is waited for.
    """

    def __init__(
        self,
        home: Path,
        bindir: Path | None = None,
        *,
        durable: bool = True,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.home = home.resolve()
        self._binaries = programs.find(bindir)
        sized = postgres_settings.of_memory(postgres_settings.memory_bytes())
        self._settings = {**sized, **({} if durable else postgres_settings.FORGETFUL)}
        self._owner = programs.FileOwner.choose()
        self._meanwhile = meanwhile
        self._data = self.home / "postgres"
        self._log = self.home / "postgres.log"
        self._sockets = Path("/")
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database's URL, for SQLAlchemy."""
        return _url(self._sockets)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the database if there is none, start it and wait until it answers; raises EmbeddedError."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(self.home)
        self._sockets = _socket_folder(self.home, self._owner)
        self._binaries = programs.within_reach(self._binaries, self._owner)
        if not self._data.exists():
            self._create()
        self._check()
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.unlink()
        self._spawn()
        self._meanwhile()
        self._wait()

    def step(self) -> bool:
        """Start the server again if it has ended, and return whether it had. Call it from the main thread."""
        if self._process is None or self._process.poll() is None:
            return False
        self._spawn()
        return True

    def stop(self) -> None:
        """Shut down fast: open transactions are rolled back, and the next start has nothing to replay."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
        if self._lock is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            os.close(self._lock)
        self._process = self._lock = None

    def _create(self) -> None:
        """Create the data in a folder of another name, so that a start that was cut short begins again."""
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._owner.take(new)
        sync = ["--no-sync"] if "fsync" in self._settings else []
        self._run(["initdb", *INITDB.split(), *sync], new)
        self._run(["postgres", "--single", "postgres"], new, f"CREATE DATABASE {NAME}\n")
        new.rename(self._data)

    def _run(self, command: list[str], folder: Path, text: str = "") -> None:
        program = self._binaries.folder / command[0]
        process = self._owner.start([program, *command[1:]], folder, subprocess.PIPE, subprocess.PIPE)
        output = process.communicate(text.encode())[0].decode(errors="replace").strip()
        if process.returncode != 0 or "ERROR:" in output:
            raise programs.EmbeddedError(f"{command[0]} failed with {process.returncode}: {output[-300:]}")

    def _check(self) -> None:
        version, binaries = (self._data / "PG_VERSION").read_text().strip(), self._binaries
        if version != binaries.major:
            raise programs.EmbeddedError(
                f"The database in {self._data} is of PostgreSQL {version}"
                f" and the programs in {binaries.folder} are {binaries.version}:"
                f" set KENNEL_PG_BINDIR to those of {version}, or move the database with pg_dump."
            )
        if self._data.stat().st_uid == self._owner.uid:
            return
        if not self._owner.dropped:
            raise programs.EmbeddedError(
                f"The database in {self._data} belongs to another user: run Kennel as that user or as root."
            )
        self._owner.take(self._data)

    def _spawn(self) -> None:
        self._remove_recycled_pid()
        settings = {**self._settings, "unix_socket_directories": str(self._sockets)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        program = self._binaries.folder / "postgres"
        with self._log.open("ab") as log:
            self._process = self._owner.start(
                [program, *options], self._data, subprocess.DEVNULL, log.fileno()
            )

    def _remove_recycled_pid(self) -> None:
        """Remove a postmaster.pid with the number of another program: PostgreSQL would take it for itself."""
        program = Path(f"/proc/{self._pid()}/comm")
        if program.exists() and program.read_text().strip() != "postgres":
            (self._data / "postmaster.pid").unlink()

    def _pid(self) -> int:
        try:
            return int((self._data / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return 0

    def _wait(self) -> None:
        began = time.monotonic()
        while not self._answers():
            waited = time.monotonic() - began
            if self._ended():
                self._spawn_again(waited)
            elif waited > START_SECONDS:
                raise programs.EmbeddedError(
                    f"PostgreSQL did not answer within {START_SECONDS:.0f} s, see {self._log}."
                )
            time.sleep(PROBE_SECONDS)

    def _spawn_again(self, waited: float) -> None:
        """Start what has ended, while the remains of a predecessor may be why; else raise EmbeddedError."""
        log = self._log.read_text(errors="replace")[-1000:]
        if waited > ORPHAN_SECONDS or not any(remains in log for remains in REMAINS):
            raise programs.EmbeddedError(
                f"PostgreSQL does not start, its log {self._log} ends with: {log[-300:].strip()}"
            )
        time.sleep(PROBE_SECONDS)
        self._spawn()

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        """Whether our own child, and not a predecessor that is shutting down, lets us in."""
        if self._process is None or self._pid() != self._process.pid:
            return False
        parameters = b"user\0%b\0database\0%b\0\0" % (NAME.encode(), NAME.encode())
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._sockets / ".s.PGSQL.5432"))
                probe.sendall(struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters)
                return probe.recv(1) == b"R"
            except OSError:
                return False


@contextmanager
def running(home: Path, bindir: Path | None = None, *, durable: bool = True) -> Iterator[str]:
    """Yield the URL of a PostgreSQL under `home` that runs within the block; `durable=False` is for tests."""
    with Embedded(home, bindir, durable=durable) as server:
        yield server.url


def url_of_another(home: Path) -> str:
    """Return the URL of the PostgreSQL that another process runs under `home`, for commands beside it."""
    return _url(_socket_path(home.resolve()))


def _url(sockets: Path) -> str:
    return f"postgresql+asyncpg://{NAME}@/{NAME}?host={sockets}"


def _lock(home: Path) -> int:
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise HomeTaken(
            f"Another Kennel is running on {home}: stop it, or set KENNEL_HOME to another folder."
        ) from None
    return lock


def _socket_folder(home: Path, owner: programs.FileOwner) -> Path:
    """Make a folder of this home with a short path (a socket's is at most 107 bytes), closed to others."""
    folder = _socket_path(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    programs.trust(folder, {os.geteuid(), owner.uid})
    os.chown(folder, owner.uid, owner.gid)
    return folder


def _socket_path(home: Path) -> Path:
    identity = home.stat()
    return Path(f"/tmp/kennel-{identity.st_dev:x}-{identity.st_ino:x}")  # noqa: S108  its owner is checked
