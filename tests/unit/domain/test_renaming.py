"""Renaming an account: it has its new name everywhere at once, and no two accounts have one name."""

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import webhook_endpoints
from app.domain import accounts, owner, webhooks
from app.domain.accounts import NotForAccounts
from app.domain.webhooks import Callback
from tests import scenario


async def test_a_renamed_account_is_found_by_its_new_name_only_and_that_is_told(engine: AsyncEngine) -> None:
    before = await scenario.open_account(engine, "recovered-0", name="Shop")
    await scenario.event_types(engine)

    async with engine.begin() as db:
        renamed = await accounts.rename(db, "recovered-0", "shop")

    async with engine.connect() as db:
        assert await accounts.fetch(db, "shop") == renamed
        with pytest.raises(owner.NoSuchAccount):
            await accounts.fetch(db, "recovered-0")
    assert (renamed.id, renamed.name, renamed.foreign_id) == (before.id, "Shop", "shop")
    assert await scenario.event_types(engine) == ["ACC_UPDATED"]


@pytest.mark.parametrize("name", ["treasury", "world", ".."])
async def test_a_name_that_no_account_can_have_is_refused(engine: AsyncEngine, name: str) -> None:
    await scenario.open_account(engine, "one")

    async with engine.begin() as db:
        with pytest.raises(NotForAccounts, match="No account can be opened as"):
            await accounts.rename(db, "one", name)


async def test_a_name_that_another_has_and_an_account_that_is_not_there_are_refused(
    engine: AsyncEngine,
) -> None:
    await scenario.open_account(engine, "one")
    await scenario.open_account(engine, "two")
    await scenario.event_types(engine)

    async with engine.begin() as db:
        with pytest.raises(accounts.NameTaken, match="There is an account two already"):
            await accounts.rename(db, "one", "two")
        with pytest.raises(owner.NoSuchAccount):
            await accounts.rename(db, "three", "four")

    assert await scenario.event_types(engine) == []


async def test_of_two_who_take_one_name_at_once_the_second_fails(engine: AsyncEngine) -> None:
    await scenario.open_account(engine, "one")
    await scenario.open_account(engine, "two")

    async with engine.connect() as first, engine.connect() as second:
        await accounts.rename(first, "one", "shop")
        await second.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(exc.DBAPIError, match="lock timeout"):
            await accounts.rename(second, "two", "shop")
        await second.rollback()
        await first.commit()
        with pytest.raises(accounts.NameTaken):
            await accounts.rename(second, "two", "shop")


async def test_the_endpoints_of_an_account_go_on_hearing_of_it(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await webhooks.reconcile(
            db, [Callback(name, "http://127.0.0.1/") for name in ("all", "one", "other")], 0
        )
        for name in ("one", "other"):
            named = sa.update(webhook_endpoints).where(webhook_endpoints.c.name == name)
            await db.execute(named.values(foreign_id=name))

    async with engine.begin() as db:
        await webhooks.rename(db, "one", "shop")

    async with engine.connect() as db:
        rows = await db.execute(sa.select(webhook_endpoints.c.name, webhook_endpoints.c.foreign_id))
        assert dict(map(tuple, rows)) == {"all": None, "one": "shop", "other": "other"}
