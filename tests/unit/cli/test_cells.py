"""The commands about cells: what they show, and what is refused where there are several."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import cells as command
from app.cli.command import CannotBeDone
from app.db.database import Database
from app.domain.monitoring.cell import CellFigures
from tests import scenario
from tests.cells import MakeCells
from tests.conftest import cloned
from tests.scenario import Chain


@pytest.fixture
async def empty(server: str) -> AsyncIterator[str]:
    """The URL of a database without anything."""
    async with cloned(server, "template1") as url:
        yield url


def kennel(home: Path, url: str, cells: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty folder."""
    variables = {
        "KENNEL_HOME": str(home),
        "KENNEL_DATABASE_URL": url,
        "KENNEL_CELLS": str(cells),
        "KENNEL_DATABASE_CONNECTIONS": "100",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    run = [sys.executable, "-m", "app", *words]
    return subprocess.run(
        run, cwd=home, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
    )


def printed(figures: list[CellFigures]) -> list[list[str]]:
    """The cells of the table's rows."""
    console = Console(file=StringIO(), width=120)
    console.print(command.table(figures))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [[part.strip() for part in line.strip("│").split("│")] for line in lines if line.startswith("│")]


async def test_each_cell_is_shown_with_its_accounts_and_how_far_it_has_come(cells: MakeCells) -> None:
    two = await cells(2)
    await scenario.make_ready(two.engines[1])
    for name in ("shop", "bakery"):
        await scenario.open_account(two.engines[1], name)
    for engine, deep in zip(two.engines, (3, 1), strict=True):
        await (await Chain(engine).start()).deepen(deep)

    figures = await command.figures(two.database)

    assert all(0 < row.size_bytes < 2**23 for row in figures)
    assert [[row[i] for i in (0, 1, 2, 3, 5, 6)] for row in printed(figures)] == [
        ["0", "cell_000", "here", "0", "3", "0"],
        ["1", "cell_001", "here", "2", "1", "2"],
    ]


async def test_one_cell_is_shown_as_well(database: str) -> None:
    [row] = printed(await command.figures(Database(database)))

    assert row[:4] == ["0", "public", "here", "0"]
    assert row[5:] == ["", "0"]


async def test_a_cell_moves_only_where_there_are_servers_to_move_to(
    cells: MakeCells, engine: AsyncEngine
) -> None:
    two = await cells(2)

    with pytest.raises(CannotBeDone, match="This database is one server, on which all cells lie"):
        await command.moved(two.database, 1, "worker:5432")
    with pytest.raises(CannotBeDone, match="There is no cell 2 that could be moved: KENNEL_CELLS is 2"):
        await command.moved(two.database, 2, "worker:5432")
    with pytest.raises(CannotBeDone, match=r"'worker' is no server: write host:port"):
        await command.moved(two.database, 1, "worker")


def test_cells_are_made_with_progress_and_shown_and_their_number_stays(empty: str, tmp_path: Path) -> None:
    made = kennel(tmp_path, empty, 3, "migrate")
    again = kennel(tmp_path, empty, 3, "cells")
    other = kennel(tmp_path, empty, 4, "cells")
    one = kennel(tmp_path, empty, 1, "migrate")

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.splitlines()[0].startswith("Migrating cells: 0 of 3")
    assert made.stdout.splitlines()[-1].startswith("Migrating cells: 3 of 3")
    assert [f"cell_00{n}" in again.stdout for n in range(4)] == [True, True, True, False]
    sentence = "kennel: KENNEL_CELLS is {}, but the database was first started with 3, and that never changes: set it to 3.\n"
    assert (other.returncode, other.stderr) == (1, sentence.format(4))
    assert (one.returncode, one.stderr) == (1, sentence.format(1))
