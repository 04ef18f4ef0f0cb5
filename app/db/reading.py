"""Reading without a transaction: statements that are made once, and run straight on the driver's connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import asyncpg as driver

from app.db.connections import Opener

Row = Mapping[str, Any]

WAIT_SECONDS: Final = 10.0
"""How long a caller waits for a free connection."""
_DIALECT: Final = driver.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it


class Prepared:
    """A SELECT that is made once. Its text stays the same, so PostgreSQL plans it once for a connection.

    Making a statement and running it by SQLAlchemy takes five to ten times as long as the driver alone.
    """

    def __init__(self, statement: sa.Select[Any] | sa.TextClause | sa.TextualSelect) -> None:
        self.statement = statement

    @cached_property
    def driven(self) -> "Driven":
        """As the driver takes it; made when it is first used, so that a start does not wait for it."""
        compiled = self.statement.compile(dialect=_DIALECT)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        binds: Mapping[str, sa.BindParameter[Any]] = getattr(compiled, "binds", {})
        writers = [binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT) for name in names]
        return Driven(str(compiled), tuple(names), tuple(writers), dict(compiled.params))


class Driven(NamedTuple):
    """A statement's text, the order of its parameters, how each is written, and the values that some have."""

    text: str
    names: tuple[str, ...]
    writers: tuple[Any, ...]
    values: Mapping[str, Any]

    def arguments(self, parameters: Row) -> list[Any]:
        """Return the parameters in order."""
        values = {**self.values, **parameters}
        return [
            values[name] if write is None else write(values[name])
            for name, write in zip(self.names, self.writers, strict=True)
        ]


class Reader:
    """A connection for statements that only read: each sees what was committed before it began."""

    def __init__(self, connection: asyncpg.Connection, *, pooled: bool) -> None:
        self.connection = connection
        self._pooled = pooled

    async def fetch_all(self, prepared: Prepared, parameters: Row | None = None) -> Sequence[Row]:
        """Return all rows, with values as the driver reads them.

        Behind a pooler the statement has a transaction of its own, for its time limits.
        """
        text, arguments = prepared.driven.text, prepared.driven.arguments(parameters or {})
        try:
            if not self._pooled:
                return cast("Sequence[Row]", await self.connection.fetch(text, *arguments))
            async with self.connection.transaction(readonly=True):
                return cast("Sequence[Row]", await self.connection.fetch(text, *arguments))
        except (asyncpg.PostgresError, ValueError):  # of the statement, or of its parameters
            raise
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            self.connection.terminate()
            raise ConnectionResetError("the database has closed the connection") from error
        except BaseException:  # it was cut off: nobody knows in which state the connection is
            self.connection.terminate()
            raise


class Readers:
    """At most so many connections; who waits for one gets it in the order of arrival, within WAIT_SECONDS.

    They are opened when they are needed and stay open. When one breaks, those that wait for work are closed too.
    """

    def __init__(self, connect: Opener, connections: int, *, pooled: bool) -> None:
        self._connect = connect
        self._pooled = pooled
        self._turns = asyncio.Semaphore(connections)
        self._idle: list[Reader] = []
        self._generation = 0

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Reader]:
        """Yield a connection; TimeoutError where none gets free."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self._turns.acquire()
        try:
            reader = self._idle.pop() if self._idle else await self._open()
            generation = self._generation
            try:
                yield reader
            finally:
                self._put_back(reader, generation)
        finally:
            self._turns.release()

    def forget(self) -> None:
        """Use no connection again that is open now."""
        self._generation += 1
        idle, self._idle = self._idle, []
        for reader in idle:
            reader.connection.terminate()

    async def _open(self) -> Reader:
        try:
            return Reader(await self._connect(), pooled=self._pooled)
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise ConnectionRefusedError("no host of the database takes us") from error

    def _put_back(self, reader: Reader, generation: int) -> None:
        if reader.connection.is_closed():
            self.forget()
        elif generation == self._generation:
            self._idle.append(reader)
        else:
            reader.connection.terminate()
