"""Ports are looked at before anything starts."""

import socket

import pytest

from app.cli import ports
from app.config.values import Bind


def test_a_port_that_is_taken_is_named_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = Bind("127.0.0.1", taken.getsockname()[1])

        sentence = rf"{bind.port} is taken: .* set KENNEL_ADMIN_BIND to another"
        with pytest.raises(ports.PortTaken, match=sentence):
            ports.check([("KENNEL_ADMIN_BIND", bind)])


def test_an_address_of_another_machine_is_told_as_such() -> None:
    with pytest.raises(ports.PortTaken, match="is not an address of this machine"):
        ports.check([("KENNEL_ADMIN_BIND", Bind("192.0.2.1", 0))])


def test_port_0_becomes_a_free_port_and_any_other_stays() -> None:
    bind = ports.choose(Bind("127.0.0.1", 0))

    assert bind.port > 0
    assert ports.choose(bind) == bind
    ports.check([("KENNEL_ADMIN_BIND", bind)])
