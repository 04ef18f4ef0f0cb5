from ipaddress import ip_address

import pytest

from app.events import addresses
from app.events.connection import Unanswered


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fe80::1%2", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_the_public_internets_are_refused(address: str) -> None:
    assert not addresses.is_public(ip_address(address))
    with pytest.raises(Unanswered, match="not public"):
        addresses.permitted([ip_address(address)], addresses.is_public)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_let_through(address: str) -> None:
    assert addresses.is_public(ip_address(address))


def test_a_name_with_a_public_and_a_private_address_is_only_connected_to_the_public_one() -> None:
    found = [ip_address("10.0.0.1"), ip_address("1.1.1.1")]

    assert addresses.permitted(found, addresses.is_public) == [ip_address("1.1.1.1")]
