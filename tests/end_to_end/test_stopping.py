"""How the program ends when it is told to, as its supervisor, `make` and a terminal tell it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.program import ROOT, Program, until

OPEN_UNTIL_TOLD = """
import time
from app.runtime import interrupts
with interrupts.interrupted_by_signals():
    try:
        print("open", flush=True)
        time.sleep(60)
    finally:
        print("closed", flush=True)
"""

ON_A_TERMINAL = """
import os, pty, sys
program, terminal = pty.fork()
if program == 0:
    os.execv(sys.executable, [sys.executable, "-m", "app", "serve"])
said = b""
while b"Kennel runs" not in said:
    said += os.read(terminal, 1000)
os.close(terminal)
print("ended with", os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]))
"""


def as_started(home: Path) -> dict[str, Any]:
    """How a process of the program's is started in a home of its own."""
    program = Program(home)
    program.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    environment |= {"PYTHONPATH": str(ROOT), **program.settings}
    return {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}


def test_sigterm_that_comes_again_and_again_ends_it_as_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-m", "app", "serve"], **as_started(tmp_path)) as process:
        assert process.stdout is not None
        assert "Kennel runs" in process.stdout.readline()

        while process.poll() is None:
            process.send_signal(signal.SIGTERM)

    assert process.returncode == 0
    assert "database system is shut down" in (tmp_path / "kennel" / "postgres.log").read_text()


def test_a_terminal_that_is_closed_ends_it_and_its_postgresql(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ON_A_TERMINAL], **as_started(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "ended with 0\n"

    assert "database system is shut down" in (tmp_path / "kennel" / "postgres.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_closes_what_it_opened_and_ends_by_that_signal(
    number: signal.Signals,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_UNTIL_TOLD],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"

        process.send_signal(number)

        assert process.stdout.read() == "closed\n"
    assert process.returncode == -number


WRITES_TO_NOBODY = """
import asyncio
from app.runtime import stopping

async def start(stop):
    for _ in range(100):
        print("words", flush=True)
    stop.set()

stopping.until_stopped(start)
"""


def test_words_that_nobody_can_read_any_more_end_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_TO_NOBODY], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE
    ) as program:
        os.close(writing)
        assert program.stderr is not None
        assert program.stderr.read() == b""

    assert program.returncode == 0


def test_a_start_that_is_interrupted_ends_as_an_interrupted_command_does_and_says_nothing(
    tmp_path: Path,
) -> None:
    begun = tmp_path / "begun"
    waits = f"sh -c 'touch {begun}; exec sleep 60'"  # what prints the token, so the start waits for it
    environment = {**as_started(tmp_path)["env"], "KENNEL_ADMIN_TOKEN_COMMAND": waits}

    with subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        until(begun.exists)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]

    assert (process.returncode, said) == (130, "")
