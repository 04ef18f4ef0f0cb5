"""One connection to the database: every wait has a limit, and a dead server is noticed."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from app.db.database_url import DatabaseUrl, Host, KeepAlive

STATEMENT_SECONDS: Final = 20
COMMAND_SECONDS: Final = 25
"""The server ends a statement before; where it has not, it is gone."""

assert COMMAND_SECONDS > STATEMENT_SECONDS  # noqa: S101  limits that depend on each other say so

_LIMITS: Final = {
    "statement_timeout": str(STATEMENT_SECONDS * 1000),
    "idle_in_transaction_session_timeout": str(STATEMENT_SECONDS * 1000),
}
_SET_LIMITS: Final = "".join(f"SET LOCAL {name} = {value};" for name, value in _LIMITS.items())
_NEXT_HOST: Final = (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError)
"""The errors of one host after which the next one is tried."""

Opener = Callable[..., Awaitable[asyncpg.Connection]]


def opener(url: DatabaseUrl, *, pooled: bool, command_seconds: float | None) -> Opener:
    """Return a coroutine function that connects to the first host that accepts us.

    `pooled`: PgBouncer stands between in transaction mode, so nothing is kept in the session, and each
    transaction begins with its limits. A wait of `command_seconds` for the server ends with TimeoutError.
    None is for statements of any length, which the server is told as well.
    """
    options = url.driver | {
        "timeout": url.connect_seconds,
        "command_timeout": command_seconds,
        "target_session_attrs": url.session,
        "connection_class": _class(url.keep_alive, limited=pooled),
        "server_settings": url.server_settings | ({} if pooled else _LIMITS),
    }
    if pooled:
        options["statement_cache_size"] = 0

    async def connect(**_: Any) -> asyncpg.Connection:
        """Ignore SQLAlchemy's arguments: they are in the URL already."""
        *first, last = url.hosts or (None,)
        for host in first:
            with suppress(*_NEXT_HOST):
                return await asyncpg.connect(**_host_options(host), **options)
        return await asyncpg.connect(**_host_options(last), **options)

    return connect


def _host_options(host: Host | None) -> dict[str, Any]:
    return {} if host is None else {"host": host[0], "port": host[1]}


def _class(keep_alive: KeepAlive | None, *, limited: bool) -> type[asyncpg.Connection]:
    class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
        """Has TCP watch whether the other side is still there."""

        def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
            if keep_alive is not None:
                _keep_alive(transport.get_extra_info("socket"), keep_alive)
            super().__init__(protocol, transport, *rest)

    class Limited(Connection):
        """Sets the limits with each BEGIN, as the session behind a pooler is not ours."""

        async def execute(self, query: str, *args: Any, **rest: Any) -> str:
            if query.startswith("BEGIN"):
                query = f"{query.rstrip(';')};{_SET_LIMITS}"
            status: str = await super().execute(query, *args, **rest)
            return status

    return Limited if limited else Connection


def _keep_alive(connection: Any, options: KeepAlive) -> None:
    """Have TCP ask for a sign of life, and give up what is never acknowledged."""
    if connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", options.idle_seconds),
        ("TCP_KEEPINTVL", options.interval_seconds),
        ("TCP_KEEPCNT", options.count),
        ("TCP_USER_TIMEOUT", options.user_timeout_milliseconds),
    ):
        if value and hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
