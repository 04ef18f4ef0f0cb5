"""A backup of several cells has all of them at one moment, and is restored into as many."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.backup import rows
from app.backup.rows import CannotRestore
from app.chain.sent_marker import SentMarker, sent_file
from app.cli import backup
from app.config import sources
from app.config.settings import Settings
from app.db import tables
from app.db.all_cells import AllCells
from app.db.database import Database
from app.domain import installation
from tests import conftest
from tests import divided_books as books
from tests.cells import Cells, MakeCells
from tests.scenario import doge

PASSPHRASE = "such long words, very secret"


def settings(home: Path, cells: int = 4) -> Settings:
    return sources.read(
        {
            "KENNEL_HOME": str(home),
            "KENNEL_CELLS": str(cells),
            "KENNEL_DATABASE_CONNECTIONS": str(10 * (cells + 1)),
        }
    )


async def contents(cells: AllCells) -> list[dict[str, list[tuple[Any, ...]]]]:
    """All rows of all cells, by table, but for what a restore says of them and writes into the log."""
    every = []
    for engine in cells.engines:
        async with engine.connect() as db:
            every.append(
                {
                    table.name: [
                        tuple(row) for row in await db.execute(sa.select(table).order_by(*table.primary_key))
                    ]
                    for table in tables.metadata.sorted_tables
                    if table not in (tables.installation, tables.audit_log)
                }
            )
    return every


async def filled(divided: Cells, home: Path) -> AllCells:
    """Cells with accounts, deposits, a crossing and a key; two of them have sent."""
    four = books.together(divided)
    names = books.in_different_cells(four, 4)
    shops = await books.opened(four, *names)
    await books.followed(four, dict.fromkeys(names, doge(10)))
    await books.cross(four, "crossing", shops[names[0]], shops[names[1]], doge(3))
    async with four.engines[0].begin() as db:
        await db.execute(sa.insert(tables.assets).values(code="gold", name="Gold", decimals=2))
    cells = list(four.map)
    for cell in (cells[1], cells[3]):
        SentMarker(home / sent_file(cell)).raise_to(4 + cell.number)
    return four


async def test_all_cells_come_back_as_they_were_with_their_files(
    cells: MakeCells, server: str, tmp_path: Path
) -> None:
    lost, found = tmp_path / "lost", tmp_path / "found"
    lost.mkdir()
    divided = await cells(4)
    four = await filled(divided, lost)
    said = await backup.write(four, settings(lost), PASSPHRASE, tmp_path / "file")
    async with conftest.cloned(server, "template1") as bare:
        database = Database(bare, connections=50, map=divided.map)
        about = backup.prove(tmp_path / "file", PASSPHRASE, settings(found))
        again = await backup.restore_proved(database, settings(found), PASSPHRASE, tmp_path / "file", about)
        with pytest.raises(CannotRestore, match="in use already"):
            await backup.restore_proved(database, settings(found), PASSPHRASE, tmp_path / "file", about)
        other = AllCells(tuple(cell.engine(2) for cell in database.cells), database.crossing_engine(2))

        restored, before = await contents(other), await contents(four)
        states = []
        for engine in other.engines:
            async with engine.begin() as db:
                states.append(await installation.read(db))
                assert await db.scalar(sa.text("SELECT nextval('entries_id_seq') % 4")) == len(states) - 1
        for engine in (*other.engines, other.crossing):
            await engine.dispose()

    assert restored == before
    assert {state.behind for state in states} == {rows.RESTORED}
    assert "The backup is restored." in again
    assert said.endswith(
        "and sent-001.json, sent-003.json. The seed file is not in this home: keep it yourself."
    )
    assert sorted(path.name for path in found.iterdir()) == ["sent-001.json", "sent-003.json"]


async def test_a_backup_is_restored_into_as_many_cells(cells: MakeCells, tmp_path: Path) -> None:
    four = await filled(await cells(4), tmp_path)
    await backup.write(four, settings(tmp_path), PASSPHRASE, tmp_path / "file")

    with pytest.raises(CannotRestore, match="is of 4 cells, and KENNEL_CELLS is 2"):
        backup.prove(tmp_path / "file", PASSPHRASE, settings(tmp_path, 2))
