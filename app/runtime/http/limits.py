"""The limits of one HTTP listener: the size of a head, the time of each part, the number of connections."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, Protocol

_log = logging.getLogger(__name__)

WHOLE_NETWORK: Final = 64
"""The bits of an IPv6 address that a provider gives to one customer."""


def is_shared(host: str) -> bool:
    """Whether many people may come from this address: a reverse proxy on this machine or in this network."""
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a listener. Each connection answers one request at a time.

    Connections from `shared` addresses are not counted by address. `receive_buffer_bytes` is the size of each
    connection's buffer in the kernel; None leaves it to the kernel. Where it `shares_port`, other processes of the
    same user listen there too, and the kernel hands out the connections.
    """

    connections: int = 1_000
    connections_per_address: int = 200
    shared: Callable[[str], bool] = is_shared
    head_bytes: int = 32 * 1024
    head_fields: int = 100
    head_seconds: float = 20
    body_seconds: float = 20
    idle_seconds: float = 30
    write_seconds: float = 60
    linger_seconds: float = 3
    receive_buffer_bytes: int | None = None
    shares_port: bool = False


class Connection(Protocol):
    """What the listener needs of a connection."""

    @property
    def host(self) -> str:
        """The caller's address."""

    @property
    def deadline(self) -> float:
        """When its time limit ends, by the event loop's clock."""

    def expire(self) -> None:
        """End it, or the wait for its end: its time is over."""

    def abort(self) -> None:
        """End it at once."""

    def finish(self) -> None:
        """End it after the current request."""


class Connections:
    """The connections of one listener: all, and those without a whole request, the longest waiting first."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.date = formatdate(usegmt=True).encode()
        self.all: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[Connection, None] = {}
        self._counts: dict[str, int] = {}
        self._warned: set[str] = set()

    def admit(self, connection: Connection) -> bool:
        """Admit a connection, if need be instead of one without a request; False: there is no room."""
        limits, address = self.limits, self._counting_key(connection)
        if address and self._counts.get(address, 0) >= limits.connections_per_address:
            self._warn(f"{limits.connections_per_address} from one address (KENNEL_CONNECTIONS_PER_ADDRESS)")
            self._evict(address)
            if self._counts.get(address, 0) >= limits.connections_per_address:
                return False
        if len(self.all) >= limits.connections:
            self._warn(f"{limits.connections} at once")
            self._evict("")
            if len(self.all) >= limits.connections:
                return False
        self.all.add(connection)
        self._empty.clear()
        self._waiting[connection] = None
        if address:
            self._counts[address] = self._counts.get(address, 0) + 1
        return True

    def busy(self, connection: Connection) -> None:
        """Note that it has sent a whole request: it is not evicted before the answer."""
        self._waiting.pop(connection, None)

    def idle(self, connection: Connection) -> None:
        """Note that it has no request to be answered."""
        self._waiting[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is closed."""
        if connection not in self.all:
            return
        self.all.discard(connection)
        if not self.all:
            self._empty.set()
        self._waiting.pop(connection, None)
        address = self._counting_key(connection)
        if address and self._counts[address] > 1:
            self._counts[address] -= 1
        else:
            self._counts.pop(address, None)

    def start(self, answering: Coroutine[Any, Any, None]) -> None:
        """Start the answer to a request."""
        task = self._loop.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, grace_seconds: float) -> None:
        """End all connections, each after its answer; cancel what takes longer than the grace."""
        for connection in list(self.all):
            connection.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._empty.wait()
        for connection in list(self.all):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def tick(self, now: float) -> None:
        """Each second, set the date, and end what has taken too long by `now`, the event loop's time."""
        self.date = formatdate(usegmt=True).encode()
        for connection in [connection for connection in self.all if connection.deadline <= now]:
            connection.expire()

    def _evict(self, address: str) -> None:
        """Abort the connection that has waited longest, of this address unless it is ""."""
        for connection in self._waiting:
            if not address or self._counting_key(connection) == address:
                connection.abort()
                self.remove(connection)
                return

    def _counting_key(self, connection: Connection) -> str:
        """Return the address under which the connection is counted, "" for none."""
        return "" if self.limits.shared(connection.host) else network_of(connection.host)

    def _warn(self, limit: str) -> None:
        """Log once that a limit is reached, not at each connection."""
        if limit not in self._warned:
            self._warned.add(limit)
            _log.warning(
                "A listener has as many connections as it may have, %s: it closes those that ask nothing",
                limit,
            )


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """Return an IPv4 address as it is, and for an IPv6 address the customer's whole network."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, WHOLE_NETWORK), strict=False))
    return str(address)
