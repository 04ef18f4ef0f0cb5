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
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()


async def void(harness: ChainHarness, payment: Payment, *, unseen: bool = True) -> Payment | Refusal:
    """Void it, after the node has said whether it has seen the transaction."""
    [current] = await harness.reload(payment)
    async with harness.engine.begin() as db:
        [outcome] = await voiding.void(
            db, [voiding.VoidOrder("shop", payment.id, current.txid if unseen else None)]
        )
    return outcome


async def signed(harness: ChainHarness, **terms: Any) -> Payment:
    """Return a payment that is signed and not broadcast."""
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx", **terms)
    await harness.send()
    [payment] = await harness.reload(payment)
    assert payment.state == "PROCESSING"
    return payment


async def test_an_unsigned_payment_is_voided_at_once_and_once(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)

    assert accepted(await void(harness, payment)).state == "VOIDED"

    assert (await harness.balance())[:4] == (doge(100), 0, 0, 0)
    assert isinstance(await void(harness, payment), voiding.AlreadyOver)
    assert await harness.send() == 0
    assert await harness.transactions() == []
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_VOIDED"]


async def test_a_payment_that_is_voided_while_the_sender_waits_for_it_is_not_signed(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)

    async with harness.engine.begin() as db:
        await voiding.void(db, [voiding.VoidOrder("shop", payment.id)])
        sending = asyncio.create_task(harness.sender.step())
        await scenario.until_someone_waits(harness.engine)
    await sending
    await harness.send()

    assert await harness.states(payment) == ["VOIDED"]
    assert await harness.transactions() == []


async def test_a_signed_payment_is_cancelled_by_a_transaction_that_is_deep_enough(
    harness: ChainHarness,
) -> None:
    payment = await signed(harness)

    assert accepted(await void(harness, payment)).state == "CANCELLING"
    await harness.send()
    [original, cancellation] = await harness.transactions()
    assert (cancellation["replaces"], original["broadcast_by_us"], cancellation["broadcast_by_us"]) == (
        original["id"],
        False,
        True,
    )
    assert await harness.mempool() == [cancellation["txid"][::-1].hex()]
    await harness.mine()
    assert await harness.states(payment) == ["CANCELLING"]
    await harness.mine()

    assert await harness.states(payment) == ["VOIDED"]
    assert (await harness.balance())[:4] == (doge(100) - cancellation["fee"], 0, 0, 0)
    assert [row["state"] for row in await harness.transactions()] == ["dead", "settled"]
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_VOIDED"]
    assert await harness.send() == 0


async def test_a_payment_that_wins_against_its_cancellation_is_confirmed(harness: ChainHarness) -> None:
    payment = await signed(harness)
    await void(harness, payment)
    await harness.send()

    assert payment.raw is not None
    await harness.mine_only(payment.raw.hex())
    assert await harness.states(payment) == ["BROADCAST"]
    await harness.mine()

    assert await harness.states(payment) == ["CONFIRMED"]
    assert [row["state"] for row in await harness.transactions()] == ["settled", "dead"]
    assert (await harness.balance())[:4] == (doge(90) - (payment.fee or 0), 0, 0, 0)


async def test_a_cancellation_that_a_reorganisation_takes_back_is_undone_to_the_koinu(
    harness: ChainHarness,
) -> None:
    payment = await signed(harness)
    before = await harness.balance()
    await void(harness, payment)
    await harness.send()
    await harness.mine(2)
    assert await harness.states(payment) == ["VOIDED"]

    await harness.invalidate_blocks(2)
    assert payment.raw is not None
    await harness.call("generateblock", chain_harness.NOWHERE, [payment.raw.hex()])
    await harness.mine(2)

    assert await harness.states(payment) == ["CONFIRMED"]
    assert (await harness.balance()).available == before.available
    assert await harness.payment_events(payment) == [
        "PAYMENT_REQUESTED", "PAYMENT_VOIDED", "PAYMENT_UNCONFIRMED", "PAYMENT_ON_CHAIN", "PAYMENT_CONFIRMED",
    ]  # fmt: skip


async def test_what_the_node_has_seen_cannot_be_voided(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()

    assert isinstance(await void(harness, payment, unseen=False), voiding.OnItsWay)
    await harness.mine()
    assert isinstance(await void(harness, payment), voiding.InABlock)
    await harness.mine()
    assert isinstance(await void(harness, payment), voiding.AlreadyOver)


async def test_a_payment_that_shares_its_transaction_cannot_be_voided_alone(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payments = [await harness.pay(await harness.node_address(), 10, batch=True) for _ in range(2)]
    await harness.send()

    assert isinstance(await void(harness, payments[0]), voiding.NotAlone)


async def test_a_payment_whose_change_is_spent_cannot_be_voided(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    first, second = [await harness.pay(await harness.node_address(), 10) for _ in range(2)]
    await harness.send()

    assert isinstance(await void(harness, first), voiding.BuiltUpon)
    assert accepted(await void(harness, second)).state == "CANCELLING"


async def test_change_that_is_about_to_be_spent_while_its_payment_is_voided_is_left_alone(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    first = await harness.pay(await harness.node_address(), 10)
    await harness.sender.step()
    second = await harness.pay(await harness.node_address(), 10)
    [signed_first] = await harness.reload(first)
    harness.sender = harness.make_sender()  # it signs before it sends

    async with harness.engine.begin() as db:
        accepted((await voiding.void(db, [voiding.VoidOrder("shop", first.id, signed_first.txid)]))[0])
        signing = asyncio.create_task(harness.sender.step())
        await scenario.until_someone_waits(harness.engine)
    await signing
    assert await harness.states(first, second) == ["CANCELLING", "PENDING"]
    await harness.send()
    await harness.mine(2)
    await harness.send()

    assert await harness.states(first, second) == ["VOIDED", "BROADCAST"]


async def test_another_accounts_payment_is_not_found(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)

    async with harness.engine.begin() as db:
        [outcome] = await voiding.void(db, [voiding.VoidOrder("other", payment.id)])

    assert str(outcome) == f"There is no payment {payment.id} in this account."
