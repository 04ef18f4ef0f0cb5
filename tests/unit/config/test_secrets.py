"""Secrets come from a file or from a command; what is wrong with either is one sentence without the secret."""

import json
import shlex
import sys
import time
from pathlib import Path

import pytest

from app.config import secrets, sources
from app.config.settings import SECRETS
from app.config.values import SettingsError


def python(code: str) -> str:
    """A command that runs this code."""
    return shlex.join([sys.executable, "-c", code])


def refusal(**settings: str) -> str:
    with pytest.raises(SettingsError) as refused:
        sources.read({f"KENNEL_{name}": text for name, text in settings.items()})
    sentence = str(refused.value)
    assert "hush" not in sentence
    assert sentence.count("\n") == 0
    return sentence


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_every_secret_may_come_from_a_file_or_from_a_command(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush of sixteen characters\n")
    printed = python("print('hush of sixteen characters')")

    by_file = secrets.resolved({f"{name}_file": str(tmp_path / "secret")}, SECRETS)
    by_command = secrets.resolved({f"{name}_command": printed}, SECRETS)

    assert by_file == by_command == {name: "hush of sixteen characters"}


def test_a_command_is_taken_from_the_environment_and_from_the_file(tmp_path: Path) -> None:
    command = python("print('hush of sixteen characters')")
    config = tmp_path / "kennel.toml"
    config.write_text(f"admin_token_command = {json.dumps(command)}\n")

    for read in (sources.read({"KENNEL_ADMIN_TOKEN_COMMAND": command}), sources.read({}, config)):
        assert read.admin_token == "hush of sixteen characters"
        assert "hush" not in repr(read)


def test_a_command_does_not_see_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENNEL_ADMIN_TOKEN", "hush")
    told = python("import os; print(sorted(name for name in os.environ if name[:7] == 'KENNEL_'))")

    assert sources.read({"KENNEL_SEED_PASSPHRASE_COMMAND": told}).seed_passphrase == "[]"


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("/nowhere/vault", "cannot be run: No such file or directory"),
        ('an "open quote', "cannot be run: it is no command"),
        (python("print('hush'); raise SystemExit(3)"), "has failed with exit code 3"),
        (python("import sys; print('hush', file=sys.stderr); sys.exit(1)"), "has failed with exit code 1"),
        (python("pass"), "has printed nothing"),
        (python("print('hush' * 10_000)"), "has printed more than 8192 bytes"),
        (python("while True: print('hush')"), "has printed more than 8192 bytes"),
        (python("import sys; sys.stdout.buffer.write(bytes([255]))"), "has printed what is no text"),
    ],
)
def test_a_command_that_fails_or_prints_too_much_stops_the_start(command: str, fault: str) -> None:
    assert refusal(ADMIN_TOKEN_COMMAND=command) == f"KENNEL_ADMIN_TOKEN_COMMAND {fault}."


def test_a_command_that_hangs_is_killed_with_its_children() -> None:
    child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
    began = time.monotonic()

    with pytest.raises(SettingsError, match=r"KENNEL_ADMIN_TOKEN_COMMAND did not end within 0\.5 s\."):
        secrets.resolved({"admin_token_command": python(child)}, SECRETS, 0.5)

    assert time.monotonic() - began < 30


def test_a_secret_that_comes_from_two_places_is_refused(tmp_path: Path) -> None:
    assert "both" in refusal(ADMIN_TOKEN="hush", ADMIN_TOKEN_COMMAND="hush")
    assert "both" in refusal(ADMIN_TOKEN_FILE="hush", ADMIN_TOKEN_COMMAND="hush")


def test_only_secrets_come_from_commands() -> None:
    assert "There is no setting KENNEL_NETWORK_COMMAND" in refusal(NETWORK_COMMAND="echo main")
