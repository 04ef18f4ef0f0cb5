"""Alembic's own commands work as in any project, on the database that the settings name."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import cloned

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def empty(server: str) -> AsyncIterator[str]:
    async with cloned(server, "template0") as url:
        yield url


def alembic(url: str, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENNEL_")} | variables
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=ROOT,
        env=kept | {"KENNEL_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_an_empty_database_is_brought_to_the_head_and_nothing_is_left_to_migrate(empty: str) -> None:
    before, upgraded, after, checked = [
        await asyncio.to_thread(alembic, empty, *words)
        for words in (("current",), ("upgrade", "head"), ("current",), ("check",))
    ]

    assert (before.returncode, before.stdout) == (0, "")
    assert upgraded.returncode == 0, upgraded.stderr
    assert after.stdout.endswith(" (head)\n")
    assert (checked.returncode, checked.stdout) == (0, "No new upgrade operations detected.\n")


def test_a_database_that_cannot_be_reached_is_told_in_one_sentence() -> None:
    told = alembic("postgresql://kennel:hush@127.0.0.1:1/kennel", "current")

    assert told.returncode == 1
    assert told.stderr.startswith("kennel: The database of KENNEL_DATABASE_URL does not let us in: ")
    assert "hush" not in told.stderr


def test_several_cells_are_migrated_by_kennel_itself() -> None:
    refused = alembic("postgresql://kennel@127.0.0.1:1/kennel", "upgrade", "head", KENNEL_CELLS="2")

    assert refused.returncode == 1
    assert refused.stderr == "kennel: `kennel migrate` migrates all cells; Alembic's command line knows one\n"
