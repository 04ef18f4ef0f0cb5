"""Checks that the program can listen on its ports, before anything starts."""

import errno
import socket
from collections.abc import Iterable, Sequence
from typing import Final

from app.config.settings import PREFIX, Settings
from app.config.values import Bind
from app.errors import OperatorError

_REASONS: Final = {
    errno.EADDRINUSE: "taken",
    errno.EACCES: "not allowed to this user",
    errno.EADDRNOTAVAIL: "not an address of this machine",
}


class PortTaken(OperatorError):
    """{0} is {1}: stop what listens there, or set {2} to another host:port."""

    def __str__(self) -> str:
        """Say which address, why, and which variable moves it."""
        return (self.__doc__ or "").format(*self.args)


def of(settings: Settings, more: Sequence[str] = ()) -> list[tuple[str, Bind]]:
    """Return every address that the program will listen on, each with the variable that sets it.

    `more` names the settings of further listeners.
    """
    names = ["admin_bind", "public_bind"] if "http" in settings.roles else []
    names += ["metrics_bind"] if settings.metrics_bind else []
    return _named(settings, [*names, *more]) + (of_devnet(settings) if settings.node_url is None else [])


def of_devnet(settings: Settings) -> list[tuple[str, Bind]]:
    """Return the addresses that a devnet will listen on."""
    return _named(settings, ["devnet_bind", "devnet_zmq_bind"])


def _named(settings: Settings, names: Iterable[str]) -> list[tuple[str, Bind]]:
    return [(PREFIX + name.upper(), getattr(settings, name)) for name in names]


def choose(bind: Bind) -> Bind:
    """Return the address, with a port that is free just now where its port is 0."""
    if bind.port:
        return bind
    with _opened(bind) as probe:
        return Bind(bind.host, probe.getsockname()[1])


def fixed(settings: Settings) -> Settings:
    """Return the settings with a port in each address that several processes must know."""
    names = [
        "admin_bind",
        "public_bind",
        *(["metrics_bind"] if settings.metrics_bind else []),
        *(["devnet_bind", "devnet_zmq_bind"] if settings.node_url is None else []),
    ]
    return settings.model_copy(update={name: choose(getattr(settings, name)) for name in names})


def check(binds: Iterable[tuple[str, Bind]]) -> None:
    """Open and close each address; raises PortTaken, with the variable beside it, at the first that fails."""
    for variable, bind in binds:
        try:
            _opened(bind).close()
        except OSError as error:
            raise PortTaken(bind, _REASONS.get(error.errno or 0, "not to be listened on"), variable) from None


def _opened(bind: Bind) -> socket.socket:
    return socket.create_server(
        (bind.host, bind.port), family=socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    )
