"""Secrets from where they are kept: a file, or what a command prints."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from app.config.settings import PREFIX
from app.config.values import SettingsError

FILE, COMMAND = "_file", "_command"
CHARACTERS: Final = 8_192
SECONDS: Final = 30.0
"""How long a command may take: a vault is asked over the network."""


def ways(names: Collection[str]) -> set[str]:
    """Return the names of the settings that say where these secrets are."""
    return {name + way for name in names for way in (FILE, COMMAND)}


def resolved(texts: Mapping[str, Any], names: Collection[str], seconds: float = SECONDS) -> dict[str, Any]:
    """Return the settings with the secrets themselves, where `NAME_file` or `NAME_command` says who has one.

    Raises SettingsError, with a sentence that has nothing of what was read.
    """
    settings = dict(texts)
    for name in names:
        there = [way for way in (name, name + FILE, name + COMMAND) if way in settings]
        if len(there) > 1:
            both = " and ".join(PREFIX + way.upper() for way in there[:2])
            raise SettingsError(f"{both} are both set: only one can be right.")
        for way in there:
            if way != name:
                variable, source = PREFIX + way.upper(), str(settings.pop(way))
                settings[name] = (
                    _read(variable, source) if way.endswith(FILE) else _run(variable, source, seconds)
                )
    return settings


def _read(variable: str, path: str) -> str:
    try:
        with Path(path).open() as file:
            secret = file.read(CHARACTERS).rstrip("\r\n")
    except (OSError, ValueError) as wrong:
        reason = type(wrong).__name__
        raise SettingsError(f"{variable} names {path}, which cannot be read ({reason}).") from None
    if not secret:
        raise SettingsError(f"{variable} names {path}, which is empty.")
    return secret


def _run(variable: str, command: str, seconds: float) -> str:
    """Return what the command prints; it runs without a shell, and without our own settings around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    try:
        process = subprocess.Popen(  # noqa: S603  the operator's own command
            shlex.split(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as wrong:
        reason = getattr(wrong, "strerror", None) or "it is no command"
        raise SettingsError(f"{variable} cannot be run: {reason}.") from None
    output, fault = _outcome(process, seconds)
    if fault:
        raise SettingsError(f"{variable} {fault}.")
    return output


def _outcome(process: subprocess.Popen[bytes], seconds: float) -> tuple[str, str]:
    """Return what it printed, and what is wrong with it; a command that hangs is killed with its children."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    with process:
        printed = process.stdout.read(CHARACTERS + 1) if process.stdout else b""
        if len(printed) > CHARACTERS:
            _kill(process)
    timer.cancel()
    if late.is_set():
        return "", f"did not end within {seconds:g} s"
    if len(printed) > CHARACTERS:
        return "", f"has printed more than {CHARACTERS} bytes"
    if process.returncode:
        return "", f"has failed with exit code {process.returncode}"
    try:
        secret = printed.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "", "has printed what is no text"
    return secret, "" if secret else "has printed nothing"


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
