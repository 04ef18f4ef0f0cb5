"""One program for all tests that leave it as they found it, and an account of its own for each of them."""

import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.program import Program, running, until
from tests.end_to_end.shop import Shop


@pytest.fixture(scope="session", params=[1, 4], ids=["one-cell", "four-cells"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program with PostgreSQL and node of its own, whose faucet can pay: the same to its callers with four cells.

    It asks the node so seldom that no test passes unless announcements are heard.
    """
    program = Program(tmp_path_factory.mktemp("shared"), KENNEL_POLL_SECONDS="600")
    program.settings["KENNEL_CELLS"] = str(request.param)
    program.settings["KENNEL_DATABASE_CONNECTIONS"] = str(max(40, 10 * (request.param + 1)))
    with running(program):
        program.node.fill_faucet()
        until(lambda: program.node.mine() and program.audit()["height"] == program.node.height)
        yield program


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
