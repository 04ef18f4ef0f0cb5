"""What an operator does beside the running program, on a real chain and a real database."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.chain.sent_marker import DatabaseBehind
from app.cli import maintenance
from app.cli.command import CannotBeDone
from app.db.all_cells import AllCells
from app.db.engine import open_engine
from app.domain import accounts
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import REGTEST
from app.domain.payments import pause
from app.workers.clocks import Payouts
from tests import chain_harness, conftest, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import doge


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()


async def dumped(server: str, harness: ChainHarness) -> str:
    """Copy the harness's database as it is now; return the URL of the copy."""
    name = f"dump_{secrets.token_hex(8)}"
    await harness.engine.dispose()
    await conftest._administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{harness.engine.url.database}"')
    return conftest._named(server, name)


@asynccontextmanager
async def restored(harness: ChainHarness, dump: str) -> AsyncIterator[ChainHarness]:
    """The same node and home with the older database."""
    engine = open_engine(dump)
    made = ChainHarness(engine, harness.node, harness.home, harness.url)
    yield made
    await made.close()
    await engine.dispose()


async def test_an_older_database_stops_the_sender_until_it_is_told_to_go_on_and_nobody_is_paid_twice(
    harness: ChainHarness, server: str
) -> None:
    await harness.fund("shop", 100, 50)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    dump = await dumped(server, harness)
    await harness.send()
    await harness.mine(2)
    assert await harness.received(to) == doge(10)

    seed_file = SeedFile(harness.home / "seed.json", REGTEST, Cost(1 << 14, 1))
    seed_file.create("", words=scenario.WORDS)

    async with restored(harness, dump) as older:
        with pytest.raises(DatabaseBehind, match="run `kennel restored`"):
            await older.send()
        assert "Ended 1 payments" in await maintenance.restored(
            AllCells.of_one(older.engine), older.home, REGTEST
        )

    async with restored(harness, dump) as older:
        assert await older.send() == 0
        with pytest.raises(CannotBeDone, match="wait until they agree"):
            await maintenance.resume(AllCells.of_one(older.engine), older.node)
        await older.follow()
        assert await older.send() == 0
        assert "Payments go on" in await maintenance.resume(
            AllCells.of_one(older.engine), older.node, owing=doge(50)
        )
        assert await older.send() == 0
        await older.mine(2)

        assert await older.states(payment) == ["FAILED"]
        assert await older.received(to) == doge(10)
        assert (await scenario.invoice(older.engine)).index >= seed_file.read().skipped == 10_000
        again = await older.pay(to, 5)
        await older.send()
        await older.mine(2)
        assert await older.states(again) == ["CONFIRMED"]
        assert await older.received(to) == doge(15)
        await older.audit()


