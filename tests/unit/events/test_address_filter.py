from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from app.events import address_filter
from app.events.address_filter import Guard
from app.runtime.http_client import Unanswered
from app.urls import Origin

SHOP = Origin("https", "shop.example", 443)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fe80::1%2", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "168.63.129.16", "192.0.0.8", "192.0.0.192", "192.0.0.9", "100.100.100.200", "192.88.99.1",
        "fd00:ec2::254", "64:ff9b::a83f:8110", "64:ff9b:1::a00:1", "2002:a83f:8110::",
        "2001:0:a9fe:a9fe:0:0:f5ff:fffe",
        "2606:4700::5efe:a00:1", "2606:4700::200:5efe:a00:1", "::127.0.0.1", "::ffff:168.63.129.16",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_the_public_internets_are_refused(address: str) -> None:
    assert not address_filter.is_public(ip_address(address))
    with pytest.raises(Unanswered, match="not public"):
        address_filter.permitted(SHOP, [ip_address(address)], Guard())


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_let_through(address: str) -> None:
    assert address_filter.is_public(ip_address(address))


def test_a_name_with_a_public_and_a_private_address_is_only_connected_to_the_public_one() -> None:
    resolved = [ip_address("10.0.0.1"), ip_address("1.1.1.1")]

    assert address_filter.permitted(SHOP, resolved, Guard()) == [ip_address("1.1.1.1")]


@pytest.mark.parametrize(
    ("address", "permitted"),
    [("10.1.2.3", True), ("10.2.0.1", False), ("fd00:1::5", True), ("::ffff:10.1.2.3", True),
     ("1.1.1.1", True), ("127.0.0.1", False), ("192.168.0.1", False)],
)  # fmt: skip
def test_private_addresses_are_let_through_in_the_networks_that_are_named(
    address: str, *, permitted: bool
) -> None:
    guard = Guard((IPv4Network("10.1.0.0/16"), IPv6Network("fd00::/8")))

    assert guard.permits("shop.example", 80, ip_address(address)) is permitted


@pytest.mark.parametrize(
    ("host", "port", "address", "permitted"),
    [
        ("localhost", 8081, "127.0.0.1", False),
        ("hooks.example", 8081, "127.0.0.9", False),
        ("hooks.example", 8081, "0.0.0.0", False),
        ("hooks.example", 8081, "::1", False),
        ("hooks.example", 8081, "::ffff:127.0.0.1", False),
        ("hooks.example", 8081, "10.1.2.3", True),
        ("hooks.example", 8082, "127.0.0.1", True),
        ("hooks.example", 22555, "10.9.9.9", False),
        ("hooks.example", 22555, "127.0.0.1", True),
        ("Database", 5432, "10.1.2.3", False),
    ],
)
def test_nowhere_is_posted_to_where_kennel_listens_or_is_served(
    host: str, port: int, address: str, *, permitted: bool
) -> None:
    own = frozenset({("127.0.0.1", 8081), ("10.9.9.9", 22555), ("database", 5432)})

    assert Guard(address_filter.EVERYWHERE, own).permits(host, port, ip_address(address)) is permitted
