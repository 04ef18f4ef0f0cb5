"""What `backup` (write everything into one encrypted file) and `restore` (make a Kennel of it again) do."""

import asyncio
import hashlib
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from app.backup import files, parts, rows
from app.backup.envelope import NoBackup
from app.backup.parts import Writer
from app.backup.rows import CannotRestore
from app.cli import database as databases
from app.cli import operator
from app.cli.command import cells_of, errors_in_one_sentence, on_cells, read_settings, started
from app.config.settings import Settings
from app.db import migrate
from app.db.all_cells import AllCells
from app.db.database import Database
from app.domain.audit_log import Shown
from app.runtime import new_file

PASSPHRASE_CHARACTERS: Final = 12
NEXT: Final = (
    "What was sent since the backup is not in it: run `kennel restored`, then start Kennel "
    "(docs/backup-and-recovery.md)."
)


def backup(file: Path) -> None:
    """Write database, seed file, marker and relay key into one encrypted file, beside a running Kennel or without one."""
    if file.exists():
        sys.exit(f"kennel: {file} is there already.")  # before anybody types a passphrase
    with started(beside=True) as (settings, database):
        passphrase = _passphrase(settings, new=True)
        work = on_cells(database, lambda cells: write(cells, settings, passphrase, file))
        try:
            _say(asyncio.run(work))
        except FileExistsError:
            sys.exit(f"kennel: {file} is there already.")
        except OSError as error:
            sys.exit(f"kennel: {file} cannot be written: {error}.")


def restore(file: Path) -> None:
    """Make a home and a database of a backup. The database must be empty; files that are in the home stay."""
    settings = read_settings()
    with errors_in_one_sentence():
        passphrase = _passphrase(settings, new=False)
        try:
            database_of_backup = prove(file, passphrase, settings)
            with databases.reached(settings) as database:
                _say(asyncio.run(restore_proved(database, settings, passphrase, file, database_of_backup)))
        except (NoBackup, CannotRestore) as error:
            sys.exit(f"kennel: {error}")


def _say(sentence: str) -> None:
    Console().print(sentence, soft_wrap=True, highlight=False)


async def write(cells: AllCells, settings: Settings, passphrase: str, path: Path) -> str:
    """Write a backup, whole or not at all; returns what to print."""
    with new_file.writing(path) as file:
        writer = Writer(file, passphrase)
        tables = await rows.dump(cells, writer, settings.network)
        names = files.dump(writer, files.paths(settings.home, settings.relay_key_file, cells.map))
        writer.close()
    missing = "" if files.SEED_FILE in names else " The seed file is not in this home: keep it yourself."
    return f"{path} has {tables} tables and {', '.join(names) or 'no files'}.{missing}"


def prove(path: Path, passphrase: str, settings: Settings) -> Mapping[str, Any]:
    """Read the whole backup before anything is written; return what it says of its database."""
    with path.open("rb") as file:
        [database] = [part for part in parts.prove(file, passphrase) if part["kind"] == "database"]
    if database["network"] != settings.network:
        raise CannotRestore(
            f"The backup is of {database['network']}, and KENNEL_NETWORK is {settings.network}."
        )
    if (number := database.get("cells", 1)) != settings.cells:
        raise CannotRestore(
            f"The backup is of {number} cells, and KENNEL_CELLS is {settings.cells}: a backup is restored into as many."
        )
    if not migrate.knows(database["revision"]):
        raise CannotRestore("The backup is of a newer Kennel than this one: restore it with that version.")
    return database


async def restore_proved(
    database: Database, settings: Settings, passphrase: str, path: Path, about: Mapping[str, Any]
) -> str:
    """Write rows and files of a backup that was proved, and log who has restored it; returns what to print.

    The rows are committed after the files: a restore that was killed goes on when it is run again. Until then
    a Kennel that starts beside it makes no seed. The audit log's row is committed with them; a backup from before
    there was an audit log gets its row once the tables are those of today.
    """
    digest = await asyncio.to_thread(_digest, path)
    log = partial(operator.log, name="database.restore", subject=path.name, after=_shown(about, digest))
    async with AsyncExitStack() as stack:
        await rows.check_empty(_unmigrated(stack, database), about["revision"])
    stayed: list[str] = []
    async with (
        cells_of(database, about["revision"]) as fresh,
        rows.emptied(fresh, about["revision"]) as db,
    ):
        paths = files.paths(settings.home, settings.relay_key_file, fresh.map)
        with path.open("rb") as file:
            for part in parts.read(file, passphrase):
                await rows.load(db, fresh, part)
                stayed += files.load(part, paths)
        await fresh.enter(db, 0)
        if logged := await rows.has_audit_log(db):
            await log(db)
    await database.upgrade()
    if not logged:
        async with cells_of(database) as cells, cells.engines[0].begin() as db:
            await log(db)
    kept = f" {', '.join(stayed)} stayed as it was." if stayed else ""
    return f"The backup is restored.{kept} {NEXT}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(about: Mapping[str, Any], digest: str) -> Shown:
    """Show which backup it was: its file's SHA-256, and of which database and moment it is."""
    named = {name: about.get(name, "") for name in ("network", "epoch", "revision", "written")}
    return {**named, "sha256": digest}


def _unmigrated(stack: AsyncExitStack, database: Database) -> AllCells:
    """Return a way to the cells as they are; there may be none yet, so only the transactions of all are of use."""
    engine = database.engine(1)
    stack.push_async_callback(engine.dispose)
    return AllCells((engine,) * database.map.cells, engine)


def _passphrase(settings: Settings, *, new: bool) -> str:
    """Return the passphrase of the settings, or what a person types."""
    passphrase = settings.backup_passphrase
    if passphrase is None and sys.stdin.isatty():
        passphrase = typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new)
    if passphrase is None:
        sys.exit("kennel: KENNEL_BACKUP_PASSPHRASE is not set, and there is nobody to ask for it.")
    if new and len(passphrase) < PASSPHRASE_CHARACTERS:
        sys.exit(f"kennel: The passphrase of a backup has {PASSPHRASE_CHARACTERS} characters or more.")
    return passphrase
