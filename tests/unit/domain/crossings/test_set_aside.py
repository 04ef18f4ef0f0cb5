"""Holds that accounts of other cells capture, and escrows whose sides are in two cells."""

from typing import Any

import pytest

from app.domain import accounts, escrows, holds, transfers
from app.domain.accounts import StillInUse
from app.domain.escrows import End, Escrow, EscrowFilter, NewEscrow
from app.domain.escrows.locking import OrderTaken
from app.domain.escrows.settlement import NotInThatState
from app.domain.holds import Capture, NewHold
from app.domain.owner import NoSuchAccount
from app.domain.pages import PageRequest
from app.domain.transfers import LacksFunds
from tests import funding
from tests.crossing_town import EACH, GOLD, PLATFORM, Town, answered, claim, order


async def held(town: Town, amount: int = 5) -> Any:
    return (await town.commits[2].submit(holds.PLACE, NewHold(town.name(2), GOLD, amount))).resource


async def escrow_in(town: Town, cell: int, number: int) -> Escrow:
    async with town.engines[cell].connect() as db:
        [found] = await escrows.FETCH.fetch_many(db, [number], town.commits[cell].installation)
    assert isinstance(found, Escrow)
    return found


async def fees(town: Town, cell: int) -> int:
    async with town.engines[cell].connect() as db:
        platform = (await accounts.owners(db, [PLATFORM]))[PLATFORM]
    return (await funding.of(town.engines[cell], platform.id, GOLD))[0]


async def test_an_account_elsewhere_captures_a_hold_and_the_rest_goes_back(town: Town) -> None:
    hold = await held(town)

    after = await town.submit(holds.CAPTURE, Capture(hold.id, town.name(0), 2), (2, 0), claim("k"))
    again = await town.crossings.submit(holds.CAPTURE, Capture(hold.id, town.name(0), 2), claim("k"), (2, 0))

    assert (after.state, after.captured, again.resource, again.replayed) == ("CAPTURED", 200, after, True)
    assert await town.has(town.name(2)) == (EACH - 200, 0)
    assert await town.has(town.name(0)) == (EACH + 200, 0)
    assert [event[:2] for event in await town.events(0)] == [(town.name(0), "HOLD_CAPTURED")]
    await town.check()


async def test_a_hold_is_captured_once_and_by_an_account_that_there_is(town: Town) -> None:
    hold = await held(town)

    with pytest.raises(NoSuchAccount):
        await town.submit(holds.CAPTURE, Capture(hold.id, "nobody"), (2, 0))
    answers = await answered(
        *(
            town.crossings.submit(holds.CAPTURE, Capture(hold.id, town.name(cell)), None, (2, cell))
            for cell in (0, 1, 0, 1)
        )
    )

    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    await town.check()


@pytest.fixture
async def escrow(town: Town) -> Escrow:
    """The buyer is in the highest cell, the seller in the lowest."""
    asked = NewEscrow("order 1", town.name(2), town.name(0), GOLD, 5, fee=1)
    made: Escrow = await town.submit(escrows.LOCK, asked, (2, 0), claim("lock"))
    return made


async def test_both_cells_find_the_escrow_and_each_lists_it_for_its_side(town: Town, escrow: Escrow) -> None:
    assert await escrow_in(town, 2, escrow.id) == await escrow_in(town, 0, escrow.id) == escrow
    for cell, side in ((2, EscrowFilter(buyer=town.name(2))), (0, EscrowFilter(seller=town.name(0)))):
        async with town.engines[cell].connect() as db:
            assert (await escrows.page(db, side, PageRequest(None, 10))).items == [escrow]
        assert next(event[:2] for event in await town.events(cell)) == (town.name(cell), "ESCROW_LOCKED")
    assert await town.has(town.name(2)) == (EACH - 500, 500)
    await town.check()


