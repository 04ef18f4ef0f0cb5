"""One program for all tests that leave it as they found it, and an account of its own for each of them."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.program import Program, running, until
from tests.end_to_end.shop import Shop

HERE = Path(__file__).parent


class SharedPrograms:
    """Programs by the number of their cells. Each runs from its first test until `close`: a start takes seconds."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._programs: dict[int, Program] = {}

    def of(self, cells: int, home: Path) -> Program:
        """Return the one that runs, or start it in this home."""
        if cells not in self._programs:
            self._programs[cells] = self._stack.enter_context(running(_program(cells, home)))
            _fill(self._programs[cells])
        return self._programs[cells]

    def close(self) -> None:
        self._programs.clear()
        self._stack.close()


def _program(cells: int, home: Path) -> Program:
    """Make one with PostgreSQL and node of its own: the same to its callers with four cells.

    It asks the node so seldom that no test passes unless announcements are heard.
    """
    program = Program(home, KENNEL_POLL_SECONDS="600")
    program.settings["KENNEL_CELLS"] = str(cells)
    program.settings["KENNEL_DATABASE_CONNECTIONS"] = str(max(40, 10 * (cells + 1)))
    return program


def _fill(program: Program) -> None:
    """Let its faucet be able to pay."""
    program.node.fill_faucet()
    until(lambda: program.node.mine() and program.audit()["height"] == program.node.height)


SHARED = SharedPrograms()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop them before tests elsewhere: they would take a share of the processor until the session ends."""
    if nextitem is None or HERE not in nextitem.path.parents:
        SHARED.close()


@pytest.fixture(scope="session", params=[1, 4], ids=["one-cell", "four-cells"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A program whose faucet can pay, with one cell or with four."""
    return SHARED.of(request.param, tmp_path_factory.mktemp("shared"))


@pytest.fixture
def program(shared: Program) -> Iterator[Program]:
    """The shared program; what it says meanwhile is shown beside a failure."""
    before = shared.output.stat().st_size
    yield shared
    sys.stdout.write(shared.said(before))


@pytest.fixture
def shop(program: Program, request: pytest.FixtureRequest) -> Shop:
    """An account of the test's own."""
    return Shop(program, request.node.name[:200]).open()
