"""How many files this process may have open, and how many of them are connections to its listeners."""

import logging
import resource
from collections.abc import Sequence
from typing import Final

_log = logging.getLogger(__name__)

RESERVED: Final = 512
"""For connections to the database, the node, the broker and the receivers of webhooks, and for files."""


def raise_limit() -> int:
    """Raise the limit of open files as far as the system lets us, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard in (resource.RLIM_INFINITY, soft):
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def shares(wanted: Sequence[int], limit: int) -> list[int]:
    """Return how many connections each listener may have: in proportion to `wanted` where not all fit."""
    room = max(limit - min(RESERVED, limit // 2), len(wanted))
    if sum(wanted) <= room:
        return list(wanted)
    cut = [max(1, count * room // sum(wanted)) for count in wanted]
    _log.warning(
        "This process may have %d files open: its listeners take %s connections, not %s"
        " (see LimitNOFILE in systemd, ulimit -n)",
        limit,
        " and ".join(map(str, cut)),
        " and ".join(map(str, wanted)),
    )
    return cut
