"""KENNEL_TEST_DATABASE_URL: the tests run on a server that stands ready."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import SERVER_URL

ROOT = Path(__file__).resolve().parents[3]
A_TEST = "tests/unit/db/test_copy.py::test_an_error_with_its_sqlstate_keeps_it"


def run(url: str) -> int:
    tests = [sys.executable, "-m", "pytest", A_TEST]
    return subprocess.run(tests, cwd=ROOT, env=os.environ | {SERVER_URL: url}, check=False).returncode


def test_the_tests_run_on_the_server_that_is_given_and_on_no_other(server: str) -> None:
    assert run(server.replace("+asyncpg", "")) == 0
    assert run("postgresql://nobody@127.0.0.1:1/postgres") != 0
