"""The database that the settings name: the one way to its connections, and why it cannot be used."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import gaierror
from typing import Final, NamedTuple, Self

import asyncpg
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell, CellMap
from app.db import cells, database_url, migrate
from app.db.connections import COMMAND_SECONDS, STATEMENTS, NoneWritable, opener
from app.db.engine import READERS, open_engine, sqlstate
from app.errors import OperatorError

CONNECTIONS: Final = 40
ONE_CELL: Final = CellMap()
CELL_STATEMENTS: Final = 16
"""Statements of a transaction over cells that a connection plans for each of them, and keeps."""
LEAST_VERSION: Final = 15
ENCODING: Final = "UTF8"


class Shares(NamedTuple):
    """How many connections each part of a process has for itself: no part waits for those of another.

    One more hears the notices of other processes.
    """

    loops: int
    admin: int
    public: int

    @classmethod
    def of(cls, connections: int) -> Self:
        """Three tenths for the loops, a fifth for payers, and the rest for the merchant's API."""
        loops, public = connections * 3 // 10, connections // 5
        return cls(loops, connections - loops - public - 1, public)


class DatabaseUnavailable(OperatorError):
    """The database of KENNEL_DATABASE_URL does not let us in: {0}."""

    def __str__(self) -> str:
        """Say why, in one line."""
        return (self.__doc__ or "").format(str(self.args[0]).rstrip("."))


Advance = Callable[[int, int], object]
"""Called with how many cells are migrated, and how many there are."""


