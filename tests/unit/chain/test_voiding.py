"""Payments that are no longer wanted, on a real chain: ended at once, or cancelled by a transaction."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.payments import Payment, voiding
from app.domain.refusals import Refusal
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        yield made
        await made.audit()


async def void(till: ChainHarness, payment: Payment, *, unseen: bool = True) -> Payment | Refusal:
    """Void it, the node having been asked for its transaction."""
    [now] = await till.shown(payment)
    async with till.engine.begin() as db:
        [outcome] = await voiding.void(db, [voiding.VoidOrder("shop", payment.id, now.txid if unseen else None)])
    return outcome


async def signed(till: ChainHarness, **terms: Any) -> Payment:
    """A payment that is signed and that the node was not given."""
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10, kind="paytx", **terms)
    await till.send()
    [payment] = await till.shown(payment)
    assert payment.state == "PROCESSING"
    return payment


async def test_an_unsigned_payment_is_voided_at_once_and_once(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)

    assert accepted(await void(till, payment)).state == "VOIDED"

    assert (await till.balance())[:4] == (doge(100), 0, 0, 0)
    assert isinstance(await void(till, payment), voiding.AlreadyOver)
    assert await till.send() == 0
    assert await till.sent() == []
    assert await till.told(payment) == ["PAYMENT_REQUESTED", "PAYMENT_VOIDED"]


async def test_a_payment_that_is_voided_while_the_sender_waits_for_it_is_not_signed(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)

    async with till.engine.begin() as db:
        await voiding.void(db, [voiding.VoidOrder("shop", payment.id)])
        sending = asyncio.create_task(till.sender.step())
        await scenario.until_someone_waits(till.engine)
    await sending
    await till.send()

    assert await till.states(payment) == ["VOIDED"]
    assert await till.sent() == []


async def test_a_signed_payment_is_cancelled_by_a_transaction_that_is_deep_enough(till: ChainHarness) -> None:
    payment = await signed(till)

    assert accepted(await void(till, payment)).state == "CANCELLING"
    await till.send()
    [original, cancellation] = await till.sent()
    assert (cancellation["replaces"], original["sends"], cancellation["sends"]) == (original["id"], False, True)
    assert await till.mempool() == [cancellation["txid"][::-1].hex()]
    await till.mine()
    assert await till.states(payment) == ["CANCELLING"]
    await till.mine()

    assert await till.states(payment) == ["VOIDED"]
    assert (await till.balance())[:4] == (doge(100) - cancellation["fee"], 0, 0, 0)
    assert [one["state"] for one in await till.sent()] == ["dead", "settled"]
    assert await till.told(payment) == ["PAYMENT_REQUESTED", "PAYMENT_VOIDED"]
    assert await till.send() == 0


async def test_a_payment_that_wins_against_its_cancellation_is_confirmed(till: ChainHarness) -> None:
    payment = await signed(till)
    await void(till, payment)
    await till.send()

    assert payment.raw is not None
    await till.mine_only(payment.raw.hex())
    assert await till.states(payment) == ["BROADCAST"]
    await till.mine()

    assert await till.states(payment) == ["CONFIRMED"]
    assert [one["state"] for one in await till.sent()] == ["settled", "dead"]
    assert (await till.balance())[:4] == (doge(90) - (payment.fee or 0), 0, 0, 0)


async def test_a_cancellation_that_a_reorganisation_takes_back_is_undone_to_the_koinu(till: ChainHarness) -> None:
    payment = await signed(till)
    before = await till.balance()
    await void(till, payment)
    await till.send()
    await till.mine(2)
    assert await till.states(payment) == ["VOIDED"]

    await till.back(2)
    assert payment.raw is not None
    await till.call("generateblock", chain_harness.NOWHERE, [payment.raw.hex()])
    await till.mine(2)

    assert await till.states(payment) == ["CONFIRMED"]
    assert (await till.balance()).available == before.available
    assert await till.told(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_VOIDED", "PAYMENT_UNCONFIRMED", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip


async def test_what_the_node_has_seen_cannot_be_voided(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)
    await till.send()

    assert isinstance(await void(till, payment, unseen=False), voiding.OnItsWay)
    await till.mine()
    assert isinstance(await void(till, payment), voiding.InABlock)
    await till.mine()
    assert isinstance(await void(till, payment), voiding.AlreadyOver)


async def test_a_payment_that_shares_its_transaction_cannot_be_voided_alone(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payments = [await till.pay(await till.stranger(), 10, batch=True) for _ in range(2)]
    await till.send()

    assert isinstance(await void(till, payments[0]), voiding.NotAlone)


async def test_a_payment_whose_change_is_spent_cannot_be_voided(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    first, second = [await till.pay(await till.stranger(), 10) for _ in range(2)]
    await till.send()

    assert isinstance(await void(till, first), voiding.BuiltUpon)
    assert accepted(await void(till, second)).state == "CANCELLING"


async def test_change_that_is_about_to_be_spent_while_its_payment_is_voided_is_left_alone(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    first = await till.pay(await till.stranger(), 10)
    await till.sender.step()
    second = await till.pay(await till.stranger(), 10)
    [signed_first] = await till.shown(first)
    till.sender = till.make_sender()  # it signs before it sends

    async with till.engine.begin() as db:
        accepted((await voiding.void(db, [voiding.VoidOrder("shop", first.id, signed_first.txid)]))[0])
        signing = asyncio.create_task(till.sender.step())
        await scenario.until_someone_waits(till.engine)
    await signing
    assert await till.states(first, second) == ["CANCELLING", "PENDING"]
    await till.send()
    await till.mine(2)
    await till.send()

    assert await till.states(first, second) == ["VOIDED", "BROADCAST"]


async def test_another_accounts_payment_is_not_found(till: ChainHarness) -> None:
    await till.fund("shop", 100)
    payment = await till.pay(await till.stranger(), 10)

    async with till.engine.begin() as db:
        [outcome] = await voiding.void(db, [voiding.VoidOrder("other", payment.id)])

    assert str(outcome) == f"There is no payment {payment.id} in this account."
