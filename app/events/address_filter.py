"""Which addresses a webhook may go to. Names are resolved here; only checked addresses are connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from app.runtime.http_client import Unanswered
from app.urls import Origin

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[Address]]]

MOST_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""
NAT64: Final = IPv6Network("64:ff9b::/96")
ISATAP: Final = 0x5EFE
"""The 32 bits before the IPv4 address in an address of ISATAP (RFC 5214), without the bit for global ones."""
CLOUDS: Final[tuple[Network, ...]] = (
    IPv4Network("168.63.129.16/32"),  # Azure's platform: keys and settings of the machine
    IPv4Network("192.0.0.0/24"),  # of protocols, with Oracle's metadata (192.0.0.192) and relays
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network(
        "100.64.0.0/10"
    ),  # shared by customers of a provider, with Alibaba's metadata (100.100.100.200)
    IPv6Network("64:ff9b:1::/48"),  # local NAT64, which may have IPv4 addresses anywhere in it
    IPv6Network("fd00:ec2::/32"),  # Amazon's metadata
)
"""Networks that may count as public, and lead into the cloud that a machine runs in."""

EVERYWHERE: Final[tuple[Network, ...]] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


def is_public(address: Address) -> bool:
    """Say whether the address is public: not private, local, multicast, reserved or of a cloud.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, Teredo, NAT64, ISATAP) counts as that address.
    """
    if (carried := _carried(address)) is not None:
        return is_public(carried)
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False  # fec0::/10: private before fc00::/7, and still routed in some networks
    if any(address in network for network in CLOUDS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    low = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in NAT64 or int(address) >> 32 & 0xFDFF_FFFF == ISATAP:
        return low
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def canonical(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one carries; any other address as it is."""
    return _carried(address) or address


def is_local(address: Address) -> bool:
    """Say whether the address is of this machine: only such an address can be bound to, and 0.0.0.0."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Guard:
    """A webhook may go to public addresses and to `networks`, but not to Kennel itself or what it uses.

    `own` are hosts and ports of Kennel's listeners, its node, its database and its broker.
    """

    networks: tuple[Network, ...] = ()
    own: frozenset[tuple[str, int]] = frozenset()

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Say whether a connection to this address of the host may be made."""
        if self._is_own(host, port, address):
            return False
        addresses = (address, canonical(address))
        return is_public(address) or any(
            address in network for address in addresses for network in self.networks
        )

    def _is_own(self, host: str, port: int, address: Address) -> bool:
        hosts = {own_host for own_host, own_port in self.own if own_port == port}
        if not hosts:
            return False
        carried = canonical(address)
        return (
            host.lower() in hosts
            or str(carried) in hosts
            or (is_local(carried) and any(map(_is_this_machine, hosts)))
        )


def _is_this_machine(host: str) -> bool:
    try:
        return is_local(ip_address(host))
    except ValueError:
        return host == "localhost"


def resolver(threads: Executor) -> Resolve:
    """Return a resolver with threads of its own, so that slow names delay nothing else in the process."""

    async def resolve(host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            addresses = await loop.run_in_executor(threads, _getaddrinfo, host, port)
        except (OSError, UnicodeError):
            raise Unanswered("the name does not resolve") from None
        return [ip_address(address) for address in dict.fromkeys(addresses)]

    return resolve


def permitted(origin: Origin, resolved: list[Address], guard: Guard) -> list[Address]:
    """Return the addresses that may be connected to, or raise Unanswered where there is none."""
    good = [address for address in resolved if guard.permits(origin.host, origin.port, address)][
        :MOST_ADDRESSES
    ]
    if not good:
        raise Unanswered("the address is not public")
    return good


def _getaddrinfo(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
