"""The engine: connections with a limit on every wait, and what an error of the database means."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.db import database_url
from app.db.connections import COMMAND_SECONDS, STATEMENTS, opener
from app.db.reading import Reader, Readers

Db = AsyncConnection
"""An open transaction; its holder may not wait for the network."""
ReadDb = Db | Reader
"""An open transaction, or a connection for reading alone; `bulk.fetch_all` reads by both."""

RETRIED: Final = frozenset({"40P01", "40001", "23505"})
"""Deadlock, serialization failure, and a key that another transaction wrote meanwhile.

A retry of the same work may succeed, or find the other's row.
"""
LOCK_NOT_AVAILABLE: Final = "55P03"
QUERY_CANCELED: Final = "57014"
"""A statement took longer than its time limit, or an operator has cancelled it."""
READ_ONLY: Final = "25006"
"""A write met a standby, or a server that another one has taken over from."""
_UNREACHABLE: Final = (OperationalError, InterfaceError, PoolTimeout, OSError, asyncpg.InternalClientError)
"""The errors of the engine while the database is down or starting, or has no free connection.

InternalClientError: the connection broke, and the driver has not yet noticed. SQLAlchemy hands it on as it is.
"""
FAILURES: Final = (DBAPIError, OSError, asyncpg.InternalClientError)
"""All errors of statements and of connections."""
_TRANSIENT: Final = frozenset({"08", "40", "53", "55", "57"})
"""Classes of SQLSTATE after which another try may succeed.

Lost connections, conflicts, shortage, locks, shutdown, time-outs.
"""
_INTERNAL_ERROR: Final = "XX000"
_LOST_SERVER: Final = ("failure on connection", "server closed the connection", "SSL SYSCALL error")
"""Words of a distributed engine's internal errors that say that one of its servers has died."""
KEPT: Final = 5
"""Of so many connections none is closed: opening one takes the database as long as a bulk, and it has no plans yet."""
READERS: Final = 4
"""Connections for reading alone that an engine has beside: one process asks no more of them at once."""
_POOLED: Final = "kennel_pooled"
_READERS: Final = "kennel_readers"
_OPENER: Final = "kennel_opener"
_TIMED: Final = "kennel_timed"
_SINGLE: Final = "kennel_single"
_OBSERVERS: Final = "kennel_observers"
_Statement = TypeVar("_Statement", bound=sa.Executable)


