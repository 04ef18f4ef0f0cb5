"""The commands that write the ledger to a file (`export`), and prove such a file without a database (`verify`)."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import exports, progress
from app.database import Database
from app.settings import Settings

Started = Callable[[bool], AbstractContextManager[tuple[Settings, Database]]]
"""Settings and database for a command; called with whether one that a running Kennel has started will do."""

New = Annotated[Path, typer.Argument(help="A new file; with .gz at its end it is compressed.")]
Written = Annotated[Path, typer.Argument(help="What `kennel export` has written.", exists=True, dir_okay=False)]


def register(commands: typer.Typer, started: Started) -> None:
    """Add the commands."""

    @commands.command()
    def export(file: New) -> None:
        """Write every entry with its seals to a file, beside a running Kennel or without one."""
        if file.exists():
            sys.exit(f"kennel: {file} is there already.")
        try:
            with started(True) as (_, database), progress.shown(_console()) as tell:
                contents = asyncio.run(_write(database, file, tell))
        except OSError as error:
            sys.exit(f"kennel: {file} cannot be written: {error}.")
        Console().print(str(contents), soft_wrap=True, highlight=False)

    @commands.command()
    def verify(file: Written) -> None:
        """Prove a file of `kennel export`: its seals hold, its entries balance. The exit code is 1 if anything is wrong."""
        try:
            with progress.shown(_console()) as tell:
                contents = exports.verify(file, tell)
        except (exports.BadFile, OSError) as error:
            sys.exit(f"kennel: {error}")
        Console().print(f"All is as it was sealed: {contents}", soft_wrap=True, highlight=False)


def _console() -> Console:
    return Console(stderr=True)


async def _write(database: Database, file: Path, tell: progress.Tell) -> exports.Contents:
    async with database.patient() as engine:
        return await exports.write(engine, file, tell)
