"""Solvency: what is missing is told once, and the platform can bear it."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import CLAWBACK, WORLD
from app.domain import blocks, ledger
from app.domain.blocks import Block, Rules
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.refusals import Refusal
from tests import scenario
from tests.scenario import Chain, balance, doge, event_messages, event_types


async def lose_deposit(engine: AsyncEngine, platform: int) -> tuple[Chain, Block]:
    """Pay an account 10, let it spend 6, and disconnect the block; return the chain and that block."""
    account = await scenario.open_account(engine)
    platform_account = await scenario.open_account(engine, "platform")
    chain = await Chain(engine, Rules(REGTEST, confirmations=1)).start()
    if platform:
        await chain.mine((platform_account.address, doge(platform)))
    paying = await chain.mine((account.address, doge(10)))
    other = await scenario.open_account(engine, "other")
    async with engine.begin() as db:
        spent = (
            Posting(account.id, Bucket.AVAILABLE, -doge(6)),
            Posting(other.id, Bucket.AVAILABLE, doge(6)),
        )
        await ledger.post(db, [Entry("TRANSFER", ("test", "1"), "t", spent)])
    await event_types(engine)
    await chain.disconnect()
    return chain, paying


async def shortfall(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return await blocks.shortfall(db)


async def cover(engine: AsyncEngine) -> int | Refusal:
    async with engine.begin() as db:
        return await blocks.cover(db, "platform")


async def available(engine: AsyncEngine, *accounts: int) -> list[int]:
    return [(await balance(engine, account)).available for account in accounts]


async def test_a_right_ledger_may_say_that_coins_lack_and_both_changes_are_told_once(
    engine: AsyncEngine,
) -> None:
    chain, paying = await lose_deposit(engine, platform=0)
    report = await audit.run(engine)

    chain.blocks.append(paying)
    await chain.connect(paying)
    await chain.deepen(1)

    assert (report.ok, report.solvent, report.shortfall, await shortfall(engine)) == (True, False, doge(6), 0)
    events = [(event["type"], event["owing"]) for event in await event_messages(engine, "SYS_")]
    assert events == [("SYS_INSOLVENT", "6"), ("SYS_SOLVENT", "0")]


async def test_what_more_is_owed_by_one_that_is_insolvent_is_not_told_again(engine: AsyncEngine) -> None:
    chain, _ = await lose_deposit(engine, platform=5)
    [coin] = [output.outpoint for output in chain.blocks[0].outputs]

    await chain.mine(spent=[coin])

    assert await shortfall(engine) == doge(11)
    assert await event_types(engine, "SYS_") == ["SYS_INSOLVENT", "SYS_UNKNOWN_SPEND"]


async def test_the_platform_bears_what_is_owed_and_that_is_told(engine: AsyncEngine) -> None:
    await lose_deposit(engine, platform=8)
    await event_types(engine)

    covered = [await cover(engine), await cover(engine)]

    assert (covered, await shortfall(engine)) == ([doge(6), 0], 0)
    assert await available(engine, 1, CLAWBACK) == [doge(2), 0]
    flow, change, solvent = await event_messages(engine, "")
    assert (flow["type"], flow["foreign_id"], flow["direction"]) == ("ACC_PAYMENT", "platform", "out")
    assert (flow["kind"], flow["amount"]) == ("cover", "6")
    assert (change["current_balance"], solvent["type"]) == ("2", "SYS_SOLVENT")
    report = await audit.run(engine)
    assert (report.ok, report.solvent) == (True, True)


async def test_what_was_borne_and_is_repaid_later_is_the_platforms_again(engine: AsyncEngine) -> None:
    chain, paying = await lose_deposit(engine, platform=8)
    await cover(engine)
    chain.blocks.append(paying)
    await chain.connect(paying)
    before = await available(engine, 0, 1, CLAWBACK)
    await event_types(engine)

    covered = [await cover(engine), await cover(engine)]

    assert before == [doge(4), doge(2), doge(6)]
    assert (covered, await available(engine, 0, 1, CLAWBACK)) == ([-doge(6), 0], [doge(4), doge(8), 0])
    [flow, _] = await event_messages(engine, "")
    assert (flow["direction"], flow["kind"], flow["amount"]) == ("in", "cover", "6")
    assert (await audit.run(engine)).ok


@pytest.mark.parametrize("platform", [0, 5])
async def test_a_platform_that_has_too_little_bears_nothing(engine: AsyncEngine, platform: int) -> None:
    await lose_deposit(engine, platform=platform)

    refused = await cover(engine)

    needed = "accounts are owed 6 DOGE more than there are coins."
    assert str(refused) == f"platform has {platform} DOGE, and {needed}"
    assert await available(engine, 1, CLAWBACK, WORLD) == [doge(platform), -doge(6), -doge(platform)]


async def test_a_platform_that_nobody_has_opened_has_nothing(engine: AsyncEngine) -> None:
    before = await cover(engine)
    lent = (Posting(CLAWBACK, Bucket.AVAILABLE, -doge(1)), Posting(WORLD, Bucket.AVAILABLE, doge(1)))
    async with engine.begin() as db:
        await ledger.post(db, [Entry("UNKNOWN_SPENT", ("coin", "t:0"), "t:0", lent)])

    assert before == 0
    assert str(await cover(engine)).startswith("platform has 0 DOGE, and accounts are owed 1 DOGE")


async def test_two_who_cover_at_once_bear_it_once(engine: AsyncEngine) -> None:
    await lose_deposit(engine, platform=20)

    covered = await asyncio.gather(*(cover(engine) for _ in range(4)))

    assert sorted(covered, key=str) == [0, 0, 0, doge(6)]
    assert await available(engine, 1, CLAWBACK) == [doge(14), 0]
