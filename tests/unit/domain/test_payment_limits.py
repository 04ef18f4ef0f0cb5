"""Two payments in two transactions at once: the second sees what the first takes of the day."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import access, accounts, dogecoin, payment_limits
from app.domain.access import ApiKey, NewKey
from app.domain.payment_limits import AboveDailyLimit, AccountLimits, Terms
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.domain.refusals import Refusal
from app.money import COIN, Koinu
from tests import funding, scenario

ADDRESS = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"
DAY = Terms(per_day=Koinu(100 * COIN))


def sixty(account: str, asked_by: str = "") -> PayOrder:
    return PayOrder(account, (Payee.of(dogecoin.REGTEST, "", ADDRESS, Koinu(60 * COIN)),), asked_by=asked_by)


async def both(engine: AsyncEngine, first: PayOrder, second: PayOrder) -> list[Payment | Refusal]:
    """Ask for the second while the first is not committed."""

    async def other() -> list[Payment | Refusal]:
        async with engine.begin() as db:
            return await requesting.request(db, [second])

    async with engine.begin() as db:
        made = await requesting.request(db, [first])
        waiting = asyncio.create_task(other())
        await scenario.until_someone_waits(engine)
    return [*made, *await waiting]


async def test_the_day_of_an_account_is_decided_under_its_lock(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    await funding.fund(engine, {"shop": 1_000 * COIN})
    async with engine.begin() as db:
        await payment_limits.put(db, AccountLimits("shop", DAY))

    made, refused = await both(engine, sixty("shop"), sixty("shop"))

    assert isinstance(made, Payment)
    assert isinstance(refused, AboveDailyLimit)
    assert "40 are left" in str(refused)


async def test_the_day_of_a_key_is_decided_under_its_lock_whatever_the_account(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    await funding.fund(engine, {"shop": 1_000 * COIN, "other": 1_000 * COIN})
    new = NewKey(b"d" * 32, frozenset({"payments:write"}), limits={"per_day": DAY.per_day})
    async with engine.begin() as db:
        key = await access.create(db, new)
    assert isinstance(key, ApiKey)

    made, refused = await both(engine, sixty("shop", f"key:{key.id}"), sixty("other", f"key:{key.id}"))

    assert isinstance(made, Payment)
    assert isinstance(refused, AboveDailyLimit)


@pytest.mark.parametrize("name", payment_limits.AMOUNTS)
def test_a_limit_is_an_amount(name: str) -> None:
    with pytest.raises(Refusal, match=name):
        Terms(**{name: Koinu(-1)})


async def test_who_limits_several_accounts_locks_them_in_one_order(engine: AsyncEngine) -> None:
    await scenario.make_ready(engine)
    numbers = await funding.fund(engine, {"first": 0, "second": 0})

    async def limit() -> None:
        orders = [AccountLimits(name, DAY) for name in ("second", "first")]
        async with engine.begin() as db:
            await payment_limits.PUT.run(db, orders, scenario.INSTALLATION)

    async with engine.begin() as db:
        await accounts.lock(db, ["first"])
        limiting = asyncio.create_task(limit())
        await scenario.until_someone_waits(engine)
        await accounts.lock(db, ["second"])
    await limiting

    async with engine.connect() as db:
        assert [(await payment_limits.fetch(db, name)).terms for name in numbers] == [DAY, DAY]
