"""A backup of an older Kennel is restored into its own schema, and then upgraded as any database is."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backup import rows
from app.backup.parts import Writer
from app.cli import backup
from app.config import sources
from app.db import migrate
from app.db.database import Database
from app.domain import installation
from tests import conftest

OLDER = "0019"
PASSPHRASE = "such long words, very secret"


@pytest.fixture
async def bare(server: str) -> AsyncIterator[str]:
    """A database without any tables."""
    async with conftest.cloned(server, "template1") as url:
        yield url


def written(path: Path, revision: str, network: str = "regtest") -> Path:
    with path.open("wb") as file:
        writer = Writer(file, PASSPHRASE)
        writer.begin(kind="database", network=network, revision=revision, epoch="e")
        writer.begin(kind="table", table="installation", columns=["id", "epoch", "sent", "seed"])
        writer.write(b"1\thistory\t7\tfingerprint\n")
        writer.begin(kind="table", table="assets", columns=["code", "name", "decimals"])
        writer.write(b"DOGE\tDogecoin\t8\ngold\tGold coins\t2\n")
        writer.begin(kind="sequences", sequences=[{"name": "entries_id_seq", "last_value": 41}])
        writer.begin(kind="file", name="sent.json")
        writer.write(b'{"highest_transaction": 7}')
        writer.close()
    return path


async def test_an_older_backup_becomes_a_database_of_today(bare: str, tmp_path: Path) -> None:
    path = written(tmp_path / "backup", OLDER)
    settings = sources.read({"KENNEL_HOME": str(tmp_path / "home")})
    database = Database(bare)

    about = backup.prove(path, PASSPHRASE, settings)
    sentence = await backup.restore_proved(database, settings, PASSPHRASE, path, about)

    engine = database.engine(1)
    async with engine.connect() as db:
        state = await installation.read(db)
        assets = list(await db.scalars(sa.text("SELECT code FROM assets ORDER BY 1")))
        number = await db.scalar(sa.text("SELECT nextval('entries_id_seq')"))
    current = await migrate.is_current(engine)
    await engine.dispose()
    assert current
    assert (state.epoch, state.highest, state.behind) == ("history", 7, rows.RESTORED)
    assert (assets, number) == (["DOGE", "gold"], 42)
    assert (tmp_path / "home" / "sent.json").read_text() == '{"highest_transaction": 7}'
    assert (tmp_path / "home" / "sent.json").stat().st_mode & 0o777 == 0o600
    assert "run `kennel restored`" in sentence


async def test_of_two_restores_at_once_one_is_made_and_the_other_refused(bare: str, tmp_path: Path) -> None:
    path = written(tmp_path / "backup", migrate.head())
    settings = sources.read({"KENNEL_HOME": str(tmp_path / "home")})
    about = backup.prove(path, PASSPHRASE, settings)

    both = (backup.restore_proved(Database(bare), settings, PASSPHRASE, path, about) for _ in range(2))
    made, refused = sorted(
        await asyncio.gather(*both, return_exceptions=True), key=lambda end: type(end) is not str
    )

    assert "The backup is restored" in str(made)
    assert isinstance(refused, rows.CannotRestore), refused
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["sent.json"]


async def test_a_backup_of_a_kennel_that_has_given_out_no_number_is_restored(
    engine: AsyncEngine, bare: str, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    settings = sources.read({"KENNEL_HOME": str(tmp_path / "home")})
    await backup.write(engine, settings, PASSPHRASE, path)

    about = backup.prove(path, PASSPHRASE, settings)
    sentence = await backup.restore_proved(Database(bare), settings, PASSPHRASE, path, about)

    assert "The backup is restored" in sentence


async def test_files_of_the_home_stay(bare: str, tmp_path: Path) -> None:
    path = written(tmp_path / "backup", migrate.head())
    settings = sources.read({"KENNEL_HOME": str(tmp_path)})
    newer = secrets.token_hex(8)
    (tmp_path / "sent.json").write_text(newer)

    about = backup.prove(path, PASSPHRASE, settings)
    sentence = await backup.restore_proved(Database(bare), settings, PASSPHRASE, path, about)

    assert (tmp_path / "sent.json").read_text() == newer
    assert "sent.json stayed as it was" in sentence


@pytest.mark.parametrize(
    ("revision", "network", "fault"),
    [("9999", "regtest", "of a newer Kennel"), (OLDER, "main", "KENNEL_NETWORK is regtest")],
)
def test_a_backup_of_another_network_or_of_the_future_is_refused(
    tmp_path: Path, revision: str, network: str, fault: str
) -> None:
    path = written(tmp_path / "backup", revision, network)

    with pytest.raises(rows.CannotRestore, match=fault):
        backup.prove(path, PASSPHRASE, sources.read({"KENNEL_HOME": str(tmp_path)}))
