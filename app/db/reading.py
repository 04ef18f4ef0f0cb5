"""Reading without a transaction: prepared statements straight on the driver's connections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

import asyncpg

from app.db.connections import Opener
from app.db.prepared import Prepared, Row

WAIT_SECONDS: Final = 10.0
"""How long a caller waits for a free connection."""


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
            reader = self._waiting() or await self._open()
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

    def _waiting(self) -> Reader | None:
        """Return one that waits for work; none of them where the database has closed the first meanwhile."""
        if self._idle and self._idle[-1].connection.is_closed():
            self.forget()
        return self._idle.pop() if self._idle else None

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
