"""What keeps a command from starting is told in one sentence, without a traceback and without secrets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("command", "variables", "sentence"),
    [
        (
            "serve",
            {"KENNEL_DATABASE_URL": "postgresql://kennel:hush@127.0.0.1:1/kennel"},
            "The database of KENNEL_DATABASE_URL does not let us in: ",
        ),
        ("serve", {"KENNEL_PUBLIC_BIND": "192.0.2.1:0"}, "192.0.2.1:0 is not an address of this machine: "),
        ("devnet", {"KENNEL_DEVNET_BIND": "192.0.2.1:0"}, "192.0.2.1:0 is not an address of this machine: "),
        ("demo", {"KENNEL_ROLES": "relay"}, "The demo talks to Kennel over HTTP: KENNEL_ROLES must have http."),
        ("audit", {"KENNEL_NETWORK": "moon"}, "KENNEL_NETWORK must be one of main, test, regtest"),
        ("seed show", {}, "There is no seed file at "),
    ],
)
def test_what_keeps_a_command_from_starting(
    command: str, variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    environment = {**kept, "KENNEL_HOME": str(tmp_path), **variables}

    done = subprocess.run(
        [sys.executable, "-m", "app", *command.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"kennel: {sentence}")
    assert done.stderr.count("\n") == 1
    assert "hush" not in done.stdout + done.stderr
