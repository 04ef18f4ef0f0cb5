"""The fixtures of all tests: a real PostgreSQL, and for each test a database of its own with the schema."""

import asyncio
import logging
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import migrate
from app.db.embedded import server as postgres
from app.db.engine import open_engine
from tests import leaks

TEMPLATE = "template_kennel"
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 4 * 1024**3


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a PostgreSQL for the whole session; its rows need not survive a power cut."""
    with _in_memory() as memory:
        folder = memory or tmp_path_factory.mktemp("kennel")
        with postgres.running(folder / "server", durable=False) as url:
            asyncio.run(_build_template(url))
            yield url


@contextmanager
def _in_memory() -> Iterator[Path | None]:
    """Yield a folder in memory, where there is room: a database is cloned there in a tenth of the time."""
    if not (MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="kennel-tests-", dir=MEMORY) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user than root
        yield Path(folder)


@asynccontextmanager
async def cloned(server: str, template: str = TEMPLATE) -> AsyncIterator[str]:
    """Yield the URL of a fresh database, cloned from the one that the migrations built, or from another."""
    name = f"test_{secrets.token_hex(8)}"
    await _administer(server, f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY file_copy')
    yield _named(server, name)
    await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database(server: str) -> AsyncIterator[str]:
    """Yield the URL of a database for this test."""
    async with cloned(server) as url:
        yield url


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """Yield an engine of the test's database; its commits are real."""
    engine = open_engine(database, connections=40)
    yield engine
    await engine.dispose()


class _Lines(logging.Handler):
    """Keeps each line that is logged, with its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def lines_without_secrets() -> Iterator[None]:
    """Search all that the test has logged for secrets."""
    handler = _Lines()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    assert [(leaks.of(line), line) for line in handler.lines if leaks.of(line)] == []


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder of real software's answers."""
    return Path(__file__).parent / "vectors"


async def _build_template(server: str) -> None:
    await _administer(server, f"CREATE DATABASE {TEMPLATE}")
    engine = open_engine(_named(server, TEMPLATE))
    await migrate.upgrade(engine)
    await engine.dispose()


def _named(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


async def _administer(server: str, statement: str) -> None:
    engine = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(sa.text(statement))
    await engine.dispose()
