"""What an operator does beside the running program, on a real chain and a real database."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db as bulk
from app import upkeep
from app.chain.high_water import DatabaseBehind
from app.chain.seed_file import SeedFile
from app.chain.seed_record import Cost
from app.domain import accounts, pauses
from app.domain.accounts import Wish
from app.domain.networks import REGTEST
from app.payouts import Payouts
from app.upkeep import CannotBeDone
from tests import conftest, world
from tests import till as tills
from tests.till import Till
from tests.world import doge


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Till]:
    async with tills.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


async def dumped(server: str, till: Till) -> str:
    """A copy of the till's database as it is now; its URL."""
    name = f"dump_{secrets.token_hex(8)}"
    await till.engine.dispose()
    await conftest._administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{till.engine.url.database}"')
    return conftest._named(server, name)


@asynccontextmanager
async def restored(till: Till, dump: str) -> AsyncIterator[Till]:
    """The same node and home with the older database."""
    engine = bulk.engine(dump)
    made = Till(engine, till.node, till.home, till.url)
    yield made
    await made.close()
    await engine.dispose()


async def test_an_older_database_stops_the_sender_until_it_is_told_to_go_on_and_nobody_is_paid_twice(
    till: Till, server: str
) -> None:
    await till.fund("shop", 100, 50)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    dump = await dumped(server, till)
    await till.send()
    await till.mine(2)
    assert await till.received(to) == doge(10)

    seed_file = SeedFile(till.home / "seed.json", REGTEST, Cost(1 << 14, 1))
    seed_file.create("", words=world.WORDS)

    async with restored(till, dump) as older:
        with pytest.raises(DatabaseBehind, match="run `kennel restored`"):
            await older.send()
        assert "Ended 1 payments" in await upkeep.restored(older.engine, older.home, REGTEST)

    async with restored(till, dump) as older:
        assert await older.send() == 0
        with pytest.raises(CannotBeDone, match="wait until they agree"):
            await upkeep.resume(older.engine, older.node)
        await older.follow()
        assert await older.send() == 0
        assert "Payments go on" in await upkeep.resume(older.engine, older.node, owing=doge(50))
        assert await older.send() == 0
        await older.mine(2)

        assert await older.states(payment) == ["FAILED"]
        assert await older.received(to) == doge(10)
        assert (await world.invoice(older.engine)).index >= seed_file.read().skipped == 10_000
        again = await older.pay(to, 5)
        await older.send()
        await older.mine(2)
        assert await older.states(again) == ["CONFIRMED"]
        assert await older.received(to) == doge(15)
        await older.audit()


async def test_after_a_restore_an_account_is_paid_out_again_only_once_that_is_meant(till: Till, server: str) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    async with till.engine.begin() as db:
        await accounts.put(db, [Wish("shop", {"payout_address": to, "payout_threshold": doge(50)})], REGTEST)
    dump = await dumped(server, till)
    await Payouts(till.engine, REGTEST, till.committed).step()
    await till.send()
    await till.mine(2)
    before = await till.received(to)
    assert before > doge(99)

    async with restored(till, dump) as older:
        payouts = Payouts(older.engine, REGTEST, older.committed)
        await upkeep.restored(older.engine, older.home, REGTEST)
        await older.follow()
        await upkeep.resume(older.engine, older.node, owing=doge(100))
        await payouts.step()
        assert (await older.balance()).available == doge(100)

        await upkeep.resume(older.engine, older.node, with_payouts=True, owing=doge(100))
        await payouts.step()
        assert (await older.balance()).available == 0
    assert await till.received(to) == before


async def test_what_was_signed_before_the_backup_is_sent_as_it_was_and_arrives_once(till: Till, server: str) -> None:
    await till.fund("shop", 100)
    to = await till.stranger()
    payment = await till.pay(to, 10)
    await till.sender.step()
    dump = await dumped(server, till)
    await till.send()

    async with restored(till, dump) as older:
        await older.send()
        await older.mine(2)

        assert (await older.states(payment), await older.received(to)) == (["CONFIRMED"], doge(10))
    await till.follow()


