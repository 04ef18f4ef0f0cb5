"""One connection to the database: every wait on it has its limit, a dead one is noticed, and a pooler may stand between."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from app.db.database_url import DatabaseUrl, Host, KeepAlive

STATEMENT_SECONDS: Final = 20
COMMAND_SECONDS: Final = 25
"""The server ends a statement before; where it has not, nobody is there any more."""

assert COMMAND_SECONDS > STATEMENT_SECONDS  # noqa: S101  limits that depend on each other say so

_LIMITS: Final = {
    "statement_timeout": str(STATEMENT_SECONDS * 1000),
    "idle_in_transaction_session_timeout": str(STATEMENT_SECONDS * 1000),
}
_SET_LIMITS: Final = "".join(f"SET LOCAL {name} = {value};" for name, value in _LIMITS.items())
_TRIED_ELSEWHERE: Final = (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError)
"""What one of several hosts may say while another one takes us."""

Opened = Callable[..., Awaitable[asyncpg.Connection]]


def opener(url: DatabaseUrl, *, pooled: bool, command_seconds: float | None) -> Opened:
    """Return what opens a connection: to the first host that takes us.

    `pooled`: PgBouncer stands between in transaction mode, so nothing is kept in the session, and a transaction begins with
    its limits. Who has waited `command_seconds` for the server gives it up; None is for statements that may take as long as
    they take, which is said to the server as well.
    """
    told = url.driver | {
        "timeout": url.connect_seconds,
        "command_timeout": command_seconds,
        "target_session_attrs": url.session,
        "connection_class": _class(url.keep_alive, limited=pooled),
        "server_settings": url.server_settings | ({} if pooled else _LIMITS),
    }
    if pooled:
        told["statement_cache_size"] = 0

    async def opened(**_: Any) -> asyncpg.Connection:
        """Open one; what SQLAlchemy would say is in the URL already."""
        *others, last = url.hosts or (None,)
        for host in others:
            with suppress(*_TRIED_ELSEWHERE):
                return await asyncpg.connect(**_at(host), **told)
        return await asyncpg.connect(**_at(last), **told)

    return opened


def _at(host: Host | None) -> dict[str, Any]:
    return {} if host is None else {"host": host[0], "port": host[1]}


def _class(keep_alive: KeepAlive | None, *, limited: bool) -> type[asyncpg.Connection]:
    class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg says nothing of its types
        """Looks whether the other side is still there."""

        def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
            if keep_alive is not None:
                _keep_alive(transport.get_extra_info("socket"), keep_alive)
            super().__init__(protocol, transport, *rest)

    class Limited(Connection):
        """Says with each BEGIN what would otherwise be said once for the session, which is not ours here."""

        async def execute(self, query: str, *args: Any, **rest: Any) -> str:
            if query.startswith("BEGIN"):
                query = f"{query.rstrip(';')};{_SET_LIMITS}"
            done: str = await super().execute(query, *args, **rest)
            return done

    return Limited if limited else Connection


def _keep_alive(connected: Any, how: KeepAlive) -> None:
    """Have TCP ask for a sign of life, and give up what is never acknowledged."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", how.idle_seconds),
        ("TCP_KEEPINTVL", how.interval_seconds),
        ("TCP_KEEPCNT", how.count),
        ("TCP_USER_TIMEOUT", how.user_timeout_milliseconds),
    ):
        if value and hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
