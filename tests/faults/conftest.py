"""Programs and nodes that may be killed: each test has its own database, unless it is PostgreSQL that dies."""

import asyncio
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from app.cells import CellMap
from tests.conftest import TEMPLATE, cloned, template_of
from tests.end_to_end.program import Devnet, Process, Program, devnet, running
from tests.faults import logs

PARTS: Final = 10
"""Connections of a process for each cell, and for what concerns several."""
FAILED: Final = pytest.StashKey[bool]()
CELLS: Final = 4
USUAL_CELLS: Final = int(os.environ.get("FAULT_CELLS", "1"))
"""With FAULT_CELLS=4 the tests run with four cells that have one otherwise."""
ALSO_DIVIDED: Final = pytest.mark.parametrize(
    "cell_count", [1, CELLS], ids=["one-cell", "four-cells"], indirect=True, scope="module"
)
"""Runs the tests of a module with one cell, and with several."""


def divided(cells: int, processes: int = 1) -> dict[str, str]:
    """What a program of so many processes is told for so many cells: they are what needs connections."""
    parts = cells + 1 if cells > 1 else 1
    connections = max(40, PARTS * parts * processes)
    return {"KENNEL_CELLS": str(cells), "KENNEL_DATABASE_CONNECTIONS": str(connections)}


def schemas(cells: int) -> list[str]:
    """Return the schemas that have accounts."""
    return [cell.schema for cell in CellMap(cells)] if cells > 1 else ["public"]


def spread(stem: str, accounts: int = CELLS) -> list[str]:
    """Return names of accounts of which each lies in the next cell, where there are several."""
    numbers, cell_of = count(), CellMap(CELLS).of_account
    cells = (number % CELLS for number in range(accounts))
    return [next(name for number in numbers if cell_of(name := f"{stem}-{number}") == cell) for cell in cells]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note for the fixtures of a test that it has failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def cell_count(request: pytest.FixtureRequest) -> int:
    """How many cells the programs of a module have: see ALSO_DIVIDED."""
    cells: int = getattr(request, "param", USUAL_CELLS)
    return cells


@pytest.fixture(scope="module")
def module_database(server: str, cell_count: int) -> Iterator[str]:
    """The URL of a database of the module's own, with so many cells."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        template = TEMPLATE if cell_count == 1 else runner.run(template_of(server, cell_count))
        yield runner.run(stack.enter_async_context(cloned(server, template)))
        runner.run(stack.aclose())


@pytest.fixture(scope="module")
def node_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """A node that runs apart from the programs that follow it."""
    with devnet(tmp_path_factory.mktemp("node")) as alone:
        yield alone


@pytest.fixture(scope="module")
def following(
    tmp_path_factory: pytest.TempPathFactory, node_alone: Devnet, module_database: str, cell_count: int
) -> Iterator[Program]:
    """A program that follows it."""
    home = tmp_path_factory.mktemp("program")
    settings = {"KENNEL_DATABASE_URL": module_database, **divided(cell_count), **node_alone.settings}
    with running(Program(home, node_alone.node, **settings)) as program:
        program.keep_up()
        yield program


class Said:
    """Shows beside a failure what processes said, and keeps all of it beyond the test."""

    def __init__(self) -> None:
        self._processes: list[Process] = []
        self._logs: list[Path] = []

    def by(self, process: Process) -> None:
        self._processes.append(process)
        self._logs.append(process.output)

    def in_files(self, *paths: Path) -> None:
        """Keep these logs too; nothing of them is shown."""
        self._logs += paths

    def show(self, test: str) -> None:
        """Write what was said to the output of the test that has failed."""
        for process in self._processes:
            if process.output.exists():
                sys.stdout.write(f"--- {process.home.name}:\n{process.said()}\n")
                unexpected = logs.with_tracebacks(process.output.read_text(errors="replace"))
                sys.stdout.write(
                    "".join(f"--- {process.home.name} did not expect:\n{it}" for it in unexpected)
                )
        sys.stdout.write(f"--- all of it: {logs.keep(test, self._logs)}\n")


@pytest.fixture
def said(request: pytest.FixtureRequest) -> Iterator[Said]:
    """To be told which processes a test runs."""
    said = Said()
    yield said
    if request.node.stash.get(FAILED, False):
        said.show(request.node.name)


@pytest.fixture(scope="module")
def second(
    tmp_path_factory: pytest.TempPathFactory, node_alone: Devnet, following: Program, cell_count: int
) -> Iterator[Program]:
    """A second program on the same database; it holds no seed, and hears no announcements: it asks."""
    settings = {
        "KENNEL_DATABASE_URL": following.settings["KENNEL_DATABASE_URL"],
        **divided(cell_count),
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
