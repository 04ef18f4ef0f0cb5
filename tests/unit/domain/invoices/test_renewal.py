"""Prices that are renewed in several processes at once, while money comes for them."""

import asyncio
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import invoices as rows
from app.domain import invoices, rates
from app.domain.dogecoin import REGTEST
from app.domain.invoices import Invoice, InvoiceFilter, InvoiceOrder, NotRenewable, RenewOrder
from app.domain.rates import Rate
from app.domain.refusals import Refusal
from tests import scenario
from tests.scenario import Chain, doge

PROCESSES, EACH = 3, 8


@pytest.fixture
async def first(engine: AsyncEngine) -> Invoice:
    """An invoice over 1.50 euros, which are 10 DOGE, whose time is over."""
    await scenario.open_account(engine)
    async with engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
        await rates.record(db, [Rate("a.example", "EUR", Decimal("0.15"))])
        [made] = await invoices.create(
            db, [InvoiceOrder("shop", (), currency="EUR", amount=150)], scenario.INSTALLATION
        )
    await over(engine)
    return scenario.accepted(made)


async def over(engine: AsyncEngine) -> None:
    """Let the time of all invoices be over."""
    async with engine.begin() as db:
        await db.execute(sa.update(rows).values(expires=rows.c.created))


async def renewed(engine: AsyncEngine, address: str) -> Invoice | Refusal:
    async with engine.begin() as db:
        [outcome] = await invoices.renew(db, [RenewOrder(address)], scenario.INSTALLATION)
    return outcome


async def made_for(engine: AsyncEngine) -> list[Invoice]:
    async with engine.connect() as db:
        return list(await invoices.page(db, REGTEST, "shop", 0, 100, InvoiceFilter()))


async def test_payers_in_all_processes_who_press_at_once_get_one_invoice(
    engine: AsyncEngine, first: Invoice
) -> None:
    processes = [scenario.commits(engine) for _ in range(PROCESSES)]

    answers = await asyncio.gather(
        *(p.submit(invoices.RENEW, RenewOrder(first.address)) for p in processes for _ in range(EACH))
    )

    for process in processes:
        await process.close()
    assert len({answer.resource.address for answer in answers}) == 1
    assert len(await made_for(engine)) == 2


@pytest.mark.parametrize("attempt", range(4))
async def test_money_that_comes_while_a_price_is_renewed_counts_where_it_was_sent(
    engine: AsyncEngine, first: Invoice, attempt: int
) -> None:
    chain = await Chain(engine).start()
    processes = [scenario.commits(engine) for _ in range(PROCESSES)]

    async def pay() -> None:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(attempt)))
        await chain.mine((first.address, doge(10)))

    answers = await asyncio.gather(
        *(p.submit(invoices.RENEW, RenewOrder(first.address)) for p in processes), pay()
    )

    for process in processes:
        await process.close()
    led = {answer.resource.address for answer in answers if answer is not None}
    old, *new = await made_for(engine)
    assert (old.state, old.received) == ("detected", doge(10))
    assert len(new) <= 1
    assert led <= {old.address, *(invoice.address for invoice in new)}
    assert scenario.accepted(await renewed(engine, first.address)).address == old.address
    assert (await audit.run(engine)).ok


async def test_a_renewal_waits_for_who_has_the_first_invoice_and_then_sees_what_came(
    engine: AsyncEngine, first: Invoice
) -> None:
    async with engine.begin() as db:
        await invoices.lock(db, REGTEST, [first.address])
        pressing = asyncio.create_task(renewed(engine, first.address))
        await scenario.until_someone_waits(engine)
        await db.execute(sa.update(rows).where(rows.c.address == first.address).values(seen=doge(10)))

    outcome = scenario.accepted(await pressing)

    assert (outcome.address, outcome.seen) == (first.address, doge(10))
    assert len(await made_for(engine)) == 1


async def test_in_one_batch_the_same_order_is_renewed_once_and_a_stranger_is_refused(
    engine: AsyncEngine, first: Invoice
) -> None:
    orders = [RenewOrder(first.address), RenewOrder("junk"), RenewOrder(first.address, "shop")]
    async with engine.begin() as db:
        one, junk, same = await invoices.renew(db, orders, scenario.INSTALLATION)

    assert scenario.accepted(one).address == scenario.accepted(same).address != first.address
    assert isinstance(junk, Refusal)
    assert len(await made_for(engine)) == 2


async def test_the_last_price_is_renewed_not_the_first_again(engine: AsyncEngine, first: Invoice) -> None:
    second = scenario.accepted(await renewed(engine, first.address))
    assert scenario.accepted(await renewed(engine, second.address)).address == second.address

    await over(engine)
    third = scenario.accepted(await renewed(engine, second.address))

    assert third.renews == first.address
    assert [invoice.renewed_by for invoice in await made_for(engine)] == [third.address, None, None]


async def test_an_invoice_in_dogecoin_gets_no_new_price(engine: AsyncEngine, first: Invoice) -> None:
    plain = await scenario.invoice(engine, expire_minutes=1)
    await over(engine)

    assert isinstance(await renewed(engine, plain.address), NotRenewable)
