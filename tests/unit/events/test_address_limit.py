from contextlib import ExitStack
from ipaddress import ip_address

from app.events.address_limit import LIMIT, AddressLimit, LimitedHosts

FIRST, SECOND = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def test_an_address_may_have_as_many_posts_as_are_free_for_all_others() -> None:
    limit = AddressLimit()
    with ExitStack() as posts:
        for _ in range(LIMIT // 2):
            assert limit.room(FIRST) > 0
            posts.enter_context(limit.post())
            posts.enter_context(limit.to(FIRST))

        assert limit.room(FIRST) == 0
        assert limit.room(SECOND) == LIMIT // 2
    assert limit.room(FIRST) == LIMIT


def test_an_address_without_posts_may_always_have_one() -> None:
    limit = AddressLimit()
    with ExitStack() as posts:
        for _ in range(LIMIT):
            posts.enter_context(limit.post())

        assert limit.room(FIRST) == 1


def test_a_customers_network_and_all_forms_of_an_ipv4_address_count_as_one_address() -> None:
    limit = AddressLimit()
    with limit.to(ip_address("2001:db8:1:2:3::4")), limit.to(ip_address("::ffff:192.0.2.1")):
        assert limit.room(ip_address("2001:db8:1:2:ffff::1")) == LIMIT - 1
        assert limit.room(ip_address("2001:db8:1:3::")) == LIMIT
        assert limit.room(FIRST) == limit.room(ip_address("64:ff9b::192.0.2.1")) == LIMIT - 1


def test_the_room_of_an_address_is_shared_out_to_its_hosts_in_the_order_in_which_they_wait() -> None:
    hosts = LimitedHosts()
    for host in ("a", "b", "c", "a"):
        hosts.add(host, FIRST)
    hosts.add("d", SECOND)

    assert hosts.share_out({FIRST: 2, SECOND: -1}.__getitem__) == {"b": 1, "c": 1, "a": 0, "d": 0}
    rooms = {FIRST: 9, SECOND: 9}
    assert hosts.share_out(rooms.__getitem__) == {"a": 9, "d": 9}
    assert hosts.share_out(rooms.__getitem__) == {}
