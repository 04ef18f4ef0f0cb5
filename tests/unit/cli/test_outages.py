"""A database that goes away while a command runs, or while Kennel starts, is told in one sentence."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli.command import errors_in_one_sentence
from app.db.engine import open_engine
from tests.end_to_end.program import free_ports

ENDED = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_connection_that_the_server_ends_is_one_sentence(engine: AsyncEngine) -> None:
    with (
        pytest.raises(SystemExit, match=r"^kennel: The database went away meanwhile: .+\. Start it again\.$"),
        errors_in_one_sentence(),
    ):
        async with engine.connect() as db:
            await db.execute(ENDED)


async def test_a_database_that_is_not_there_any_more_is_one_sentence() -> None:
    gone = open_engine(f"postgresql://kennel@127.0.0.1:{free_ports(1)[0]}/kennel")

    with (
        pytest.raises(SystemExit, match=r"went away meanwhile: .*(refused|failed)"),
        errors_in_one_sentence(),
    ):
        async with gone.connect():
            pass


async def test_a_wrong_statement_is_no_outage(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError), errors_in_one_sentence():
        async with engine.connect() as db:
            await db.execute(sa.text("SELECT nonsense"))
