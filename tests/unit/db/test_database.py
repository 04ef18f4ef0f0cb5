"""Why a database cannot be used is told at the start, in one sentence and without its password."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import reads
from app.db.database import Database, DatabaseUnavailable, unfit
from app.db.embedded import server as postgres
from app.db.engine import open_engine
from tests import pooler, proxy
from tests.end_to_end.program import free_ports
from tests.unit.events.certificates import Authority

ACCESS = """
local all all trust
host all keen 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 trust
"""
SETUP = (
    "CREATE ROLE keen LOGIN PASSWORD 'hush'",
    "CREATE ROLE guest LOGIN",
    "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    "SELECT pg_reload_conf()",
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host of a PostgreSQL that asks one user for a password and does not speak TLS."""
    address = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    home = tmp_path_factory.mktemp("guarded")
    server = postgres.Embedded(home, durable=False)
    server._settings["listen_addresses"] = address
    with server:
        (home / "postgres" / "pg_hba.conf").write_text(ACCESS)
        asyncio.run(_set_up(server.url))
        yield address


async def _set_up(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in SETUP:
            await connection.execute(sa.text(statement))
    await engine.dispose()


async def refusal(url: str, pooler_mode: str = "none") -> str:
    with pytest.raises(DatabaseUnavailable) as refused:
        await Database(url, pooler_mode).check()
    sentence = str(refused.value)
    assert sentence.startswith("The database of KENNEL_DATABASE_URL does not let us in: ")
    assert "\n" not in sentence
    assert "hush" not in sentence + repr(Database(url))
    assert sentence.endswith(".")
    return sentence.removeprefix("The database of KENNEL_DATABASE_URL does not let us in: ")


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        (
            "keen:nohush@{}/kennel",
            'password authentication failed for user "keen": user or password are wrong.',
        ),
        ("keen@{}/kennel", 'password authentication failed for user "keen": user or password are wrong.'),
        ("kennel:hush@{}/nowhere", 'database "nowhere" does not exist: make it with createdb.'),
        ("nobody:hush@{}/kennel", 'role "nobody" does not exist: the server takes no such user from here'),
        ("kennel:hush@{}:1/kennel", "nobody listens at {}:1."),
        ("kennel:hush@nowhere.invalid/kennel", "there is no host of this name: nowhere.invalid:5432."),
        ("kennel:hush@{}/kennel?sslmode=require", "{}:5432 speaks no TLS, which sslmode asks for."),
        (
            "kennel:hush@{}/latin",
            "its encoding is LATIN1, and names would not fit in: make one with `createdb",
        ),
        (
            "kennel:hush@{}/kennel?options=-c%20nonsense%3D1",
            'unrecognized configuration parameter "nonsense".',
        ),
        ("kennel:hush@/kennel?host=/nowhere", "nobody listens at /nowhere:5432."),
    ],
)
async def test_what_is_wrong_with_a_database_is_one_sentence(host: str, rest: str, sentence: str) -> None:
    assert (await refusal(f"postgresql://{rest.format(host)}")).startswith(sentence.format(host))


async def test_who_may_not_make_tables_is_told_to_own_the_database(host: str) -> None:
    guest = Database(f"postgresql://guest:hush@{host}/kennel")
    await guest.check()

    with pytest.raises(DatabaseUnavailable, match=r"its user may not make tables .*: make it the owner"):
        await guest.upgrade()


async def test_a_host_that_never_answers_is_given_up_and_the_next_one_is_asked(host: str) -> None:
    async with proxy.nobody() as (port, _):
        sentence = await refusal(f"postgresql://kennel:hush@127.0.0.1:{port}/kennel?connect_timeout=1")
        hosts = f"127.0.0.1:{port},127.0.0.1:{free_ports(1)[0]},{host}"
        await Database(f"postgresql://kennel:hush@{hosts}/kennel?connect_timeout=1").check()

    assert sentence == f"127.0.0.1:{port} does not answer."


def test_old_servers_other_encodings_and_standbys_are_unfit() -> None:
    assert unfit(140_013, "UTF8", standby=False) == "it is PostgreSQL 14, and Kennel needs 15 or later"
    assert unfit(150_000, "SQL_ASCII", standby=False).startswith("its encoding is SQL_ASCII")
    assert "standby" in unfit(180_001, "UTF8", standby=True)
    assert unfit(150_000, "UTF8", standby=False) == ""


async def test_the_url_s_options_reach_the_server(host: str) -> None:
    options = "application_name=shop&options=-c%20geqo%3Doff"
    engine = Database(f"postgresql://kennel@{host}/kennel?{options}").engine(1)
    async with engine.connect() as connection:
        shown = [
            await connection.scalar(sa.text(f"SHOW {name}"))
            for name in ("application_name", "geqo", "statement_timeout")
        ]
    await engine.dispose()

    assert shown == ["shop", "off", "20s"]


async def test_an_engine_shows_no_password(engine: AsyncEngine) -> None:
    shown = open_engine("postgresql://me:hush@one,two/shop")

    assert "hush" not in repr(shown) + repr(shown.sync_engine) + str(shown.url) + repr(shown.sync_engine.pool)


@pooler.needed
async def test_through_a_pooler_all_time_limits_hold_and_nothing_is_left_behind(
    database: str, tmp_path: Path
) -> None:
    session = sa.text(
        "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),"
        " current_setting('application_name'), (SELECT count(*) FROM pg_prepared_statements)"
    )
    with pooler.running(tmp_path, database) as url:
        engine = Database(url, "transaction").engine(40)

        async def ask(number: int) -> tuple[object, ...]:
            async with reads(engine).connect() as reader, engine.begin() as writer:
                assert await reader.scalar(sa.text("SELECT :n + 0"), {"n": number}) == number
                await writer.execute(sa.text("SET LOCAL statement_timeout = 1234567"))
                await reader.rollback()
                return tuple((await reader.execute(session)).one())

        sessions = {await ask(number) for number in range(5)}
        async with engine.connect() as connection:
            sessions.add(tuple((await connection.execute(session)).one()))
        await asyncio.gather(*(_read(engine, number) for number in range(40)))
        await engine.dispose()

    assert sessions == {("20s", "20s", "kennel", 0)}


async def _read(engine: AsyncEngine, number: int) -> None:
    """Run a statement that nobody else runs, again and again: the answer shows whose it was."""
    for step in range(20):
        async with reads(engine).connect() as connection:
            query = sa.text(f"SELECT :step || ' {number}'")
            assert await connection.scalar(query, {"step": str(step)}) == f"{step} {number}"


@pooler.needed
async def test_tls_is_spoken_as_the_url_says(database: str, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    cert, key = ours.sign("server")
    tls = {
        "client_tls_sslmode": "require",
        "client_tls_cert_file": str(cert),
        "client_tls_key_file": str(key),
    }
    with pooler.running(tmp_path, database, **tls) as url:
        for good in (f"sslmode=verify-full&sslrootcert={ours.ca}", "sslmode=require", "sslmode=prefer"):
            await Database(f"{url}?{good}", "transaction").check()
        sentences = [
            await refusal(f"{url}?{bad}", "transaction")
            for bad in (f"sslmode=verify-ca&sslrootcert={theirs.ca}", "sslrootcert=system", "sslmode=disable")
        ]

    unproved = "does not prove who it is: see sslmode and sslrootcert."
    assert all(unproved in sentence for sentence in sentences[:2])
    assert sentences[2] == "SSL required: say sslmode=require in the URL."
