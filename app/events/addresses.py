"""Which addresses a webhook may go to: names are resolved here, and what is connected to is what was checked."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from app.events.connection import Unanswered

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]

TRIED: Final = 4
"""Addresses of one name that are tried."""
NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Say whether the address is the public internet's: not private, loopback, link-local, multicast or reserved.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, Teredo, NAT64) is what it carries.
    """
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if carried is None and address in NAT64:
            carried = IPv4Address(int(address) & 0xFFFF_FFFF)
        if carried is not None:
            return is_public(carried)
        if address.is_site_local:  # fec0::/10: private before there was fc00::/7, and still routed here and there
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def anywhere(address: Address) -> bool:
    """Let every address through."""
    return True


def resolver(threads: Executor) -> Resolve:
    """Return a resolver with threads of its own, so that slow names keep nothing else in the process waiting."""

    async def resolve(host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(threads, _getaddrinfo, host, port)
        except (OSError, UnicodeError):
            raise Unanswered("the name does not resolve") from None
        return [ip_address(address) for address in dict.fromkeys(found)]

    return resolve


def permitted(found: list[Address], allowed: Callable[[Address], bool]) -> list[Address]:
    """Return the addresses that may be connected to; Unanswered where there is none."""
    good = [address for address in found if allowed(address)][:TRIED]
    if not good:
        raise Unanswered("the address is not public")
    return good


def _getaddrinfo(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
