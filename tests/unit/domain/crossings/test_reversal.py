"""Reversals of transfers between cells."""

import pytest

from app.domain import transfers
from app.domain.pages import PageRequest
from app.domain.transfers import AboveTransfer, AlreadyReversed, LacksFunds, PartOfSeveral, ReversalOrder
from tests import scenario
from tests.crossing_town import EACH, Town, answered, order

PAGE = PageRequest[transfers.TransferCursor](None, 10)


async def test_a_transfer_goes_back_once_and_both_sides_see_it(town: Town) -> None:
    payer, payee = town.name(1), town.name(0)
    made = await town.submit(transfers.MAKE, order(payer, (payee, 3)), (1, 0))

    back, again = await answered(
        *(town.crossings.submit(transfers.REVERSE, ReversalOrder(made.id), None, (1, 0)) for _ in range(2))
    )

    assert isinstance(again, AlreadyReversed)
    assert (back.resource.payer, back.resource.payee, back.resource.reverses) == (payee, payer, made.id)
    for cell in (0, 1):
        async with town.engines[cell].connect() as db:
            owned = (await transfers.page(db, transfers.TransferFilter(town.name(cell)), PAGE)).items
        assert [(found.transfer.id, found.transfer.reversed) for found in owned] == [
            (back.resource.id, 0),
            (made.id, 300),
        ]
    assert [await town.has(name) for name in (payer, payee)] == [(EACH, 0)] * 2
    await town.check()


async def test_a_part_goes_back_only_of_one_payee(town: Town) -> None:
    payer, near, far = town.name(0), town.name(0, 1), town.name(2)
    whole = await town.submit(transfers.MAKE, order(payer, (far, 3)), (0, 2))
    split = await town.submit(transfers.MAKE, order(payer, (near, 1), (far, 2)), (0, 2))

    part = await town.submit(transfers.REVERSE, ReversalOrder(whole.id, "1.25"), (0, 2))
    with pytest.raises(AboveTransfer):
        await town.submit(transfers.REVERSE, ReversalOrder(split.id, 4), (0, 2))
    with pytest.raises(PartOfSeveral):
        await town.submit(transfers.REVERSE, ReversalOrder(split.id, 1), (0, 2))
    all_of_it = await town.submit(transfers.REVERSE, ReversalOrder(split.id), (0, 2))

    assert (part.amount, all_of_it.amount) == (125, 300)
    async with town.engines[2].connect() as db:
        [own] = [
            found.transfer
            for found in (await transfers.page(db, transfers.TransferFilter(far), PAGE)).items
            if found.transfer.id == split.id
        ]
    assert (own.reversed, own) == (300, await of_home(town, split.id))
    assert await town.has(far) == (EACH + 175, 0)
    await town.check()


async def of_home(town: Town, number: int) -> transfers.Transfer:
    async with town.engines[number % 3].connect() as db:
        return await scenario.fetch(db, transfers.FETCH, number)


async def test_what_the_payee_has_spent_does_not_come_back(town: Town) -> None:
    payer, payee = town.name(0), town.name(1)
    made = await town.submit(transfers.MAKE, order(payer, (payee, 3)), (0, 1))
    await town.submit(transfers.MAKE, order(payee, (town.name(2), 12)), (1, 2))

    with pytest.raises(LacksFunds, match=payee):
        await town.submit(transfers.REVERSE, ReversalOrder(made.id), (0, 1))
    await town.check()