async def test_after_a_restore_an_account_is_paid_out_again_only_once_that_is_meant(
    harness: ChainHarness, server: str
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    async with harness.engine.begin() as db:
        await accounts.put(
            db, [AccountOrder("shop", {"payout_address": to, "payout_threshold": doge(50)})], REGTEST
        )
    dump = await dumped(server, harness)
    await Payouts(harness.engine, REGTEST, harness.committed).step()
    await harness.send()
    await harness.mine(2)
    before = await harness.received(to)
    assert before > doge(99)

    async with restored(harness, dump) as older:
        payouts = Payouts(older.engine, REGTEST, older.committed)
        await maintenance.restored(AllCells.of_one(older.engine), older.home, REGTEST)
        await older.follow()
        await maintenance.resume(AllCells.of_one(older.engine), older.node, owing=doge(100))
        await payouts.step()
        assert (await older.balance()).available == doge(100)

        await maintenance.resume(
            AllCells.of_one(older.engine), older.node, with_payouts=True, owing=doge(100)
        )
        await payouts.step()
        assert (await older.balance()).available == 0
    assert await harness.received(to) == before


async def test_what_was_signed_before_the_backup_is_sent_as_it_was_and_arrives_once(
    harness: ChainHarness, server: str
) -> None:
    await harness.fund("shop", 100)
    to = await harness.node_address()
    payment = await harness.pay(to, 10)
    await harness.sender.step()
    dump = await dumped(server, harness)
    await harness.send()

    async with restored(harness, dump) as older:
        await older.send()
        await older.mine(2)

        assert (await older.states(payment), await older.received(to)) == (["CONFIRMED"], doge(10))
    await harness.follow()


async def test_a_database_that_is_not_behind_is_left_alone(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    waiting = await harness.pay(await harness.node_address(), 10)

    with pytest.raises(CannotBeDone, match="--anyway"):
        await maintenance.restored(AllCells.of_one(harness.engine), harness.home, REGTEST)

    assert await harness.states(waiting) == ["PENDING"]


async def test_a_spend_that_is_not_ours_pauses_payments_until_somebody_has_looked(
    harness: ChainHarness,
) -> None:
    addresses = await harness.fund("shop", 100, 50)
    await harness.mine_only(await harness.steal(addresses[0]))
    payment = await harness.pay(await harness.node_address(), 10)

    assert await harness.send() == 0
    async with harness.engine.connect() as db:
        assert "spent by a transaction that is not ours" in (await pause.reason(db) or "")
    with pytest.raises(
        CannotBeDone, match=r"100 DOGE more than there are coins.* `kennel resume --owing 100`"
    ):
        await maintenance.resume(AllCells.of_one(harness.engine), harness.node)
    with pytest.raises(CannotBeDone, match="--owing 100"):
        await maintenance.resume(AllCells.of_one(harness.engine), harness.node, owing=doge(99))
    assert await harness.send() == 0
    assert "is not ours" in await maintenance.resume(
        AllCells.of_one(harness.engine), harness.node, owing=doge(100)
    )
    assert (
        await maintenance.resume(AllCells.of_one(harness.engine), harness.node, owing=doge(100))
        == "Payments were not paused."
    )
    await harness.send()

    assert await harness.states(payment) == ["BROADCAST"]


async def test_an_amount_that_nobody_is_owed_is_no_word_to_go_on(harness: ChainHarness) -> None:
    with pytest.raises(CannotBeDone, match="without --owing"):
        await maintenance.resume(AllCells.of_one(harness.engine), harness.node, owing=doge(1))
    with pytest.raises(CannotBeDone, match="'much': an amount is a decimal number"):
        maintenance.amount("much")


async def test_what_somebody_stole_is_borne_by_the_platform_and_payments_go_on(harness: ChainHarness) -> None:
    addresses = await harness.fund("shop", 100)
    await harness.fund("platform", 150)
    await harness.mine_only(await harness.steal(addresses[0]))

    assert (
        await maintenance.cover(AllCells.of_one(harness.engine), "platform")
        == "platform has borne 100 DOGE: every balance has its coins."
    )
    assert (
        await maintenance.cover(AllCells.of_one(harness.engine), "platform")
        == "Every balance has its coins: there is nothing to bear."
    )
    assert "Payments go on" in await maintenance.resume(AllCells.of_one(harness.engine), harness.node)

    assert (await harness.balance("platform")).available == doge(50)
    await harness.audit()


async def test_small_coins_are_merged_at_the_cost_of_the_platform(harness: ChainHarness) -> None:
    await harness.fund("shop", *[1] * 6)
    await harness.fund("platform", 2)

    answer = await maintenance.consolidate(AllCells.of_one(harness.engine), REGTEST, "platform", 500)
    assert "merges 7 coins" in answer
    await harness.send()
    await harness.mine(2)

    [merging] = await harness.transactions()
    assert await harness.free_amounts() == [doge(8) - merging["fee"]]
    assert (await harness.balance("platform"))[:4] == (doge(2) - merging["fee"], 0, 0, 0)
    assert (await harness.balance())[:4] == (doge(6), 0, 0, 0)
    assert merging["fee"] < doge("0.02")


async def test_at_most_so_many_coins_are_merged_and_the_smallest(harness: ChainHarness) -> None:
    await harness.fund("shop", 3, 1, 2, 50)
    await harness.fund("platform", 5)

    await maintenance.consolidate(AllCells.of_one(harness.engine), REGTEST, "platform", 2)
    await harness.send()

    assert await harness.free_amounts() == [
        doge(3) - (await harness.transactions())[0]["fee"],
        doge(3),
        doge(5),
        doge(50),
    ]


@pytest.mark.parametrize(("coins", "sentence"), [([5, 5], "has 0 of the"), ([5], "no two coins")])
async def test_what_cannot_be_merged_or_paid_for_is_refused_in_a_sentence(
    harness: ChainHarness, coins: list[int], sentence: str
) -> None:
    await harness.fund("shop", *coins)

    with pytest.raises(CannotBeDone, match=sentence):
        await maintenance.consolidate(AllCells.of_one(harness.engine), REGTEST, "platform", 500)

    assert await harness.send() == 0
