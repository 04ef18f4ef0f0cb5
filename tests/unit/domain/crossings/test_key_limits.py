"""A key's limit for a day holds over all cells, since it may pay from accounts in any of them."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.tables import payments as payment_rows
from app.domain import access, dogecoin, payments
from app.domain.access import ApiKey, NewKey
from app.domain.payment_limits import AboveDailyLimit
from app.domain.payments import Payee, Payment, PayOrder, requesting
from app.money import COIN, Koinu
from tests import scenario
from tests.crossing_town import Town, answered

PAYEE = "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv"


@pytest.fixture
async def caller(town: Town) -> str:
    """A key that may pay 4 DOGE in a day."""
    async with town.engines[1].begin() as db:
        key = await access.create(
            db, NewKey(b"d" * 32, frozenset({"payments:write"}), limits={"per_day": 4 * COIN})
        )
    assert isinstance(key, ApiKey)
    return f"key:{key.id}"


async def pay(town: Town, caller: str, cell: int, amount: int = 1, number: int = 0) -> Any:
    payee = Payee.of(dogecoin.REGTEST, "", PAYEE, Koinu(amount * COIN))
    order = PayOrder(town.name(cell, number), (payee,), asked_by=caller, max_fee=Koinu(COIN))
    return (await town.commits[cell].submit(payments.REQUEST, order)).resource


async def test_what_a_key_has_paid_in_other_cells_counts(town: Town, caller: str) -> None:
    made = [await pay(town, caller, cell) for cell in (0, 1, 2)]
    with pytest.raises(AboveDailyLimit, match="1 are left, and 2 are asked for"):
        await pay(town, caller, 0, amount=2)
    await pay(town, caller, 2, number=1)

    [refused] = await answered(pay(town, caller, 1))
    await pay(town, "key:999", 1)
    async with town.engines[0].begin() as db:
        await db.execute(sa.update(payment_rows).values(state="VOIDED"))

    assert all(isinstance(payment, Payment) for payment in made)
    assert isinstance(refused, AboveDailyLimit)
    await pay(town, caller, 1)
    assert isinstance((await answered(pay(town, caller, 2)))[0], AboveDailyLimit)


async def test_payments_of_all_cells_at_once_take_no_more_than_is_left(town: Town, caller: str) -> None:
    answers = await answered(
        *(pay(town, caller, cell, number=number) for cell in (0, 1, 2) for number in (0, 1) for _ in "abc")
    )

    assert sum(isinstance(answer, Payment) for answer in answers) == 4
    assert sum(isinstance(answer, AboveDailyLimit) for answer in answers) == 14


async def test_a_payment_waits_for_one_by_the_same_key_in_another_cell(town: Town, caller: str) -> None:
    payee = Payee.of(dogecoin.REGTEST, "", PAYEE, Koinu(3 * COIN))
    order = PayOrder(town.name(1), (payee,), asked_by=caller)

    async with town.engines[1].begin() as db:
        [first] = await requesting.request(db, [order])
        waiting = asyncio.create_task(pay(town, caller, 2, amount=2))
        await scenario.until_someone_waits(town.cells.crossing)
    [second] = await answered(waiting)

    assert isinstance(first, Payment)
    assert isinstance(second, AboveDailyLimit)
