"""What processes said of a fault: the grave lines of their logs with their tracebacks, and files that outlive the test."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.end_to_end.program import ROOT

FOLDER: Final = Path(os.environ.get("FAULT_LOGS", ROOT / "build" / "faults"))
"""Where the logs of failed tests are kept."""
RECORD: Final = re.compile(r"^(?=\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4} [A-Z]+ )", re.MULTILINE)
GRAVE: Final = re.compile(r"^\S+ (?:ERROR|CRITICAL) ")
MOST: Final = 8
MOST_CHARACTERS: Final = 6_000


def records(text: str) -> list[str]:
    """Take a log apart into its records; a traceback belongs to the line before it."""
    return RECORD.split(text)


def with_tracebacks(text: str) -> list[str]:
    """The first grave records of a log that have a traceback: something that nobody expected."""
    unexpected = (record for record in records(text) if GRAVE.match(record) and "Traceback" in record)
    return [record[:MOST_CHARACTERS] for _, record in zip(range(MOST), unexpected, strict=False)]


def about(text: str, requests: Iterable[str]) -> list[str]:
    """The records of a log that name one of these requests."""
    ids = [request for request in requests if request]
    return [record[:MOST_CHARACTERS] for record in records(text) if any(name in record for name in ids)]


def keep(test: str, logs: Iterable[Path]) -> Path:
    """Copy logs to where they outlive the test, each named after its folder and itself; returns the folder."""
    folder = FOLDER / re.sub(r"\W+", "-", test)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for log in logs:
        if log.exists():
            shutil.copyfile(log, folder / f"{log.parent.name}-{log.name}")
    return folder
