"""Payouts, asked for by themselves: at a threshold or on a schedule, once, whoever else asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import accounts as account_rows
from app.domain import accounts, payments
from app.domain.accounts import AccountOrder
from app.domain.dogecoin import REGTEST
from app.domain.pages import PageRequest
from app.domain.payments import Payment, pause, voiding
from app.workers.clocks import Payouts
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


@pytest.fixture
def payouts(harness: ChainHarness) -> Payouts:
    return Payouts(harness.engine, REGTEST, harness.committed)


async def set_terms(harness: ChainHarness, foreign_id: str = "shop", **terms: Any) -> None:
    async with harness.engine.begin() as db:
        [account] = await accounts.put(db, [AccountOrder(foreign_id, terms)], REGTEST)
    accepted(account)


async def payments_of(harness: ChainHarness, foreign_id: str = "shop") -> list[Payment]:
    async with harness.engine.connect() as db:
        return list((await payments.page(db, foreign_id, PageRequest(None, 10))).items)


async def pass_time(harness: ChainHarness, hours: int) -> None:
    """Let everything about payouts be so much longer ago."""
    ago = timedelta(hours=hours)
    async with harness.engine.begin() as db:
        moved = {name: account_rows.c[name] - ago for name in ("payout_since", "payout_after")}
        await db.execute(sa.update(account_rows).values(moved))


async def test_all_that_is_available_goes_out_at_the_threshold_once_and_bears_its_fee(
    harness: ChainHarness, payouts: Payouts
) -> None:
    await harness.fund("shop", 60)
    to = await harness.node_address()
    await set_terms(harness, payout_address=to, payout_threshold=doge(100))
    await payouts.step()
    assert await payments_of(harness) == []

    await harness.fund("shop", 40)
    for _ in range(3):
        await payouts.step()
    await harness.send()
    await harness.mine(2)
    await payouts.step()

    [payment] = await payments_of(harness)
    assert (payment.kind, payment.state, payment.amount) == ("payout", "CONFIRMED", doge(100))
    assert await harness.received(to) == doge(100) - (payment.fee or 0)
    assert (await harness.balance())[:4] == (0, 0, 0, 0)


async def test_many_that_ask_at_the_same_time_ask_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    await set_terms(harness, payout_address=await harness.node_address(), payout_threshold=doge(1))

    await asyncio.gather(*(Payouts(harness.engine, REGTEST, harness.committed).step() for _ in range(8)))

    assert len(await payments_of(harness)) == 1


async def test_a_schedule_counts_from_when_it_was_set_and_then_from_the_last_payout(
    harness: ChainHarness, payouts: Payouts
) -> None:
    await harness.fund("shop", 10)
    await pass_time(harness, 1000)
    await set_terms(harness, payout_address=await harness.node_address(), payout_frequency="7200")
    counts = []

    for hours in (0, 1, 1, 1, 1):
        await pass_time(harness, hours)
        await payouts.step()
        counts.append(len(await payments_of(harness)))
        await harness.fund("shop", 10)

    assert counts == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    "terms",
    [{"payout_threshold": 0, "payout_frequency": "0"}, {"payout_threshold": 0, "payout_frequency": ""},
     {"payout_address": "", "payout_threshold": 1}],
)  # fmt: skip
async def test_what_is_switched_off_pays_nothing_out(
    harness: ChainHarness, payouts: Payouts, terms: dict[str, Any]
) -> None:
    await harness.fund("shop", 10)
    await set_terms(harness, **{"payout_address": await harness.node_address(), **terms})
    await pass_time(harness, 1000)

    await payouts.step()

    assert await payments_of(harness) == []


async def test_what_would_be_dust_after_the_fee_stays(harness: ChainHarness, payouts: Payouts) -> None:
    await harness.fund("shop", "0.011")
    await set_terms(harness, payout_address=await harness.node_address(), payout_threshold=1)

    await payouts.step()

    assert await payments_of(harness) == []


async def test_a_payout_that_was_voided_is_not_asked_for_again_at_once(
    harness: ChainHarness, payouts: Payouts
) -> None:
    await harness.fund("shop", 10)
    await set_terms(harness, payout_address=await harness.node_address(), payout_threshold=doge(1))
    await payouts.step()
    [payment] = await payments_of(harness)
    async with harness.engine.begin() as db:
        await voiding.void(db, [payments.VoidOrder("shop", payment.id)])

    await payouts.step()
    assert [payment.state for payment in await payments_of(harness)] == ["VOIDED"]
    await pass_time(harness, 2)
    await payouts.step()

    assert [payment.state for payment in await payments_of(harness)] == ["PENDING", "VOIDED"]


async def test_a_payout_that_failed_is_tried_again_after_an_hour_or_with_other_terms(
    harness: ChainHarness, payouts: Payouts
) -> None:
    account = await scenario.open_account(harness.engine)
    for _ in range(2):  # two inputs, whose fee leaves dust
        await harness.call("sendtoaddress", account.address, "0.0063")
    await harness.mine(2)
    await set_terms(harness, payout_address=await harness.node_address(), payout_threshold=1)
    states = []

    for hours in (0, 0, 2):
        await pass_time(harness, hours)
        await payouts.step()
        await harness.send()
        states.append([payment.state for payment in await payments_of(harness)])
    await set_terms(harness, payout_threshold=2)
    await payouts.step()

    assert states == [["FAILED"], ["FAILED"], ["FAILED"] * 2]
    assert len(await payments_of(harness)) == 3


async def test_nothing_is_asked_for_while_payments_are_paused(
    harness: ChainHarness, payouts: Payouts
) -> None:
    await harness.fund("shop", 10)
    await set_terms(harness, payout_address=await harness.node_address(), payout_threshold=doge(1))
    async with harness.engine.begin() as db:
        await pause.pause(db, "of a test")

    await payouts.step()

    assert await payments_of(harness) == []


async def test_windows_follow_each_other_until_every_account_was_looked_at(
    harness: ChainHarness, payouts: Payouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments.payouts, "WINDOW", 2)
    names = [f"shop-{n}" for n in range(5)]
    for name in names:
        await harness.fund(name, 10)
        await set_terms(harness, name, payout_address=await harness.node_address(), payout_threshold=doge(1))

    moved = [await payouts.step() for _ in range(3)]

    assert moved == [True, True, False]
    assert [len(await payments_of(harness, name)) for name in names] == [1] * 5