def _unseen(_done: int, _all: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is, and the pooler between.

    `restart` starts an embedded PostgreSQL again that has died, and returns whether it had. `map` says into which
    cells the installation is divided. One of several cells is a Database of its own, without others; `cell` says
    which it is.
    """

    url: str = field(repr=False)
    pooler: str = "none"
    restart: Callable[[], bool] | None = None
    connections: int = CONNECTIONS
    map: CellMap = ONE_CELL
    cell: Cell = migrate.ALL

    @property
    def cells(self) -> "tuple[Database, ...]":
        """Each cell as a Database, all with equal parts of the connections; without several cells this one alone."""
        if self.map.cells == 1:
            return (self,)
        part = self.connections // (self.map.cells + 1)
        return tuple(
            Database(database_url.as_user(self.url, cell.schema), self.pooler, connections=part, cell=cell)
            for cell in self.map
        )

    def crossing_engine(
        self, connections: int = 0, *, command_seconds: float | None = COMMAND_SECONDS
    ) -> AsyncEngine:
        """Return connections for what concerns several cells, as many as a cell has, or so many.

        Their user may work in all cells: a transaction says in which (`cells.enter`).
        """
        part = connections or self.connections // (self.map.cells + 1)
        return open_engine(
            self.url,
            pooler=self.pooler,
            connections=part,
            command_seconds=command_seconds,
            statements=STATEMENTS + CELL_STATEMENTS * self.map.cells,
        )

    @property
    def shares(self) -> Shares:
        """How its connections are shared out."""
        return Shares.of(self.connections)

    def engine(self, connections: int, *, reading: bool = False) -> AsyncEngine:
        """Return up to so many connections, for statements that never take long; `reading`: some for `readers`.

        These are at most half, so that lists delay no write.
        """
        part = min(READERS, connections // 2) if reading else 0
        return open_engine(self.url, pooler=self.pooler, connections=connections - part, readers=part)

    @property
    def keeps_sessions(self) -> bool:
        """Whether a connection stays ours: PgBouncer gives another one to each transaction."""
        return self.pooler == "none"

    async def session(self) -> asyncpg.Connection:
        """Open a connection of its own, which only the caller closes."""
        parsed = database_url.parse(self.url)
        return await opener(parsed, pooled=False, command_seconds=COMMAND_SECONDS)()

    @asynccontextmanager
    async def without_timeouts(
        self, revision: str = "head", advance: Advance = _unseen
    ) -> AsyncIterator[AsyncEngine]:
        """Yield connections for statements that may take long, to a database of this version's schema.

        An older `revision` of it is for a new database alone. With several cells all of them are migrated, and the
        connections are those of `crossing_engine`.
        """
        engine = open_engine(self.url, pooler=self.pooler, command_seconds=None)
        try:
            await self._upgrade(engine, revision, advance)
            yield engine
        finally:
            await engine.dispose()

    async def upgrade(self, advance: Advance = _unseen) -> None:
        """Bring it to this version's schema."""
        async with self.without_timeouts(advance=advance):
            pass

    async def check(self) -> Self:
        """Connect once, so that the start says what is wrong with it; raises DatabaseUnavailable."""
        engine = self.engine(1)
        try:
            async with engine.connect() as connection:
                version, encoding, standby = (await connection.execute(_SERVER)).one()
        except (exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise DatabaseUnavailable(reason(error, self.url)) from None
        finally:
            await engine.dispose()
        if fault := unfit(version, encoding, standby=standby):
            raise DatabaseUnavailable(fault)
        return self

    async def _upgrade(self, engine: AsyncEngine, revision: str, advance: Advance) -> None:
        try:
            if self.map.cells == 1:
                await migrate.upgrade(engine, revision, self.cell)
            else:
                await self._upgrade_cells(engine, revision, advance)
        except (migrate.NewerSchema, cells.NotAdmitted) as error:
            raise DatabaseUnavailable(str(error)) from None
        except exc.ProgrammingError as error:
            if sqlstate(error) != _INSUFFICIENT_PRIVILEGE:
                raise
            advice = _OWNER if self.map.cells == 1 else _MAKER
            raise DatabaseUnavailable(advice.format(_first_line(error.orig))) from None

    async def _upgrade_cells(self, engine: AsyncEngine, revision: str, advance: Advance) -> None:
        """Make the cells, then migrate one after the other: each is current or as it was, whenever this is killed."""
        password = database_url.parse(self.url).password
        await cells.make(engine, self.map, password)
        if not await self.cells[0].is_admitted():
            await cells.change_passwords(engine, self.map, password)
        for done, cell in enumerate(self.cells):
            advance(done, self.map.cells)
            async with cell.without_timeouts(revision):
                pass  # it is migrated
        advance(self.map.cells, self.map.cells)

    async def is_admitted(self) -> bool:
        """Whether the server takes its user's password."""
        engine = self.engine(1)
        try:
            async with engine.connect():
                return True
        except (exc.DBAPIError, asyncpg.PostgresError) as error:
            if sqlstate(error) != _WRONG_PASSWORD:
                raise
            return False
        finally:
            await engine.dispose()


_SERVER: Final = sa.text(
    "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),"
    " pg_is_in_recovery()"
)
_INSUFFICIENT_PRIVILEGE: Final = "42501"
_WRONG_PASSWORD: Final = "28P01"  # noqa: S105  a SQLSTATE
_OWNER: Final = "its user may not make tables ({}): make it the owner"
_MAKER: Final = "its user may not make cells ({}): make it the owner, and ALTER ROLE ... CREATEROLE"


def unfit(version: int, encoding: str, *, standby: bool) -> str:
    """Say why Kennel cannot use such a server (`version` as in server_version_num); "" where it can."""
    if version // 10_000 < LEAST_VERSION:
        return f"it is PostgreSQL {version // 10_000}, and Kennel needs {LEAST_VERSION} or later"
    if encoding != ENCODING:
        return (
            f"its encoding is {encoding}, and names would not fit in: make one with "
            f"`createdb --encoding={ENCODING} --template=template0`"
        )
    return "it is a standby, which cannot be written to: name the primary" if standby else ""


def reason(error: Exception, url: str) -> str:
    """Say in Kennel's words why connecting failed; never with the password."""
    hosts = database_url.parse(url).shown
    cause = (error.orig and error.orig.__cause__) or error if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, asyncpg.PostgresError):
        return _of_server(cause, hosts)
    sentence = _NO_TLS if "rejected SSL upgrade" in str(cause) else _of_driver(cause)
    return sentence.format(hosts) if sentence else f"{hosts}: {_first_line(cause)}"


def _of_server(error: asyncpg.PostgresError, hosts: str) -> str:
    """Repeat the server's own answer, and advise what to do about it."""
    message = _first_line(error)
    for words, advice in _POOLER_ADVICE.items():
        if words in message:
            return f"{message}: {advice}"
    advice = _ADVICE.get(error.sqlstate or "", "")
    return f"{message}: {advice.format(hosts)}" if advice else message


_POOLER_ADVICE: Final = {
    "unsupported startup parameter": "where PgBouncer stands between, set KENNEL_DATABASE_POOLER=transaction",
    "SSL required": "say sslmode=require in the URL",
}
"""By words of PgBouncer's message: it has the same SQLSTATE for everything."""
_ADVICE: Final = {
    "28P01": "user or password are wrong",
    "28000": "the server takes no such user from here, or only with TLS (sslmode=require);"
    " see its pg_hba.conf",
    "3D000": "make it with createdb",
    "53300": "all its connections are taken: raise its max_connections, or lower KENNEL_DATABASE_CONNECTIONS",
    "57P03": "{0} is starting or stopping; try again",
}
"""By PostgreSQL's SQLSTATE."""


def _of_driver(error: BaseException) -> str:
    """Say what the driver met before any answer; "" where we have no words for it."""
    return next((sentence for kinds, sentence in _UNANSWERED if isinstance(error, kinds)), "")


_UNANSWERED: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (gaierror, "there is no host of this name: {0}"),
    (
        ssl.SSLCertVerificationError,
        "the certificate of {0} does not prove who it is: see sslmode and sslrootcert",
    ),
    (ssl.SSLError, "{0} and Kennel find no way to speak TLS"),
    ((ConnectionRefusedError, FileNotFoundError), "nobody listens at {0}"),
    (TimeoutError, "{0} does not answer"),
    (NoneWritable, "none of {0} can be written to"),
)
_NO_TLS: Final = "{0} speaks no TLS, which sslmode asks for"


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__
