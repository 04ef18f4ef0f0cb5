"""The fixtures of all tests: a real PostgreSQL, and for each test a database of its own with the schema."""

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell, CellMap
from app.db import migrate
from app.db.database import Database
from app.db.embedded import server as postgres
from app.db.engine import open_engine
from tests import cells as divided
from tests import leaks, statement_rules, statements
from tests.cells import Cells, MakeCells

TEMPLATE = f"template_kennel_{secrets.token_hex(8)}"
SERVER_URL = "KENNEL_TEST_DATABASE_URL"
ROOT = Path(__file__).resolve().parent.parent
CELL = Cell(1, 4)
RULES = Path("tests/unit/domain")
ALSO_IN_A_CELL = {RULES / name for name in ("ledger", "holds", "escrows", "transfers")}
ALSO_IN_A_CELL |= {RULES / name for name in os.environ.get("IN_A_CELL", "").split()}
ONLY_WHOLE = {
    "test_a_balance_is_found_once_by_its_key_and_then_where_it_is_locked": "LOAD is for superusers",
    "test_closed_payees_are_found_in_the_index_of_closed_accounts": "LOAD is for superusers",
    "test_what_cannot_be_done_is_refused_by_name_and_moves_nothing": "names holds and escrows by 1, 2, 3",
}
"""Tests of those folders that do not run in a cell, with the reason."""
LONG = (
    "tests/faults/all_at_once/test_all_at_once.py",
    "tests/walk/",
    "tests/ledger_walk/",
    "tests/end_to_end/",
    "tests/faults/",
    "tests/checkout/",
    "tests/upgrade/",
    "tests/fuzz/",
)
"""What takes minutes, in the order in which it is begun: alone at the end, one of these files would keep all waiting."""
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 4 * 1024**3


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what long tests were worth: their seeds and counts, also where several processes run the tests."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport) and report.when == "call":
            for name, text in report.user_properties:
                if name == "worth":
                    terminalreporter.write_line(str(text))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, whose processes wait more than they work: the others run beside them.

    Of the rest those with many tests come first, as they do in xdist's own order, which counts tests and not minutes.
    """
    tests_of = Counter(item.path for item in items)
    items.sort(key=lambda item: (_turn(item.path), -tests_of[item.path]))


def _turn(path: Path) -> int:
    """Return when a file is begun: that of the first line of LONG that it lies under."""
    name = path.relative_to(ROOT).as_posix()
    return next((turn for turn, start in enumerate(LONG) if name.startswith(start)), len(LONG))


@pytest.fixture(scope="session", autouse=True)
def given_server() -> str | None:
    """Return the URL of a server that stands ready for the tests; the program knows no such setting."""
    return os.environ.pop(SERVER_URL, None)


@pytest.fixture(scope="session")
def server(given_server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a PostgreSQL for the whole session: the one that is given, or one of our own."""
    with ExitStack() as stack:
        url = sa.make_url(given_server or _own_server(stack, tmp_path_factory))
        server = url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        stack.callback(lambda: asyncio.run(_drop_templates(server)))
        stack.enter_context(_judged(server))
        asyncio.run(_build_template(server))
        yield server


def _own_server(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Start an embedded PostgreSQL; its rows need not survive a power cut."""
    folder = stack.enter_context(_in_memory()) or tmp_path_factory.mktemp("kennel")
    return stack.enter_context(postgres.running(folder / "server", durable=False))


@contextmanager
def _judged(server: str) -> Iterator[None]:
    """Judge each statement that the program has given to PostgreSQL, when the session is over.

    The last test bears it: what is wrong is named with the line that gave the statement.
    """
    recorded: dict[str, str] = {}
    with statements.recorded(recorded):
        yield
    faults = asyncio.run(statement_rules.judged(_named(server, TEMPLATE), recorded))
    assert not faults, "statements against the rules of docs/scaling.md:\n" + "\n\n".join(faults)


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have the tests of the rules run once more in one of several cells: there everything is as in an installation."""
    folder = Path(metafunc.module.__file__ or "").relative_to(ROOT).parent
    name = metafunc.function.__name__
    if "database" in metafunc.fixturenames and folder in ALSO_IN_A_CELL and name not in ONLY_WHOLE:
        metafunc.parametrize("database", [None, CELL], indirect=True, ids=["whole", "cell"])


@pytest.fixture
async def database(server: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Yield the URL of a database for this test, or of a cell of one."""
    cell: Cell | None = getattr(request, "param", None)
    async with cloned(server, TEMPLATE if cell is None else await template_of(server, cell.cells)) as url:
        yield url if cell is None else await _url_of(cell, url)


async def _url_of(cell: Cell, url: str) -> str:
    whole = divided.divided(url, cell.cells)
    await divided.admit(whole)
    return whole.cells[cell.number].url


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """Yield an engine of the test's database; its commits are real."""
    engine = open_engine(database, connections=40)
    yield engine
    await engine.dispose()


@pytest.fixture
async def cells(server: str) -> AsyncIterator[MakeCells]:
    """Yield a function that makes a database with so many cells for this test: `divided = await cells(4)`."""
    async with AsyncExitStack() as stack:

        async def make(count: int) -> Cells:
            url = await stack.enter_async_context(cloned(server, await template_of(server, count)))
            clone = divided.divided(url, count)
            if count > 1:
                await divided.admit(clone)
            return await stack.enter_async_context(divided.opened(clone))

        yield make


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


_cell_templates: dict[int, str] = {}
"""Databases with several cells, by how many these are, made when the first test needs one."""


async def template_of(server: str, count: int) -> str:
    """Return the name of a database with so many cells, to be cloned."""
    if count not in _cell_templates:
        name = f"{TEMPLATE}_{count}"
        await _administer(server, f"CREATE DATABASE {name}")
        await Database(_named(server, name), map=CellMap(count)).upgrade()
        _cell_templates[count] = name
    return _cell_templates[count]


async def _drop_templates(server: str) -> None:
    for name in (TEMPLATE, *_cell_templates.values()):
        await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


async def _administer(server: str, statement: str) -> None:
    """Run it on a bare connection of the driver: an engine asks the server half a dozen things before."""
    url = sa.make_url(server).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
