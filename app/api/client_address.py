"""Whose request it is: the address from which it comes, through the proxies that the settings name."""

import ipaddress
import logging
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from app.runtime.http import limits

_log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_HOPS: Final = 20
"""How many addresses of X-Forwarded-For are looked at, the last ones first."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of the proxies that are believed when they say for whom they ask."""

    networks: tuple[Network, ...] = ()

    def client(self, scope: Scope) -> str:
        """Return the address under which the request is counted, "" where nobody knows it.

        Each proxy appends the address from which it was asked. So the last one that is no proxy's of ours is the
        client's; what stands before it may be invented. A private address that forwards and is no proxy of ours
        is probably one that the settings do not name: those behind it cannot be told apart, and are not counted.
        """
        peer = scope["client"][0]
        address = _address(peer)
        hops = [
            hop for name, value in scope["headers"] if name == b"x-forwarded-for" for hop in value.split(b",")
        ]
        if address is not None and not self._has(address) and hops and limits.is_shared(peer):
            _warn(peer)
            return ""
        for hop in reversed(hops[-MOST_HOPS:]):
            if address is None or not self._has(address):
                break
            address = _address(hop.decode("latin-1")) or address
        return "" if address is None else limits.network_of(str(address))

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _address(text: str) -> Address | None:
    """Read an address, with or without a port; one of IPv4 in the form of IPv6 is one of IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_warned: Final = set[str]()


def _warn(peer: str) -> None:
    """Log once that a proxy has no entry in the settings."""
    if not _warned:
        _warned.add(peer)
        _log.warning(
            "Requests of payers come through a proxy at %s that KENNEL_TRUSTED_PROXIES does not name:"
            " payers cannot be told apart, and have no limits of their own",
            peer,
        )
