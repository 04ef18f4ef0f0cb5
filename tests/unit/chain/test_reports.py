"""Reports of money that goes out on a real chain: payments, refunds, what cancelling costs, and what a reorg undoes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.invoices import refunds
from app.domain.invoices.refunds import Refund
from app.domain.payments import voiding
from app.domain.reports import Grouping
from tests import chain_harness, report_check, scenario
from tests.chain_harness import ChainHarness
from tests.scenario import accepted, doge


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        yield harness
        await harness.audit()
        await report_check.check(harness.engine)


async def sums(harness: ChainHarness, name: str) -> tuple[int, ...]:
    """The sums of all accounts together; zeros where there is no row."""
    rows = await report_check.rows(harness.engine, name, Grouping())
    return (*rows[0].measures, rows[0].times) if rows else ()


async def test_a_payment_counts_when_it_is_confirmed_and_no_more_when_a_reorg_undoes_that(
    harness: ChainHarness,
) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    [payment] = await harness.reload(payment)
    assert payment.fee is not None
    before = await sums(harness, "payments")

    await harness.mine(2)
    confirmed, fees = await sums(harness, "payments"), await sums(harness, "fees")
    await harness.invalidate_blocks(2)
    await harness.call("generateblock", chain_harness.NOWHERE, [])
    await harness.call("generateblock", chain_harness.NOWHERE, [])
    await harness.mine_only()
    undone = await sums(harness, "payments")

    assert before == ()
    assert confirmed == (doge(10), payment.fee, doge(10) + payment.fee, 1)
    assert fees == (payment.fee, 0, payment.fee, 1)
    assert undone == (0, 0, 0, 0)


async def test_what_a_cancelled_payment_cost_is_a_fee_and_no_payment(harness: ChainHarness) -> None:
    await harness.fund("shop", 100)
    payment = await harness.pay(await harness.node_address(), 10, kind="paytx")
    await harness.send()
    [payment] = await harness.reload(payment)
    async with harness.engine.begin() as db:
        await voiding.void(db, [voiding.VoidOrder("shop", payment.id, payment.txid)])
    await harness.send()
    await harness.mine(2)

    cost = (await harness.transactions())[-1]["fee"]

    assert await sums(harness, "fees") == (cost, 0, cost, 1)
    assert await sums(harness, "payments") == ()


async def test_a_refund_to_an_address_is_taken_from_what_the_invoice_brought(harness: ChainHarness) -> None:
    [invoice] = await harness.fund("shop", 100)
    async with harness.engine.begin() as db:
        order = Refund(invoice, await harness.node_address(), doge(30))
        [payment] = await refunds.refund_on_chain(db, [order], scenario.INSTALLATION)
    accepted(payment)
    await harness.send()
    await harness.mine(2)

    assert await sums(harness, "invoices") == (doge(100), 0, doge(30), doge(70), 2)
    assert (await sums(harness, "payments"))[0] == doge(30)
