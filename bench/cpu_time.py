"""How much processor time a program has taken, with all that it has started."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def of(*pids: int) -> float:
    """Return the processor seconds of several processes together."""
    return sum(map(seconds, pids))


def seconds(pid: int) -> float:
    """Return the processor seconds of a process, its children that have ended, and those that run."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        children = (folder / f"task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended: now its parent has its time
    return sum(map(int, fields[11:15])) / TICKS + sum(map(seconds, map(int, children)))
