"""A backup of an older Kennel is restored into its own schema, and then upgraded as any database is."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.backup import rows
from app.backup.parts import Writer
from app.cli import backup, keys, operator
from app.config import sources
from app.db import migrate
from app.db.all_cells import AllCells
from app.db.database import Database
from app.db.tables import api_keys, audit_log
from app.domain import installation
from app.domain.access import NewKey
from tests import conftest

OLDER = "0019"
LOGGED = sa.select(*(audit_log.c[name] for name in ("actor", "actor_name", "action", "subject")))
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
        logged = [tuple(row) for row in await db.execute(LOGGED)]
    current = await migrate.is_current(engine)
    await engine.dispose()
    assert current
    assert logged == [("command line", operator.user(), "database.restore", "backup")]
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
    await backup.write(AllCells.of_one(engine), settings, PASSPHRASE, path)

    about = backup.prove(path, PASSPHRASE, settings)
    sentence = await backup.restore_proved(Database(bare), settings, PASSPHRASE, path, about)

    assert "The backup is restored" in sentence


async def test_a_restore_is_in_the_audit_log_with_who_made_it_of_which_backup(
    engine: AsyncEngine, bare: str, tmp_path: Path
) -> None:
    path = tmp_path / "kennel-2026.backup"
    settings = sources.read({"KENNEL_HOME": str(tmp_path / "home")})
    made = await keys.make(engine, NewKey(b"d" * 32, frozenset({"events:read"})))
    await backup.write(AllCells.of_one(engine), settings, PASSPHRASE, path)

    about = backup.prove(path, PASSPHRASE, settings)
    await backup.restore_proved(Database(bare), settings, PASSPHRASE, path, about)

    restored = Database(bare).engine(1)
    async with restored.connect() as db:
        names = ("actor_name", "action", "subject", "before", "after")
        columns = (audit_log.c[name] for name in names)
        rows_of_log = [tuple(row) for row in await db.execute(sa.select(*columns).order_by(audit_log.c.id))]
    await restored.dispose()
    who, action, subject, before, after = rows_of_log[1]
    shown = json.loads(after)
    assert [row[1:3] for row in rows_of_log] == [("key.create", str(made.id)), (action, subject)]
    assert (who, action, subject, before) == (
        operator.user(), "database.restore", "kennel-2026.backup", "null",
    )  # fmt: skip
    assert shown["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (shown["network"], shown["revision"]) == ("regtest", migrate.head())
    assert datetime.fromisoformat(shown["written"]).tzinfo is not None


async def test_over_a_database_that_has_only_api_keys_nothing_is_restored_and_the_keys_stay(
    engine: AsyncEngine, database: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "backup", migrate.head())
    settings = sources.read({"KENNEL_HOME": str(tmp_path / "home")})
    made = await keys.make(engine, NewKey(b"d" * 32, frozenset({"events:read"})))

    about = backup.prove(path, PASSPHRASE, settings)
    with pytest.raises(rows.CannotRestore, match=r"it has rows in api_keys, audit_log\)"):
        await backup.restore_proved(Database(database), settings, PASSPHRASE, path, about)

    async with engine.connect() as db:
        there = list(await db.scalars(sa.select(api_keys.c.id)))
        logged = [tuple(row) for row in await db.execute(LOGGED)]
    assert there == [made.id]
    assert logged == [("command line", operator.user(), "key.create", str(made.id))]
    assert not (tmp_path / "home").exists()


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
