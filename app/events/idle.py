"""Connections that wait for their next request, never more than a limit of them over all receivers."""

from collections.abc import Callable
from typing import Final

from app.events.connection import Connection
from app.targets import Origin

LIMIT: Final = 256
SECONDS: Final = 20
"""Shorter than servers and routers commonly wait before they forget a connection."""


class Idle:
    """What was put back last is taken first; the one that waited longest makes way."""

    def __init__(self, clock: Callable[[], float], limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._waiting: dict[Connection, tuple[Origin, float]] = {}
        self._of: dict[Origin, list[Connection]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, origin: Origin) -> Connection | None:
        """Return a connection that is open as far as one can know, or None."""
        self._close_old()
        while waiting := self._of.get(origin):
            connection = waiting[-1]
            self._forget(connection)
            if connection.usable:
                return connection
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep it for the next request, if it may have one."""
        if not connection.usable:
            connection.close()
            return
        self._waiting[connection] = (origin, self._clock())
        self._of.setdefault(origin, []).append(connection)
        self._close_old()

    def close(self) -> None:
        """Close them all."""
        for connection in list(self._waiting):
            self._forget(connection)
            connection.close()

    def _close_old(self) -> None:
        while self._waiting:
            oldest = next(iter(self._waiting))
            if len(self._waiting) <= self._limit and self._waiting[oldest][1] > self._clock() - SECONDS:
                return
            self._forget(oldest)
            oldest.close()

    def _forget(self, connection: Connection) -> None:
        origin, _ = self._waiting.pop(connection)
        self._of[origin].remove(connection)
        if not self._of[origin]:
            del self._of[origin]