async def test_an_order_has_one_escrow_and_its_seller_stays_open(town: Town, escrow: Escrow) -> None:
    seller = town.name(0)
    for asset, amount in ((GOLD, 10), ("DOGE", "10")):
        await town.submit(transfers.MAKE, order(seller, (town.name(1), amount), asset=asset), (0, 1))

    with pytest.raises(OrderTaken):
        await town.submit(escrows.LOCK, NewEscrow("order 1", town.name(1), town.name(0, 1), GOLD, 1), (1, 0))
    with pytest.raises(StillInUse, match=f"the escrow {escrow.id}"):
        await town.commits[0].submit(accounts.CLOSE, seller)
    again = await town.crossings.submit(
        escrows.LOCK, NewEscrow("order 1", town.name(2), town.name(0), GOLD, 5, fee=1), claim("lock"), (2, 0)
    )
    assert (again.resource, again.replayed) == (escrow, True)
    await town.check()


async def test_an_escrow_that_the_buyer_cannot_pay_leaves_no_row(town: Town) -> None:
    with pytest.raises(LacksFunds):
        await town.submit(escrows.LOCK, NewEscrow("o", town.name(1), town.name(2), GOLD, 11), (1, 2))

    made = await town.submit(escrows.LOCK, NewEscrow("o", town.name(1), town.name(2), GOLD, 10), (1, 2))
    assert made.state == "LOCKED"
    await town.check()


async def test_the_seller_is_paid_and_the_fee_goes_to_the_platform_there(town: Town, escrow: Escrow) -> None:
    ended = await town.submit(escrows.END, End(escrow.id, "RELEASED"), (2, 0), claim("end"))

    assert (ended.to_seller, ended.to_platform) == (400, 100)
    assert await escrow_in(town, 2, escrow.id) == await escrow_in(town, 0, escrow.id) == ended
    assert await town.has(town.name(2)) == (EACH - 500, 0)
    assert await town.has(town.name(0)) == (EACH + 400, 0)
    assert [await fees(town, cell) for cell in range(3)] == [100, 0, 0]
    assert [event[1] for event in await town.events(0)][-2:] == ["ESCROW_RELEASED", "ESCROW_FEE_EARNED"]
    with pytest.raises(NotInThatState):
        await town.submit(escrows.END, End(escrow.id, "REFUNDED"), (2, 0))
    await town.check()


async def test_a_disputed_escrow_is_shared(town: Town, escrow: Escrow) -> None:
    disputed = await town.submit(escrows.END, End(escrow.id, "DISPUTED"), (2, 0))
    assert await escrow_in(town, 0, escrow.id) == disputed

    ended = await town.submit(escrows.END, End(escrow.id, "RESOLVED", to_seller=3, to_buyer=2), (2, 0))

    assert (ended.to_seller, ended.to_buyer, ended.to_platform) == (200, 200, 100)
    assert await town.has(town.name(2)) == (EACH - 300, 0)
    assert await town.has(town.name(0)) == (EACH + 200, 0)
    await town.check()


async def test_a_refund_moves_nothing_between_cells(town: Town, escrow: Escrow) -> None:
    await town.submit(escrows.END, End(escrow.id, "REFUNDED"), (2, 0))

    assert await town.has(town.name(2)) == (EACH, 0)
    assert await town.has(town.name(0)) == (EACH, 0)
    assert (await escrow_in(town, 0, escrow.id)).state == "REFUNDED"
    await town.check()


async def test_an_escrow_takes_its_money_from_a_hold(town: Town) -> None:
    hold = await held(town)

    asked = NewEscrow("order 2", town.name(2), town.name(1), GOLD, 4, hold=hold.id)
    made = await town.submit(escrows.LOCK, asked, (2, 1))

    assert made.hold == hold.id
    assert await town.has(town.name(2)) == (EACH - 400, 400)
    await town.check()


async def test_two_ends_at_once_pay_once(town: Town, escrow: Escrow) -> None:
    answers = await answered(
        *(
            town.crossings.submit(escrows.END, End(escrow.id, state), None, (2, 0))
            for state in ("RELEASED", "REFUNDED") * 4
        )
    )

    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    await town.check()
