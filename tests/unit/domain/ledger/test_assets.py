"""Assets are made once, and amounts are read with their decimals."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import ledger
from app.domain.ledger import Asset, AssetTaken, BadAmount, NewAsset, NoSuchAsset, assets, system_accounts
from app.domain.pages import PageRequest

GOLD = Asset("gold_coins", "Gold coins", 2, datetime(2026, 1, 1, tzinfo=UTC))


async def make(engine: AsyncEngine, *orders: NewAsset) -> list[object]:
    async with engine.begin() as db:
        return [*await ledger.create(db, orders)]


async def test_doge_is_built_in_and_an_asset_is_made_once(engine: AsyncEngine) -> None:
    gold = NewAsset("gold_coins", "Gold coins", 0)

    made = await make(
        engine, gold, gold, NewAsset("gold_coins", "Gold coins", 2), NewAsset("DOGE", "Dogecoin", 8)
    )
    again = await make(engine, gold)

    assert [type(outcome) for outcome in made] == [Asset, Asset, AssetTaken, Asset]
    assert made[0] == made[1] == again[0]
    async with engine.connect() as db:
        assert [asset.code for asset in (await assets.page(db, PageRequest(None, 10))).items] == [
            "DOGE",
            "gold_coins",
        ]
        with pytest.raises(NoSuchAsset):
            await ledger.fetch_asset(db, "silver")


async def test_there_are_no_more_assets_than_can_be_shown_whoever_makes_them_at_once(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as db:
        fill = (
            "INSERT INTO assets (code, name, decimals) "
            "SELECT 'A' || n, '', 0 FROM generate_series(1, :free) AS n"
        )
        await db.execute(sa.text(fill), {"free": assets.MAX_ASSETS - 3})

    made = await asyncio.gather(
        *(make(engine, NewAsset(f"b{n}", "", 0), NewAsset("A1", "", 0)) for n in range(4))
    )

    assert (
        sorted(type(outcome).__name__ for both in made for outcome in both)
        == ["Asset"] * 6 + ["TooManyAssets"] * 2
    )
    async with engine.connect() as db:
        assert await db.scalar(sa.text("SELECT count(*) FROM assets")) == assets.MAX_ASSETS


async def test_more_assets_than_are_shown_leave_the_system_accounts_readable(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        fill = (
            "INSERT INTO assets (code, name, decimals) "
            "SELECT 'A' || n, '', 0 FROM generate_series(1, :most) AS n"
        )
        await db.execute(sa.text(fill), {"most": system_accounts.MAX_SHOWN + 5})

    async with engine.connect() as db:
        balances = await ledger.system_balances(db)

    assert [balance.asset.code for balance in balances[:5]] == ["DOGE"] * 4 + ["A1"]
    assert len(balances) == system_accounts.MAX_SHOWN + 4


async def test_the_same_assets_in_any_order_at_once_do_not_deadlock(engine: AsyncEngine) -> None:
    orders = [NewAsset(f"a{n}", "", 0) for n in range(50)]

    made = await asyncio.gather(make(engine, *orders), make(engine, *reversed(orders)))

    assert made[0] == [*reversed(made[1])]


def test_an_amount_is_read_with_the_decimals_of_its_asset() -> None:
    assert GOLD.parse("12.5") == 1250
    assert GOLD.show(1250) == "12.5"
    assert GOLD.parse_any(0) == 0


@pytest.mark.parametrize("raw", ["12.345", "0", "-1", "92233720368547758.08", "1e30", "x"])
def test_what_is_no_amount_of_an_asset_is_refused_by_the_name_of_its_field(raw: str) -> None:
    with pytest.raises(BadAmount) as refused:
        GOLD.parse(raw, "fee")

    assert refused.value.field == "fee"
