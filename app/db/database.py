"""The database that the settings name: the one way to its connections, and why it cannot be used, in sentences."""

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

from app.db import database_url, migrate
from app.db.engine import open_engine, sqlstate

CONNECTIONS: Final = 40
LEAST_CONNECTIONS: Final = 10
LEAST_VERSION: Final = 15
ENCODING: Final = "UTF8"


class Shares(NamedTuple):
    """How many connections each part of a process has for itself: none waits for those of another."""

    loops: int
    admin: int
    public: int

    @classmethod
    def of(cls, connections: int) -> Self:
        """Three tenths for the loops, a fifth for payers, and the rest for the merchant's API."""
        loops, public = connections * 3 // 10, connections // 5
        return cls(loops, connections - loops - public, public)


class DatabaseAway(Exception):
    """The database of KENNEL_DATABASE_URL does not let us in: {0}."""

    def __str__(self) -> str:
        """Say why, in one line."""
        return (self.__doc__ or "").format(str(self.args[0]).rstrip("."))


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is, and what stands between; `tend` starts an embedded one again that died, and says whether it did."""

    url: str = field(repr=False)
    pooler: str = "none"
    tend: Callable[[], bool] | None = None
    connections: int = CONNECTIONS

    @property
    def shares(self) -> Shares:
        """How its connections are shared out."""
        return Shares.of(self.connections)

    def engine(self, connections: int) -> AsyncEngine:
        """Return up to so many connections, for what never takes long."""
        return open_engine(self.url, pooler=self.pooler, connections=connections)

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[AsyncEngine]:
        """Yield connections for what may take long, to a database brought to this version's schema."""
        engine = open_engine(self.url, pooler=self.pooler, command_seconds=None)
        try:
            await self._upgrade(engine)
            yield engine
        finally:
            await engine.dispose()

    async def upgrade(self) -> None:
        """Bring it to this version's schema."""
        async with self.patient():
            pass

    async def check(self) -> Self:
        """Connect once, so that what is wrong with it is told at the start; raises DatabaseAway."""
        engine = self.engine(1)
        try:
            async with engine.connect() as connection:
                version, encoding, standby = (await connection.execute(_ASKED)).one()
        except (exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise DatabaseAway(reason(error, self.url)) from None
        finally:
            await engine.dispose()
        if wrong := unfit(version, encoding, standby=standby):
            raise DatabaseAway(wrong)
        return self

    async def _upgrade(self, engine: AsyncEngine) -> None:
        try:
            await migrate.upgrade(engine)
        except exc.ProgrammingError as error:
            if sqlstate(error) != _NOT_ALLOWED:
                raise
            raise DatabaseAway(
                f"its user may not make tables ({_first_line(error.orig)}): make it the owner"
            ) from None


_ASKED: Final = sa.text(
    "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'), pg_is_in_recovery()"
)
_NOT_ALLOWED: Final = "42501"


def unfit(version: int, encoding: str, *, standby: bool) -> str:
    """Say what keeps Kennel from using such a server (`version` as in server_version_num); nothing where it can."""
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
    where = database_url.parse(url)
    cause = (error.orig and error.orig.__cause__) or error if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, asyncpg.PostgresError):
        return _of_server(cause, where)
    words = _NO_TLS if "rejected SSL upgrade" in str(cause) else _of_driver(cause)
    return words.format(where.shown) if words else f"{where.shown}: {_first_line(cause)}"


def _of_server(error: asyncpg.PostgresError, where: database_url.DatabaseUrl) -> str:
    """The server's own answer, with what is to be done about it."""
    said = _first_line(error)
    for words, advice in _POOLERS.items():
        if words in said:
            return f"{said}: {advice}"
    if error.sqlstate in _SAID:
        return f"{said}: {_SAID[error.sqlstate].format(where.shown)}"
    return said


_POOLERS: Final = {
    "unsupported startup parameter": "where PgBouncer stands between, set KENNEL_DATABASE_POOLER=transaction",
    "SSL required": "say sslmode=require in the URL",
}
"""What PgBouncer says, with the same SQLSTATE whatever it is."""
_SAID: Final = {
    "28P01": "user or password are wrong",
    "28000": "the server takes no such user from here, or only with TLS (sslmode=require); see its pg_hba.conf",
    "3D000": "make it with createdb",
    "53300": "all its connections are taken: raise its max_connections, or lower KENNEL_DATABASE_CONNECTIONS",
    "57P03": "{0} is starting or stopping; try again",
}


def _of_driver(error: BaseException) -> str:
    """What the driver says before there was an answer."""
    return next((words for kinds, words in _UNANSWERED if isinstance(error, kinds)), "")


_UNANSWERED: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (gaierror, "there is no host of this name: {0}"),
    (
        ssl.SSLCertVerificationError,
        "the certificate of {0} does not prove who it is: see sslmode and sslrootcert",
    ),
    (ssl.SSLError, "{0} and Kennel find no way to speak TLS"),
    ((ConnectionRefusedError, FileNotFoundError), "nobody listens at {0}"),
    (TimeoutError, "{0} does not answer"),
    (asyncpg.TargetServerAttributeNotMatched, "none of {0} can be written to"),
)


_NO_TLS: Final = "{0} speaks no TLS, which sslmode asks for"


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__
