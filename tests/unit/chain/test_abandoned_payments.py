"""Transactions that their callers wanted to send themselves, and the end of their time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.abandoned_payments import AbandonedPayments
from app.db.tables import payments as payment_rows
from app.domain import payments
from app.domain.payments import Payment, voiding
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge

MINUTES = 60


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("shop", 100)
        yield harness
        await harness.audit()


@pytest.fixture
def abandoned(harness: ChainHarness) -> AbandonedPayments:
    return AbandonedPayments(harness.engine, harness.node, harness.committed)


async def paytx(harness: ChainHarness) -> Payment:
    return await harness.pay(await harness.node_address(), 10, kind="paytx", seconds=MINUTES * 60)


async def pass_time(harness: ChainHarness) -> None:
    """Move the expiry of all payments back by as much time as they have."""
    async with harness.engine.begin() as db:
        ends = payment_rows.c.expires - timedelta(minutes=MINUTES)
        await db.execute(sa.update(payment_rows).values(expires=ends))


async def test_before_its_time_nothing_ends(harness: ChainHarness, abandoned: AbandonedPayments) -> None:
    payment = await paytx(harness)
    await harness.send()

    assert not await abandoned.step()
    assert await harness.states(payment) == ["PROCESSING"]


async def test_what_nobody_sent_in_time_is_cancelled_on_the_chain(
    harness: ChainHarness, abandoned: AbandonedPayments
) -> None:
    payment = await paytx(harness)
    await harness.send()
    await pass_time(harness)

    assert await abandoned.step()
    assert not await abandoned.step()
    assert await harness.states(payment) == ["CANCELLING"]
    await harness.send()
    await harness.mine(2)

    assert await harness.states(payment) == ["VOIDED"]
    [_, cancellation] = await harness.transactions()
    assert (await harness.balance())[:4] == (doge(100) - cancellation["fee"], 0, 0, 0)


async def test_what_was_never_signed_is_voided_at_once(
    harness: ChainHarness, abandoned: AbandonedPayments
) -> None:
    payment = await paytx(harness)
    await pass_time(harness)

    await abandoned.step()

    assert await harness.states(payment) == ["VOIDED"]
    assert await harness.send() == 0


async def test_what_the_node_has_seen_goes_on_and_we_send_it_too(
    harness: ChainHarness, abandoned: AbandonedPayments
) -> None:
    payment = await paytx(harness)
    await harness.send()
    [payment] = await harness.reload(payment)
    assert payment.raw is not None
    await harness.call("sendrawtransaction", payment.raw.hex())
    await pass_time(harness)

    await abandoned.step()

    assert await harness.states(payment) == ["BROADCAST"]
    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [True]
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_SENT"]
    await harness.mine(2)
    assert await harness.states(payment) == ["CONFIRMED"]


async def test_what_is_cancelled_while_the_node_is_asked_is_not_sent_by_us_again(
    harness: ChainHarness,
) -> None:
    payment = await paytx(harness)
    await harness.send()
    [payment] = await harness.reload(payment)
    assert payment.transaction_id is not None
    async with harness.engine.begin() as db:
        await voiding.void(db, [payments.VoidOrder("shop", payment.id, payment.txid)])

    async with harness.engine.begin() as db:  # of another process, which asked before
        await voiding.note_seen(db, payment.transaction_id)

    assert await harness.states(payment) == ["CANCELLING"]
    assert [row["broadcast_by_us"] for row in await harness.transactions()] == [False]


async def test_what_a_block_holds_does_not_end(harness: ChainHarness, abandoned: AbandonedPayments) -> None:
    payment = await paytx(harness)
    await harness.send()
    [payment] = await harness.reload(payment)
    assert payment.raw is not None
    await harness.mine_only(payment.raw.hex())
    await pass_time(harness)

    assert not await abandoned.step()
    await harness.mine()
    assert await harness.states(payment) == ["CONFIRMED"]
