"""The settings on the embedded PostgreSQL's command line: an upgrade of Kennel upgrades them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MB: Final = 1024 * 1024
LEAST_BUFFERS, MOST_BUFFERS = 128 * _MB, 4096 * _MB
"""PostgreSQL's own default; and enough for the balances and indexes of a few million accounts under load."""
LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The files with a container's memory limit (cgroup v2, and v1)."""

# Statements stay out of the log (log_min_messages).
_ALWAYS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",  # a great load would run at half speed with more checkpoints
    "wal_compression": "on",  # a page after a checkpoint takes a fifth of the bytes, and 0.15 ms
    "jit": "off",
    "autovacuum_naptime": "10s",  # the outbox empties all the time; each look takes 10 ms a database
    "max_parallel_workers_per_gather": "0",  # /dev/shm of a container is 64 MB
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
FORGETFUL: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": f"{LEAST_BUFFERS // _MB}MB",  # CREATE and DROP DATABASE look through all of it
}
"""Of tests, each of which has a database: committed rows survive the death of every process, not of the machine."""


def of_memory(size_bytes: int) -> Mapping[str, str]:
    """Return the settings for a machine with so much memory.

    PostgreSQL's own cache gets an eighth of it: half of what its manual proposes for a machine of its own
    ("shared_buffers"). With too little, each transfer among a million accounts reads and writes pages again.
    """
    buffers = min(max(size_bytes // 8, LEAST_BUFFERS), MOST_BUFFERS)
    cached = max(size_bytes // 2, 2 * buffers)
    return _ALWAYS | {"shared_buffers": f"{buffers // _MB}MB", "effective_cache_size": f"{cached // _MB}MB"}


def memory_bytes() -> int:
    """Return the memory of the machine, or of the container where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, LIMITS))])


def _limit(file: Path) -> int:
    """Read a limit; 0 where there is none."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return 0