async def test_a_database_that_is_not_behind_is_left_alone(till: Till) -> None:
    await till.fund("shop", 100)
    waiting = await till.pay(await till.stranger(), 10)

    with pytest.raises(CannotBeDone, match="--anyway"):
        await upkeep.restored(till.engine, till.home, REGTEST)

    assert await till.states(waiting) == ["PENDING"]


async def test_a_spend_that_is_not_ours_pauses_payments_until_somebody_has_looked(till: Till) -> None:
    addresses = await till.fund("shop", 100, 50)
    await till.mine_only(await till.steal(addresses[0]))
    payment = await till.pay(await till.stranger(), 10)

    assert await till.send() == 0
    async with till.engine.connect() as db:
        assert "spent by a transaction that is not ours" in (await pauses.reason(db) or "")
    with pytest.raises(CannotBeDone, match=r"100 DOGE more than there are coins.* `kennel resume --owing 100`"):
        await upkeep.resume(till.engine, till.node)
    with pytest.raises(CannotBeDone, match="--owing 100"):
        await upkeep.resume(till.engine, till.node, owing=doge(99))
    assert await till.send() == 0
    assert "is not ours" in await upkeep.resume(till.engine, till.node, owing=doge(100))
    assert await upkeep.resume(till.engine, till.node, owing=doge(100)) == "Payments were not paused."
    await till.send()

    assert await till.states(payment) == ["BROADCAST"]


async def test_an_amount_that_nobody_is_owed_is_no_word_to_go_on(till: Till) -> None:
    with pytest.raises(CannotBeDone, match="without --owing"):
        await upkeep.resume(till.engine, till.node, owing=doge(1))
    with pytest.raises(CannotBeDone, match="'much': an amount is a decimal number"):
        upkeep.amount("much")


async def test_what_somebody_stole_is_borne_by_the_platform_and_payments_go_on(till: Till) -> None:
    addresses = await till.fund("shop", 100)
    await till.fund("platform", 150)
    await till.mine_only(await till.steal(addresses[0]))

    assert await upkeep.cover(till.engine, "platform") == "platform has borne 100 DOGE: every balance has its coins."
    assert await upkeep.cover(till.engine, "platform") == "Every balance has its coins: there is nothing to bear."
    assert "Payments go on" in await upkeep.resume(till.engine, till.node)

    assert (await till.balance("platform")).available == doge(50)
    await till.audit()


async def test_small_coins_are_merged_at_the_cost_of_the_platform(till: Till) -> None:
    await till.fund("shop", *[1] * 6)
    await till.fund("platform", 2)

    told = await upkeep.consolidate(till.engine, REGTEST, "platform", 500)
    assert "merges 7 coins" in told
    await till.send()
    await till.mine(2)

    [merging] = await till.sent()
    assert await till.free() == [doge(8) - merging["fee"]]
    assert (await till.balance("platform"))[:4] == (doge(2) - merging["fee"], 0, 0, 0)
    assert (await till.balance())[:4] == (doge(6), 0, 0, 0)
    assert merging["fee"] < doge("0.02")


async def test_at_most_so_many_coins_are_merged_and_the_smallest(till: Till) -> None:
    await till.fund("shop", 3, 1, 2, 50)
    await till.fund("platform", 5)

    await upkeep.consolidate(till.engine, REGTEST, "platform", 2)
    await till.send()

    assert await till.free() == [doge(3) - (await till.sent())[0]["fee"], doge(3), doge(5), doge(50)]


@pytest.mark.parametrize(("coins", "sentence"), [([5, 5], "has 0 of the"), ([5], "no two coins")])
async def test_what_cannot_be_merged_or_paid_for_is_refused_in_a_sentence(
    till: Till, coins: list[int], sentence: str
) -> None:
    await till.fund("shop", *coins)

    with pytest.raises(CannotBeDone, match=sentence):
        await upkeep.consolidate(till.engine, REGTEST, "platform", 500)

    assert await till.send() == 0