def open_engine(
    url: str,
    *,
    pooler: str = "none",
    connections: int = 20,
    readers: int = READERS,
    command_seconds: float | None = COMMAND_SECONDS,
    statements: int = STATEMENTS,
) -> AsyncEngine:
    """Connect lazily to `url`, with at most so many connections, and `readers` beside. Half stay open, or all of KEPT.

    With `pooler="transaction"` PgBouncer may stand between. A server that has not answered for
    `command_seconds` is given up: TimeoutError, and no connection that was open then is used again. None is
    for commands, whose statements may take long. Each connection keeps the plans of so many `statements`.
    """
    parsed, pooled = database_url.parse(url), pooler == "transaction"
    kept = max(-(-connections // 2), min(connections, KEPT))
    host, port = parsed.hosts[0] if parsed.hosts else (None, None)
    connect = opener(parsed, pooled=pooled, command_seconds=command_seconds, statements=statements)
    arguments: dict[str, Any] = {"async_creator_fn": connect}
    if pooled:  # an unnamed prepared statement is parsed again where it is run, on whatever connection
        arguments |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    engine = create_async_engine(
        sa.URL.create("postgresql+asyncpg", parsed.user, parsed.password, host, port, parsed.database),
        pool_size=kept,
        max_overflow=connections - kept,
        pool_timeout=10,
        connect_args=arguments,
        execution_options={_POOLED: pooled, _OPENER: connect, _READERS: readers, _OBSERVERS: []},
        hide_parameters=True,  # an error that prints them would print secrets
    )
    sa.event.listen(engine.sync_engine, "handle_error", _invalidate_dead)
    sa.event.listen(engine.sync_engine, "checkout", _leave_closed)
    return engine


def timed(statement: _Statement) -> _Statement:
    """Mark a statement, so that `observe_timed` hears how long it takes."""
    return statement.execution_options(**{_TIMED: True})


def observe_timed(engine: AsyncEngine, observe: Callable[[float], None]) -> None:
    """Have `observe` called with the seconds that each statement takes that is marked with `timed`."""
    engine.sync_engine.get_execution_options()[_OBSERVERS].append(observe)

    def before(
        connection: Any, _cursor: Any, _statement: Any, _values: Any, context: Any, _many: Any
    ) -> None:
        if _TIMED in context.execution_options:
            connection.info[_TIMED] = time.perf_counter()

    def after(connection: Any, _cursor: Any, _statement: Any, _values: Any, context: Any, _many: Any) -> None:
        if _TIMED in context.execution_options:
            observe(time.perf_counter() - connection.info[_TIMED])

    sa.event.listen(engine.sync_engine, "before_cursor_execute", before)
    sa.event.listen(engine.sync_engine, "after_cursor_execute", after)


def observers_of(db: Db, statement: sa.Executable) -> Sequence[Callable[[float], None]]:
    """Return who wants to hear how long the statement takes where SQLAlchemy does not run it."""
    if _TIMED not in statement.get_execution_options():
        return ()
    observers: Sequence[Callable[[float], None]] = db.sync_engine.get_execution_options()[_OBSERVERS]
    return observers


def reads(engine: AsyncEngine) -> AsyncEngine:
    """Return the same database for single statements that only read.

    They run without a transaction, unless a pooler needs one for the time limits.
    """
    pooled = engine.sync_engine.get_execution_options()[_POOLED]
    return engine if pooled else engine.execution_options(isolation_level="AUTOCOMMIT", **{_SINGLE: True})


def is_single(db: Db) -> bool:
    """Whether each statement is one by itself, by `reads`, and there is no transaction to begin."""
    return _SINGLE in db.sync_engine.get_execution_options()


def readers(engine: AsyncEngine, connections: int | None = None) -> Readers:
    """Return the connections beside the engine's own for Prepared statements, or so many; closed with the engine's."""
    options = engine.sync_engine.get_execution_options()
    opened = Readers(options[_OPENER], connections or options[_READERS], pooled=options[_POOLED])

    def forget_dead(context: sa.engine.ExceptionContext) -> None:
        if context.is_disconnect:
            opened.forget()

    sa.event.listen(engine.sync_engine, "engine_disposed", lambda _: opened.forget())
    sa.event.listen(engine.sync_engine, "handle_error", forget_dead)
    return opened


def _invalidate_dead(context: sa.engine.ExceptionContext) -> None:
    """Reuse no connection that was open when a server fell silent, or when it became read-only.

    SQLAlchemy hands some errors of the driver on as they are, and of others it makes its own. Of one that breaks while it
    prepares a new connection it does not see by itself that the connection is lost.
    """
    error = context.original_exception
    broken = isinstance(error, TimeoutError) or any(
        isinstance(each, asyncpg.InternalClientError) for each in (error, error.__cause__)
    )
    if broken or sqlstate(error) == READ_ONLY:
        context.is_disconnect = context.invalidate_pool_on_disconnect = True


def _leave_closed(connection: Any, *_: Any) -> None:
    """Hand out no connection that the server has closed meanwhile, nor any as old: SQLAlchemy opens a new one instead.

    Else the first request after a restart of the database would be refused, in each cell, however much later it comes.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


class _SerializationFailure(Exception):
    sqlstate = "40001"


def serialization_failure(reason: str) -> DBAPIError:
    """Return the error of a transaction that met others and is worth a retry: one of RETRIED."""
    return DBAPIError(None, None, _SerializationFailure(reason))


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE that PostgreSQL gave, where the error is one of its answers."""
    cause: BaseException | None = error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = getattr(cause, "orig", None) or cause.__cause__
    return None


def is_outage(error: Exception) -> bool:
    """Whether the database is down or has no free connection, so that another try may succeed."""
    state = sqlstate(error) or ""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if state == _INTERNAL_ERROR:
        lost = lost or any(words in str(error) for words in _LOST_SERVER)
    return lost or isinstance(error, _UNREACHABLE) or state[:2] in _TRANSIENT
