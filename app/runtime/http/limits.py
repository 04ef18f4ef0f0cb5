"""What one HTTP listener bears: the size of a head, how long each part may take, and how many connections there are."""

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
"""The bits of an IPv6 address that one customer of a provider has for himself."""


def is_shared(host: str) -> bool:
    """Whether many people may come from this address: a reverse proxy on this machine or in this network."""
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a listener. Each connection answers one request at a time.

    `shared` says of which addresses connections are not counted. `receive_buffer_bytes` is the kernel's for each
    connection; None leaves it to the kernel.
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


class Connection(Protocol):
    """What a connection lets the listener do with it."""

    @property
    def host(self) -> str:
        """The caller's address."""

    @property
    def deadline(self) -> float:
        """When its time is over, by the event loop's clock."""

    def expire(self) -> None:
        """End it, or go over to the last part of its end: its time is over."""

    def abort(self) -> None:
        """End it at once."""

    def finish(self) -> None:
        """End it when what it does is done."""


class Connections:
    """The connections of one listener: all of them, and those without a whole request, the longest waiting first."""

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
        self._told: set[str] = set()

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, if need be in the place of one that has asked for nothing; False: there is no room."""
        limits, address = self.limits, self._counted(connection)
        if address and self._counts.get(address, 0) >= limits.connections_per_address:
            self._tell(f"{limits.connections_per_address} from one address (KENNEL_CONNECTIONS_PER_ADDRESS)")
            self._evict(address)
            if self._counts.get(address, 0) >= limits.connections_per_address:
                return False
        if len(self.all) >= limits.connections:
            self._tell(f"{limits.connections} at once")
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
        """Note that it has sent a whole request: it is not evicted until that is answered."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Note that nothing of its is being done."""
        self._waiting[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        if connection not in self.all:
            return
        self.all.discard(connection)
        if not self.all:
            self._empty.set()
        self._waiting.pop(connection, None)
        address = self._counted(connection)
        if address and self._counts[address] > 1:
            self._counts[address] -= 1
        else:
            self._counts.pop(address, None)

    def start(self, answering: Coroutine[Any, Any, None]) -> None:
        """Let a request be answered."""
        task = self._loop.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, grace_seconds: float) -> None:
        """End all connections, those that are being answered after that; what takes longer than the grace is cancelled."""
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
        """Once a second: note the date, and end what has taken too long by `now`, which is the event loop's time."""
        self.date = formatdate(usegmt=True).encode()
        for connection in [one for one in self.all if one.deadline <= now]:
            connection.expire()

    def _evict(self, address: str) -> None:
        """Close the one that has waited longest, of this address where one is named."""
        for connection in self._waiting:
            if not address or self._counted(connection) == address:
                connection.abort()
                self.remove(connection)
                return

    def _counted(self, connection: Connection) -> str:
        """Return under which address the connection is counted, "" under none."""
        return "" if self.limits.shared(connection.host) else _counted_as(connection.host)

    def _tell(self, reached: str) -> None:
        """Say once that a limit is reached, not at each connection."""
        if reached not in self._told:
            self._told.add(reached)
            _log.warning(
                "A listener has as many connections as it may have, %s: it closes those that ask nothing",
                reached,
            )


@lru_cache(maxsize=4096)
def _counted_as(host: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 address the network that is one customer's."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, WHOLE_NETWORK), strict=False))
    return str(address)
