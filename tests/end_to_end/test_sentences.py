"""What keeps a command from starting is told in one sentence, without a traceback and without secrets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import VERSION
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.domain.dogecoin import REGTEST

ROOT = Path(__file__).parents[2]


def run(command: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")}
    return subprocess.run(
        [sys.executable, "-m", "app", *command.split()],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
        (
            "demo",
            {"KENNEL_ROLES": "relay"},
            "The demo talks to Kennel over HTTP: KENNEL_ROLES must have http.",
        ),
        ("audit", {"KENNEL_NETWORK": "moon"}, "KENNEL_NETWORK must be one of main, test, regtest"),
        ("seed show", {}, "There is no seed file at "),
    ],
)
def test_what_keeps_a_command_from_starting(
    command: str, variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = run(command, {"KENNEL_HOME": str(tmp_path), **variables})

    assert done.returncode == 1
    assert done.stderr.startswith(f"kennel: {sentence}")
    assert done.stderr.count("\n") == 1
    assert "hush" not in done.stdout + done.stderr


def test_a_wrong_passphrase_starts_nothing_and_is_not_repeated(database: str, tmp_path: Path) -> None:
    SeedFile(tmp_path / "seed.json", REGTEST, Cost(1 << 14, 1)).create("the right one")
    before = sorted(tmp_path.iterdir())
    variables = {
        "KENNEL_HOME": str(tmp_path),
        "KENNEL_DATABASE_URL": database,
        "KENNEL_NODE_URL": "http://kennel:kennel@127.0.0.1:1",
        "KENNEL_SEED_PASSPHRASE": "hush",
        "KENNEL_ADMIN_BIND": "127.0.0.1:0",
        "KENNEL_PUBLIC_BIND": "127.0.0.1:0",
    }

    for command in ("serve", "seed show"):
        done = run(command, variables)

        assert done.returncode == 1
        assert done.stderr.endswith(
            f"kennel: The passphrase does not open the seed file {tmp_path / 'seed.json'}.\n"
        )
        assert "Traceback" not in done.stderr
        assert "hush" not in done.stdout + done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_newcomer_can_ask_for_the_version() -> None:
    assert run("--version", {}).stdout == f"kennel {VERSION}\n"
