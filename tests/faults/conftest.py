"""Programs and nodes that may be killed: each test has its own database, unless it is PostgreSQL that dies."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest

from tests.conftest import cloned
from tests.end_to_end.program import Devnet, Process, Program, devnet, running


@pytest.fixture(scope="module")
def module_database(server: str) -> Iterator[str]:
    """The URL of a database of the module's own."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        yield runner.run(stack.enter_async_context(cloned(server)))
        runner.run(stack.aclose())


@pytest.fixture(scope="module")
def node_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """A node that runs apart from the programs that follow it."""
    with devnet(tmp_path_factory.mktemp("node")) as alone:
        yield alone


@pytest.fixture(scope="module")
def following(
    tmp_path_factory: pytest.TempPathFactory, node_alone: Devnet, module_database: str
) -> Iterator[Program]:
    """A program that follows it."""
    home = tmp_path_factory.mktemp("program")
    settings = {"KENNEL_DATABASE_URL": module_database, **node_alone.settings}
    with running(Program(home, node_alone.node, **settings)) as program:
        program.keep_up()
        yield program


class Said:
    """Shows beside a failure what processes said."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def by(self, process: Process) -> None:
        self._stack.callback(lambda: sys.stdout.write(f"--- {process.home.name}:\n{process.said()}\n"))


@pytest.fixture
def said() -> Iterator[Said]:
    """To be told which processes a test runs."""
    with ExitStack() as stack:
        yield Said(stack)


@pytest.fixture(scope="module")
def second(
    tmp_path_factory: pytest.TempPathFactory, node_alone: Devnet, following: Program
) -> Iterator[Program]:
    """A second program on the same database; it holds no seed, and hears no announcements: it asks."""
    settings = {
        "KENNEL_DATABASE_URL": following.settings["KENNEL_DATABASE_URL"],
        "KENNEL_NODE_URL": node_alone.settings["KENNEL_NODE_URL"],
        "KENNEL_ROLES": "http,follow,relay",
    }
    with running(Program(tmp_path_factory.mktemp("second"), node_alone.node, **settings)) as program:
        yield program


@pytest.fixture
def programs(following: Program, second: Program, said: Said) -> list[Program]:
    said.by(following)
    said.by(second)
    return [following, second]
