"""How many posts one address may have at a time: many names may lead to one that never answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from typing import Final

from app.events import address_filter
from app.events.address_filter import Address

LIMIT: Final = 384
"""Posts at a time in this process. With the idle connections they stay below 1,024 open files."""

HOSTS: Final = 10_000
"""Hosts that may wait, as many as there may be endpoints."""


class AddressLimited(Exception):
    """The address has as many posts as it may have now, and nothing was sent to it."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"{address} has as many posts as it may have")
        self.address = address


class AddressLimit:
    """Counts the posts under way, and those of each address.

    An address may have as many posts as are free for all others. So one address that never answers holds half
    of all posts, two hold a third each, and so on: some stay free however many hang.
    """

    def __init__(self) -> None:
        self._posts = 0
        self._of_address = Counter[Address]()

    def room(self, address: Address) -> int:
        """Return how many more posts the address may have; zero or less where it has too many."""
        return max(1, LIMIT - self._posts) - self._of_address[_counted(address)]

    @contextmanager
    def post(self) -> Iterator[None]:
        """Count a post, whose address is not known yet."""
        self._posts += 1
        try:
            yield
        finally:
            self._posts -= 1

    @contextmanager
    def to(self, address: Address) -> Iterator[None]:
        """Count the post as one to this address."""
        counted = _counted(address)
        self._of_address[counted] += 1
        try:
            yield
        finally:
            self._of_address[counted] -= 1
            if not self._of_address[counted]:
                del self._of_address[counted]


class LimitedHosts:
    """Hosts whose address had no room for another post; the one that has waited longest comes first."""

    def __init__(self) -> None:
        self._addresses: dict[str, Address] = {}

    def add(self, host: str, address: Address) -> None:
        """Let the host wait behind the others."""
        self._addresses.pop(host, None)
        self._addresses[host] = address
        if len(self._addresses) > HOSTS:
            del self._addresses[next(iter(self._addresses))]

    def share_out(self, room: Callable[[Address], int]) -> dict[str, int]:
        """Return how many posts each host may have now.

        The hosts of an address share its room equally. Those that may have none wait on.
        """
        waiting = Counter(self._addresses.values())
        rooms = {address: max(0, room(address)) for address in waiting}
        equal = {address: max(1, rooms[address] // hosts) for address, hosts in waiting.items()}
        shares = {}
        for host, address in self._addresses.items():
            shares[host] = min(equal[address], rooms[address])
            rooms[address] -= shares[host]
        self._addresses = {host: address for host, address in self._addresses.items() if not shares[host]}
        return shares


def _counted(address: Address) -> Address:
    """Return what is counted as one address: an IPv4 address, however it is written, or a /64 of IPv6.

    A customer gets a whole /64, with 2^64 addresses.
    """
    address = address_filter.canonical(address)
    return address if address.version == 4 else IPv6Address(int(address) >> 64 << 64)
