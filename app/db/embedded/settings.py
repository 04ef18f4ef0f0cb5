"""What the embedded PostgreSQL is told on its command line, so that an upgrade of Kennel upgrades it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MB: Final = 1024 * 1024
LEAST_BUFFERS, MOST_BUFFERS = 128 * _MB, 4096 * _MB
"""PostgreSQL's own default, and what the balances and indexes of a few million accounts fit into, beside all that is written about them."""
LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container finds how much memory it may use (cgroup v2, and v1)."""

# Statements stay out of the log (log_min_messages).
_ALWAYS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",  # only a great load writes so much between two checkpoints; more of those would cost it half
    "wal_compression": "on",  # a whole page, as it is written after a checkpoint, takes a fifth of the bytes, and 0.15 ms
    "jit": "off",
    "autovacuum_naptime": "5s",  # the outbox is emptied all the time, and history vacuumed best before a checkpoint
    "max_parallel_workers_per_gather": "0",  # /dev/shm of a container is 64 MB
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
FORGETFUL: Final = {"fsync": "off", "full_page_writes": "off"}
"""Survives the death of every process, not of the machine."""


def of_memory(size_bytes: int) -> Mapping[str, str]:
    """Return the settings for a machine with so much memory.

    An eighth of it for PostgreSQL's own cache, half of what its manual proposes where it has the machine to itself
    ("shared_buffers"): too little, and each transfer among a million accounts reads and writes pages again and again.
    """
    buffers = min(max(size_bytes // 8, LEAST_BUFFERS), MOST_BUFFERS)
    cached = max(size_bytes // 2, 2 * buffers)
    return _ALWAYS | {"shared_buffers": f"{buffers // _MB}MB", "effective_cache_size": f"{cached // _MB}MB"}


def memory_bytes() -> int:
    """Return how much memory there is for all that runs here: the machine's, or less in a container with a limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, LIMITS))])


def _limit(told: Path) -> int:
    """Read a limit; 0 where there is none."""
    try:
        return int(told.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return 0
