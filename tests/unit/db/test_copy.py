"""COPY: what its errors mean, also where a server between has lost their SQLSTATE."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import copy, sqlstate, tables

RAISING = (
    """CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'XX000'; END $$""",
    "CREATE TRIGGER tell BEFORE INSERT ON assets FOR EACH ROW EXECUTE FUNCTION tell('{message}')",
)


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ('duplicate key value violates unique constraint "assets_pkey_102008"', "23505"),
        ("canceling statement due to lock timeout", "55P03"),
        ("deadlock detected", "40P01"),
        ("something else is wrong", "XX000"),
    ],
)
async def test_an_error_that_has_lost_its_sqlstate_is_known_by_its_words(
    engine: AsyncEngine, message: str, state: str
) -> None:
    async with engine.begin() as db:
        for statement in RAISING:
            await db.execute(sa.text(statement.format(message=message)))

    with pytest.raises(DBAPIError) as raised:
        async with engine.begin() as db:
            await copy.insert(db, tables.assets, ("code", "name", "decimals"), [("gold", "Gold", 0)])

    assert sqlstate(raised.value) == state


async def test_an_error_with_its_sqlstate_keeps_it(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as raised:
        async with engine.begin() as db:
            await copy.insert(db, tables.assets, ("code", "name", "decimals"), [("DOGE", "Doge", 8)])

    assert sqlstate(raised.value) == "23505"
