"""Coins that one cell hands over to another, with a follower and a sender for each, and one node."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.batching.crossings import Crossings
from app.db.tables import CLEARING, chain_state, coins
from app.domain import blocks, ledger, transfers
from app.domain.blocks.reserves import ReserveChange
from app.domain.crossings import GATHER, Crossing, Gather, even_out
from app.domain.crossings.coins import HANDED_OVER, HandOver, choose, hand_over
from app.domain.transfers import Payee, TransferOrder
from app.money import DOGE, Koinu
from app.runtime.lease import Lease
from app.workers.hand_overs import HandOvers
from tests import chain_harness, crossing_town, scenario
from tests.cells import Cells, MakeCells
from tests.chain_harness import NOWHERE, ChainHarness
from tests.crossing_town import PLATFORM
from tests.scenario import doge

DEPTH = 6


@pytest.mark.parametrize(
    ("amounts", "needed", "chosen"),
    [
        ([50, 30, 20], 50, [50]),
        ([50, 30, 20], 70, [50, 20]),
        ([50, 30, 20], 10, [20]),
        ([50, 30], 40, [30, 50]),
        ([50, 30], 100, [50, 30]),
        ([], 10, []),
    ],
)
def test_a_cell_gives_as_little_as_it_can(amounts: list[int], needed: int, chosen: list[int]) -> None:
    rows = [{"amount": amount} for amount in amounts]

    assert [row["amount"] for row in choose(rows, needed)] == chosen


@dataclass
class Pair:
    """Two cells that follow one chain."""

    cells: Cells
    rich: ChainHarness
    poor: ChainHarness
    crossings: Crossings

    async def mine(self, number: int = 1) -> None:
        await self.rich.mine(number)
        await self.poor.follow()

    async def transfer(self, payer: str, payee: str, amount: int) -> None:
        cells = tuple(self.cells.map.of_account(name) for name in (payer, payee))
        asked = TransferOrder(f"{payer} {payee}", payer, (Payee(payee, amount),), DOGE)
        await self.crossings.submit(transfers.MAKE, asked, None, cells)

    async def even_out(self) -> list[tuple[HandOver, Koinu]]:
        async with self.cells.crossing.begin() as db:
            return await even_out(Crossing(db, self.cells.map, [scenario.INSTALLATION] * 2), DEPTH)

    async def step(self) -> list[int]:
        """Step the clock; return the cells that have got coins."""
        taken: list[int] = []
        lease = Lease(self.cells.engines[0], "coins", "one")
        clock = HandOvers(self.cells.crossing, [scenario.INSTALLATION] * 2, DEPTH, lease, taken.append)
        while await clock.step():
            pass
        await clock.close()
        return taken

    async def check(self) -> int:
        """What accounts have is what coins there are, in each cell; return what clearing of the rich cell has."""
        clearing = [await self._clearing(engine) for engine in self.cells.engines]
        assert sum(clearing) == 0
        return clearing[1]

    async def _clearing(self, engine: AsyncEngine) -> int:
        async with engine.begin() as db:
            clearing = (await ledger.clearing_balances(db))[DOGE]
            reserves = await db.scalar(sa.select(blocks.unspent(sa.true()) + blocks.in_transit(sa.true())))
            owned = await db.scalar(
                sa.text("""
                    SELECT sum(available + incoming + held + outgoing) FROM balances
                    WHERE account_id >= 0 OR account_id = -3
                """)
            )
            outside = await db.scalar(
                sa.text(f"SELECT sum(amount) FROM postings WHERE account_id IN (-1, -2, -5, {CLEARING})")
            )
        assert owned + clearing == reserves
        assert owned == -outside
        assert (await blocks_agree(engine)).fault == ""
        return clearing


async def blocks_agree(engine: AsyncEngine) -> ReserveChange:
    async with engine.begin() as db:
        change = await blocks.total_change(db)
    assert change is not None
    return change


@pytest.fixture
async def pair(cells: MakeCells, tmp_path: Path) -> AsyncIterator[Pair]:
    """The account of the higher cell has four coins of 50 DOGE each, and that of the lower one has nothing."""
    divided = await cells(2)
    low, high = divided.engines
    (tmp_path / "poor").mkdir()
    async with chain_harness.opened(high, tmp_path) as rich:
        poor = ChainHarness(low, rich.node, tmp_path / "poor", rich.url)
        crossings = Crossings(divided.crossing, [scenario.INSTALLATION] * 2, lambda *_: None)
        pair = Pair(divided, rich, poor, crossings)
        await poor.follow()
        for cell in range(2):
            await crossing_town.open_accounts(divided, cell, [named(divided, cell)])
        await rich.fund(named(divided, 1), 50, 50, 50, 50)
        await pair.mine(DEPTH)
        yield pair
        await crossings.close()
        await poor.close()


def named(divided: Cells, cell: int) -> str:
    return next(name for name in (f"name {n}" for n in range(100)) if divided.map.of_account(name) == cell)


async def test_what_has_crossed_can_be_paid_out_once_coins_are_handed_over(pair: Pair) -> None:
    payer, payee = named(pair.cells, 1), named(pair.cells, 0)
    await pair.transfer(payer, payee, 60)
    assert await pair.check() == doge(60)
    payment = await pair.poor.pay(NOWHERE, 55, payee)
    await pair.poor.send()
    assert await pair.poor.states(payment) == ["PENDING"]

    [(order, amount)] = await pair.even_out()
    assert (order.giver, order.taker, amount) == (1, 0, doge(100))
    assert await pair.even_out() == []
    assert await pair.check() == doge(-40)
    await pair.poor.send()
    await pair.mine(2)

    assert await pair.poor.states(payment) == ["CONFIRMED"]
    assert await pair.rich.free_amounts() == [doge(50), doge(50)]
    await pair.check()


async def test_the_platform_pays_with_coins_of_the_cell_that_its_money_came_from(pair: Pair) -> None:
    await crossing_town.open_accounts(pair.cells, 0, [PLATFORM])
    await crossing_town.open_accounts(pair.cells, 1, [PLATFORM])
    await pair.rich.fund(PLATFORM, 30, 30)
    await pair.mine(DEPTH)

    await pair.crossings.submit(GATHER, Gather(DOGE, 55, 56), None, (0, 1))
    payment = await pair.poor.pay(NOWHERE, 55, PLATFORM)
    await pair.step()
    await pair.poor.send()
    await pair.mine(2)

    assert await pair.poor.states(payment) == ["CONFIRMED"]
    await pair.check()


async def test_what_is_not_deep_enough_stays_and_what_was_spent_is_no_stranger_to_the_giver(
    pair: Pair,
) -> None:
    payer, payee = named(pair.cells, 1), named(pair.cells, 0)
    await pair.rich.fund(payer, 500)
    await pair.poor.follow()
    await pair.transfer(payer, payee, 300)
    payment = await pair.poor.pay(NOWHERE, 290, payee)

    [(_, amount)] = await pair.even_out()
    assert amount == doge(200)
    await pair.poor.send()
    assert await pair.poor.states(payment) == ["PENDING"]
    await pair.mine(DEPTH)
    [(_, amount)] = await pair.even_out()
    assert amount == doge(500)
    await pair.poor.send()
    await pair.mine(2)

    assert await pair.poor.states(payment) == ["CONFIRMED"]
    assert "SYS_UNKNOWN_SPEND" not in [*await pair.poor.event_types(), *await pair.rich.event_types()]
    await pair.check()


async def test_money_that_comes_again_to_an_address_whose_coin_was_handed_over_is_its_accounts(
    pair: Pair,
) -> None:
    payer, payee = named(pair.cells, 1), named(pair.cells, 0)
    [address] = await pair.rich.fund(payer, 7)
    await pair.mine(DEPTH)
    await pair.transfer(payer, payee, 200)
    await pair.poor.pay(NOWHERE, 190, payee)
    handed = await pair.even_out()
    before = (await pair.rich.balance(payer)).available

    await pair.rich.call("sendtoaddress", address, "9")
    await pair.mine(chain_harness.RULES.confirmations)

    assert sum(amount for _, amount in handed) >= doge(200)
    assert (await pair.rich.balance(payer)).available == before + doge(9)
    assert (await pair.poor.balance(payee)).available < doge(10)
    await pair.check()


async def test_blocks_that_are_read_again_bring_no_coin_back_and_a_coin_can_come_home(pair: Pair) -> None:
    payer, payee = named(pair.cells, 1), named(pair.cells, 0)
    await pair.transfer(payer, payee, 120)
    await pair.poor.pay(NOWHERE, 110, payee)
    assert await pair.even_out()
    async with pair.cells.engines[1].begin() as db:
        away = list(await db.scalars(sa.select(coins.c.amount).where(coins.c.spent_by == HANDED_OVER)))
    assert sum(away) == doge(150)

    await pair.transfer(payee, payer, 5)
    async with pair.cells.crossing.begin() as db:
        crossing = Crossing(db, pair.cells.map, [scenario.INSTALLATION] * 2)
        final = await pair.rich.call("getblockcount")
        assert await hand_over(crossing, HandOver(0, 1, doge(50), final)) == doge(50)

    assert sorted(await pair.rich.free_amounts()) == [doge(50), doge(50)]
    await pair.check()


async def test_the_clock_hands_over_until_nothing_lacks_and_nothing_while_payments_are_paused(
    pair: Pair,
) -> None:
    payer, payee = named(pair.cells, 1), named(pair.cells, 0)
    await pair.transfer(payer, payee, 60)
    await pair.poor.pay(NOWHERE, 55, payee)
    async with pair.cells.engines[1].begin() as db:
        await db.execute(sa.update(chain_state).values(payments_paused="look"))

    assert await pair.step() == []
    await pair.rich.resume()
    assert await pair.step() == [0]
    assert await pair.step() == []
    await pair.check()
