"""One program for all tests that leave it as they found it, and an account of its own for each of them."""

import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.program import Program, running
from tests.end_to_end.shop import Shop


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program with PostgreSQL and node of its own, whose faucet can pay."""
    with running(Program(tmp_path_factory.mktemp("shared"))) as program:
        program.node.fill_faucet()
        program.keep_up()
        yield program


@pytest.fixture
def program(shared: Program) -> Iterator[Program]:
    """The shared program; what it says meanwhile is shown beside a failure."""
    before = len(shared.said)
    yield shared
    sys.stdout.write(shared.said[before:])


@pytest.fixture
def shop(program: Program, request: pytest.FixtureRequest) -> Shop:
    """An account of the test's own."""
    return Shop(program, request.node.name[:200]).open()
