"""One connection to the database: every wait has a limit, and a dead server is noticed."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg

from app.db.database_url import DatabaseUrl, Host, KeepAlive

STATEMENT_SECONDS: Final = 20
COMMAND_SECONDS: Final = 25
"""The server ends a statement before; where it has not, it is gone."""

STATEMENTS: Final = 100
"""Of so many a connection keeps the plans, as the driver does by itself."""

assert COMMAND_SECONDS > STATEMENT_SECONDS  # noqa: S101  limits that depend on each other say so

_LIMITS: Final = {
    "statement_timeout": str(STATEMENT_SECONDS * 1000),
    "idle_in_transaction_session_timeout": str(STATEMENT_SECONDS * 1000),
}
_SET_LIMITS: Final = "".join(f"SET LOCAL {name} = {value};" for name, value in _LIMITS.items())
_ENDS: Final = ("COMMIT", "ROLLBACK;")
"""How the driver ends a transaction; ROLLBACK TO a savepoint ends none."""
_NEXT_HOST: Final = (OSError, asyncpg.CannotConnectNowError)
"""The errors of one host after which the next one is tried."""

Opener = Callable[..., Awaitable[asyncpg.Connection]]


class NoneWritable(ConnectionError):
    """No host can be written to: all are standbys, of which one may be promoted soon."""


def opener(
    url: DatabaseUrl, *, pooled: bool, command_seconds: float | None, statements: int = STATEMENTS
) -> Opener:
    """Return a coroutine function that connects to the host that took us last, or to the first other that does.

    So a host that does not answer any more delays no connection but the first after its end.

    `pooled`: PgBouncer stands between in transaction mode, so nothing is kept in the session, and each
    transaction begins with its limits. A wait of `command_seconds` for the server ends with TimeoutError.
    None is for statements of any length, which the server is told as well.
    """
    options = url.driver | {
        "timeout": url.connect_seconds,
        "command_timeout": command_seconds,
        "statement_cache_size": 0 if pooled else statements,
        "target_session_attrs": url.session,
        "connection_class": _class(url.keep_alive, command_seconds, limited=pooled),
        "server_settings": url.server_settings | ({} if pooled else _LIMITS),
    }

    hosts: list[Host | None] = list(url.hosts) or [None]

    async def connect(**_: Any) -> asyncpg.Connection:
        """Ignore SQLAlchemy's arguments: they are in the URL already."""
        *first, last = hosts
        for host in first:
            with suppress(*_NEXT_HOST):
                return await _connect_to(host, hosts, options)
        return await _connect_to(last, hosts, options)

    return connect


async def _connect_to(
    host: Host | None, hosts: list[Host | None], options: dict[str, Any]
) -> asyncpg.Connection:
    """Connect to one of the hosts, which is the first from then on."""
    try:
        connection = await asyncpg.connect(**_host_options(host), **options)
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise NoneWritable(error) from error
    hosts.remove(host)
    hosts.insert(0, host)
    return connection


def _host_options(host: Host | None) -> dict[str, Any]:
    return {} if host is None else {"host": host[0], "port": host[1]}


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """Is never left in a transaction whose end has failed.

    A ROLLBACK that takes longer than the transaction's time limit is cancelled as any statement is, and the
    transaction stays. Neither the driver nor SQLAlchemy would look at it again: the next who gets the connection could begin none.
    """

    async def execute(self, query: str, *args: Any, **rest: Any) -> str:
        try:
            status: str = await super().execute(query, *args, **rest)
        except asyncpg.PostgresError:
            if query.startswith(_ENDS) and self._is_left_open():
                await self._leave()
            raise
        return status

    async def set_type_codec(self, *args: Any, **rest: Any) -> None:
        """SQLAlchemy calls this on each new connection, and hands an error on as it is: nobody would take it for an outage."""
        try:
            await super().set_type_codec(*args, **rest)
        except asyncpg.InterfaceError as error:
            if not self.is_closed():
                raise
            raise ConnectionResetError("the database has closed the connection") from error

    async def _leave(self) -> None:
        """Roll back once more, without the transaction's own limits: the error has ended these."""
        with suppress(asyncpg.PostgresError):
            await super().execute("ROLLBACK")
        if self._is_left_open():
            self.terminate()

    def _is_left_open(self) -> bool:
        return not self.is_closed() and self.is_in_transaction()


def _class(
    keep_alive: KeepAlive | None, command_seconds: float | None, *, limited: bool
) -> type[asyncpg.Connection]:
    class Connection(_Connection):
        """Has TCP watch whether the other side is still there, and never takes a COMMIT back half way."""

        plans_for = ""
        """The end of each statement that is planned once: see `driven.keep_plans_for`."""

        def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
            if keep_alive is not None:
                _keep_alive(transport.get_extra_info("socket"), keep_alive)
            super().__init__(protocol, transport, *rest)

        async def execute(self, query: str, *args: Any, **rest: Any) -> str:
            if command_seconds is None or not query.startswith("COMMIT"):
                status: str = await super().execute(query, *args, **rest)
            else:
                with _given_up_after(command_seconds, self.terminate):
                    status = await super().execute(query, timeout=2 * command_seconds)
            return status

    class Limited(Connection):
        """Sets the limits with each BEGIN, as the session behind a pooler is not ours."""

        async def execute(self, query: str, *args: Any, **rest: Any) -> str:
            if query.startswith("BEGIN"):
                query = f"{query.rstrip(';')};{_SET_LIMITS}"
            return await super().execute(query, *args, **rest)

    return Limited if limited else Connection


@contextmanager
def _given_up_after(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """Raise TimeoutError when the block takes longer, by ending the connection.

    The driver's own time limit asks the server to cancel. A COMMIT that waits for a standby cannot be taken back:
    it would end its wait, and be seen and answered to others though no standby has it. So the server goes on waiting.
    """
    given_up = asyncio.Event()

    def give_up() -> None:
        given_up.set()
        end()

    timer = asyncio.get_running_loop().call_later(seconds, give_up)
    try:
        yield
    except (asyncpg.PostgresConnectionError, OSError) as error:
        if not given_up.is_set():
            raise
        raise TimeoutError("the database has not confirmed a commit") from error
    finally:
        timer.cancel()


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
