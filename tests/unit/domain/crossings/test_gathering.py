"""The platform's accounts of all cells pay as one."""

from app.domain import accounts, transfers
from app.domain.commands import Result, Submitted
from app.domain.crossings import GATHER, Gather, Gathered
from app.domain.transfers import Payee, TransferOrder
from tests import funding
from tests.crossing_town import EACH, GOLD, PLATFORM, Town, answered


async def platform_has(town: Town) -> list[int]:
    amounts = []
    for engine in town.engines:
        async with engine.connect() as db:
            owner = (await accounts.owners(db, [PLATFORM]))[PLATFORM]
        amounts.append((await funding.of(engine, owner.id, GOLD))[0])
    return amounts


async def given(town: Town, *amounts: int) -> None:
    for cell, amount in enumerate(amounts):
        if amount:
            order = TransferOrder(f"given {cell}", town.name(cell), (Payee(PLATFORM, amount),), GOLD)
            await town.commits[cell].submit(transfers.MAKE, order)


async def test_what_is_lacking_comes_from_those_who_have_most(town: Town) -> None:
    await given(town, 1, 2, 5)

    moved = await town.submit(GATHER, Gather(GOLD, 7), (0, 1, 2))
    again = await town.submit(GATHER, Gather(GOLD, 7), (0, 1, 2))

    assert moved == again == Gathered(GOLD, "8", enough=True)
    assert await platform_has(town) == [700, 100, 0]
    paid = TransferOrder("paid", PLATFORM, (Payee(town.name(1), 7),), GOLD)
    await town.submit(transfers.MAKE, paid, (0, 1))
    assert await town.has(town.name(1)) == (EACH - 200 + 700, 0)
    await town.check()


async def test_nothing_moves_for_what_no_money_is_enough_for(town: Town) -> None:
    await given(town, 1, 2, 5)

    refused = await town.submit(GATHER, Gather(GOLD, "8.01"), (1, 0, 2))

    assert refused == Gathered(GOLD, "8", enough=False)
    assert await platform_has(town) == [100, 200, 500]


async def test_more_comes_if_there_is_more(town: Town) -> None:
    await given(town, 1, 2, 5)

    await town.submit(GATHER, Gather(GOLD, 2, 4), (0, 1, 2))
    assert await platform_has(town) == [400, 200, 200]
    await town.submit(GATHER, Gather(GOLD, 5, 9), (1, 0, 2))

    assert await platform_has(town) == [0, 800, 0]
    await town.check()


async def test_those_who_gather_together_leave_each_other_theirs(town: Town) -> None:
    await given(town, 1, 2, 5)
    needs = [(0, 3), (1, 2), (0, 1), (2, 3), (1, 2)]

    answers = await town.crossings.submit_all(
        GATHER,
        [Submitted(Gather(GOLD, amount)) for _, amount in needs],
        [(cell, *(other for other in range(3) if other != cell)) for cell, _ in needs],
    )

    gathered = [answer.resource for answer in answers if isinstance(answer, Result)]
    assert [each.enough for each in gathered] == [True, True, True, False, True]
    assert await platform_has(town) == [400, 400, 0]
    await town.check()


async def test_two_at_once_move_what_there_is_once(town: Town) -> None:
    await given(town, 1, 2, 5)

    await answered(
        *(
            town.crossings.submit(GATHER, Gather(GOLD, 8), None, (cell, (cell + 1) % 3, (cell + 2) % 3))
            for cell in range(3)
        )
    )

    assert sorted(await platform_has(town)) == [0, 0, 800]
    await town.check()
