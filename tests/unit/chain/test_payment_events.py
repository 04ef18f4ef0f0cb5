"""The events of payments, for books that are kept by events alone: money goes, comes back, goes after all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import payments
from app.domain.invoices import Refund, refunds
from app.domain.payments import Payment, fees, voiding
from app.money import parse, show
from tests import chain_harness, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge, event_messages


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("shop", 100)
        await event_messages(engine)
        yield harness
        await harness.audit()


async def void(harness: ChainHarness, payment: Payment) -> None:
    [current] = await harness.reload(payment)
    async with harness.engine.begin() as db:
        accepted((await voiding.void(db, [payments.VoidOrder("shop", payment.id, current.txid)]))[0])


@pytest.mark.parametrize("terms", [{}, {"share": 100 * fees.PERCENT}, {"explicit_fee": doge("0.5")}])
async def test_all_of_a_payment_that_is_voided_before_it_is_signed_comes_back(
    harness: ChainHarness, terms: dict[str, Any]
) -> None:
    payment = await harness.pay(await harness.node_address(), 10, **terms)

    await void(harness, payment)

    messages = await event_messages(harness.engine, "PAYMENT_VOIDED", "ACC_PAYMENT")
    assert [message["type"] for message in messages] == ["ACC_PAYMENT", "PAYMENT_VOIDED", "ACC_PAYMENT"]
    assert messages[1]["returned"] == messages[1]["total"]
    assert messages[2] == messages[0] | {"reversed": True}


async def test_a_cancellation_and_its_undoing_are_told_with_what_came_back(harness: ChainHarness) -> None:
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()
    await void(harness, payment)
    await harness.send()
    await harness.mine(2)
    [_, cancellation] = await harness.transactions()

    messages = await event_messages(harness.engine, "PAYMENT_VOIDED", "ACC_PAYMENT")
    await harness.invalidate_blocks(2)
    await harness.call("generateblock", chain_harness.NOWHERE, [])
    await harness.mine(2)

    assert [message["reversed"] for message in messages if message["type"] == "ACC_PAYMENT"] == [False, True]
    [voided] = [message for message in messages if message["type"] == "PAYMENT_VOIDED"]
    assert parse(voided["total"]) - parse(voided["returned"]) == cancellation["fee"]
    later_messages = await event_messages(harness.engine, "PAYMENT_", "ACC_PAYMENT")
    assert [(message["type"], message.get("reversed")) for message in later_messages] == [
        ("PAYMENT_UNCONFIRMED", None),
        ("ACC_PAYMENT", False),
        ("PAYMENT_VOIDED", None),
        ("ACC_PAYMENT", True),
    ]


async def test_a_payment_whose_first_block_is_taken_back_is_told_to_be_on_its_way_again(
    harness: ChainHarness,
) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    await harness.mine()
    await event_messages(harness.engine)

    await harness.invalidate_blocks(1)
    await harness.expire_mempool()
    await harness.mine_only()
    await harness.mine_only()

    [message] = await event_messages(harness.engine, "PAYMENT_", "ACC_PAYMENT")
    assert (message["type"], message["payment_id"], message["state"]) == (
        "PAYMENT_UNCONFIRMED",
        payment.id,
        "BROADCAST",
    )


async def test_a_refund_that_is_not_paid_is_told_to_be_the_invoices_again(harness: ChainHarness) -> None:
    [invoice] = await harness.fund("shop", 20)
    to = await harness.node_address()
    async with harness.engine.begin() as db:
        [outcome] = await refunds.refund_on_chain(db, [Refund(invoice, to, doge(5))], scenario.INSTALLATION)
    payment = accepted(outcome)

    await void(harness, payment)

    messages = await event_messages(harness.engine, "INV_PAYMENT_REFUNDED", "INV_REFUND_RETURNED")
    assert [message["type"] for message in messages] == ["INV_PAYMENT_REFUNDED", "INV_REFUND_RETURNED"]
    names = ("invoice_id", "payment_id", "amount", "to", "reversed")
    assert [messages[1][name] for name in names] == [invoice, payment.id, show(doge(5)), to, False]
