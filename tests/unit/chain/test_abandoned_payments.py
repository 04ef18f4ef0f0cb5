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
from app.domain.payments import Payment
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge

MINUTES = 60


@pytest.fixture
async def till(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as made:
        await made.fund("shop", 100)
        yield made
        await made.audit()


@pytest.fixture
def lapses(till: ChainHarness) -> AbandonedPayments:
    return AbandonedPayments(till.engine, till.node, till.committed)


async def paytx(till: ChainHarness) -> Payment:
    return await till.pay(await till.stranger(), 10, kind="paytx", seconds=MINUTES * 60)


async def pass_time(till: ChainHarness) -> None:
    """Move the ends of all payments so far back as if their time had passed."""
    async with till.engine.begin() as db:
        ends = payment_rows.c.expires - timedelta(minutes=MINUTES)
        await db.execute(sa.update(payment_rows).values(expires=ends))


async def test_before_its_time_nothing_ends(till: ChainHarness, lapses: AbandonedPayments) -> None:
    payment = await paytx(till)
    await till.send()

    assert not await lapses.step()
    assert await till.states(payment) == ["PROCESSING"]


async def test_what_nobody_sent_in_time_is_cancelled_on_the_chain(
    till: ChainHarness, lapses: AbandonedPayments
) -> None:
    payment = await paytx(till)
    await till.send()
    await pass_time(till)

    assert await lapses.step()
    assert not await lapses.step()
    assert await till.states(payment) == ["CANCELLING"]
    await till.send()
    await till.mine(2)

    assert await till.states(payment) == ["VOIDED"]
    [_, cancellation] = await till.sent()
    assert (await till.balance())[:4] == (doge(100) - cancellation["fee"], 0, 0, 0)


async def test_what_was_never_signed_is_voided_at_once(till: ChainHarness, lapses: AbandonedPayments) -> None:
    payment = await paytx(till)
    await pass_time(till)

    await lapses.step()

    assert await till.states(payment) == ["VOIDED"]
    assert await till.send() == 0


async def test_what_the_node_has_seen_goes_on_and_we_send_it_too(till: ChainHarness, lapses: AbandonedPayments) -> None:
    payment = await paytx(till)
    await till.send()
    [payment] = await till.shown(payment)
    assert payment.raw is not None
    await till.call("sendrawtransaction", payment.raw.hex())
    await pass_time(till)

    await lapses.step()

    assert await till.states(payment) == ["BROADCAST"]
    assert [one["sends"] for one in await till.sent()] == [True]
    assert await till.told(payment) == ["PAYMENT_REQUESTED", "PAYMENT_SENT"]
    await till.mine(2)
    assert await till.states(payment) == ["CONFIRMED"]


async def test_what_is_cancelled_while_the_node_is_asked_is_not_sent_by_us_again(till: ChainHarness) -> None:
    payment = await paytx(till)
    await till.send()
    [payment] = await till.shown(payment)
    assert payment.transaction_id is not None
    async with till.engine.begin() as db:
        await payments.void(db, [payments.VoidOrder("shop", payment.id, payment.txid)])

    async with till.engine.begin() as db:  # of another process, which asked before
        await payments.seen(db, payment.transaction_id)

    assert await till.states(payment) == ["CANCELLING"]
    assert [one["sends"] for one in await till.sent()] == [False]


async def test_what_a_block_holds_does_not_end(till: ChainHarness, lapses: AbandonedPayments) -> None:
    payment = await paytx(till)
    await till.send()
    [payment] = await till.shown(payment)
    assert payment.raw is not None
    await till.mine_only(payment.raw.hex())
    await pass_time(till)

    assert not await lapses.step()
    await till.mine()
    assert await till.states(payment) == ["CONFIRMED"]
