"""The first invoice of an order is cancelled with the one that renews its price, whatever happens at the same moment."""

import asyncio
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import invoices as rows
from app.domain import invoices, rates
from app.domain.dogecoin import REGTEST
from app.domain.invoices import CancelOrder, Invoice, InvoiceFilter, InvoiceOrder, RenewOrder, cancelling
from app.domain.invoices.cancelling import AlreadyReceived, PaidAtNewPrice
from app.domain.rates import Rate
from app.domain.refusals import Refusal
from tests import scenario
from tests.scenario import Chain, accepted, doge

TEN = doge(10)


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
    return accepted(made)


@pytest.fixture
async def second(engine: AsyncEngine, first: Invoice) -> Invoice:
    """The invoice that renews its price, and can be paid."""
    made = accepted(await renewed(engine, first.address))
    await scenario.event_types(engine)
    return made


async def over(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        await db.execute(sa.update(rows).values(expires=rows.c.created))


async def renewed(engine: AsyncEngine, address: str) -> Invoice | Refusal:
    async with engine.begin() as db:
        [outcome] = await invoices.renew(db, [RenewOrder(address)], scenario.INSTALLATION)
    return outcome


async def cancelled(engine: AsyncEngine, *addresses: str) -> list[Invoice | Refusal]:
    async with engine.begin() as db:
        orders = [CancelOrder("shop", address) for address in addresses]
        return await cancelling.cancel(db, orders, scenario.INSTALLATION)


async def states(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as db:
        return [i.state for i in await invoices.page(db, REGTEST, "shop", 0, 100, InvoiceFilter())]


async def test_the_invoice_that_can_still_be_paid_ends_with_the_first_and_each_is_told_once(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    outcomes = [*await cancelled(engine, first.address), *await cancelled(engine, first.address)]

    assert [accepted(outcome).address for outcome in outcomes] == [first.address] * 2
    assert await states(engine) == ["cancelled", "cancelled"]
    told = await scenario.event_messages(engine, "INV_CANCELLED")
    assert [event["invoice_id"] for event in told] == [first.address, second.address]
    assert [event.get("renews") for event in told] == [None, first.address]


async def test_one_batch_cancels_both_by_name_and_tells_each_once(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    outcomes = await cancelled(engine, first.address, second.address, first.address)

    assert [accepted(outcome).cancelled for outcome in outcomes] == [True] * 3
    assert await scenario.event_types(engine, "INV_CANCELLED") == ["INV_CANCELLED"] * 2


async def test_a_new_invoice_that_is_cancelled_ends_alone(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    await cancelled(engine, second.address)

    assert (await states(engine))[1] == "cancelled"
    assert (await states(engine))[0] != "cancelled"


async def test_what_is_over_already_stays_expired(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    await over(engine)
    async with engine.begin() as db:
        await invoices.expire(db, still=True)

    accepted((await cancelled(engine, first.address))[0])

    assert await states(engine) == ["cancelled", "expired"]


async def test_an_order_that_was_paid_at_its_new_price_is_not_cancelled(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    chain = await Chain(engine).start()
    await chain.mine((second.address, TEN))
    before = await states(engine)

    [refusal] = await cancelled(engine, first.address)

    assert isinstance(refusal, PaidAtNewPrice)
    assert second.address in str(refusal)
    assert await states(engine) == before
    assert before[1] == "detected"


async def test_a_cancelled_order_that_is_paid_late_is_cancelled_once_more_without_an_answer_that_refuses(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    chain = await Chain(engine).start()
    await cancelled(engine, first.address)
    await chain.mine((second.address, TEN))

    [again] = await cancelled(engine, first.address)

    assert accepted(again).cancelled
    assert "INV_LATE_PAYMENT_DETECTED" in await scenario.event_types(engine)


@pytest.mark.parametrize("attempt", range(6))
async def test_money_for_the_new_invoice_and_the_end_of_the_order_at_once_leave_one_of_both(
    engine: AsyncEngine, first: Invoice, second: Invoice, attempt: int
) -> None:
    chain = await Chain(engine).start()
    processes = [scenario.commits(engine) for _ in range(3)]

    async def pay() -> None:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(attempt)))
        await chain.mine((second.address, TEN))

    order = CancelOrder("shop", first.address)
    *outcomes, _ = await asyncio.gather(
        *(process.submit(invoices.CANCEL, order) for process in processes), pay(), return_exceptions=True
    )

    for process in processes:
        await process.close()
    refused = [isinstance(outcome, PaidAtNewPrice) for outcome in outcomes]
    events = await scenario.event_types(engine)
    of_first, of_second = await states(engine)
    if all(refused):
        assert "cancelled" not in (of_first, of_second)
        assert "INV_CANCELLED" not in events
    else:
        assert not any(refused)
        assert events.count("INV_CANCELLED") == 2
        assert "INV_LATE_PAYMENT_DETECTED" in events
    assert (await scenario.balance(engine, 0)).incoming == TEN
    assert (await audit.run(engine)).ok


async def test_who_cancels_waits_for_who_has_the_new_invoice_and_then_sees_what_came(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    async with engine.begin() as db:
        await invoices.lock(db, REGTEST, [second.address])
        ending = asyncio.create_task(cancelled(engine, first.address))
        await scenario.until_someone_waits(engine)
        paid = sa.update(rows).where(rows.c.address == second.address).values(received=TEN)
        await db.execute(paid)

    assert isinstance((await ending)[0], PaidAtNewPrice)


async def test_an_invoice_that_is_made_while_the_first_one_is_waited_for_is_cancelled_too(
    engine: AsyncEngine, first: Invoice
) -> None:
    process = scenario.commits(engine)
    async with engine.begin() as db:
        [made] = await invoices.renew(db, [RenewOrder(first.address)], scenario.INSTALLATION)
        ending = asyncio.create_task(process.submit(invoices.CANCEL, CancelOrder("shop", first.address)))
        await scenario.until_someone_waits(engine)

    assert (await ending).resource.cancelled
    await process.close()
    assert accepted(made).address != first.address
    assert await states(engine) == ["cancelled", "cancelled"]


@pytest.mark.parametrize("attempt", range(4))
async def test_prices_that_are_renewed_while_the_order_ends_leave_nothing_that_can_be_paid(
    engine: AsyncEngine, first: Invoice, attempt: int
) -> None:
    processes = [scenario.commits(engine) for _ in range(3)]

    async def end() -> None:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(attempt)))
        await processes[0].submit(invoices.CANCEL, CancelOrder("shop", first.address))

    await asyncio.gather(
        *(p.submit(invoices.RENEW, RenewOrder(first.address)) for p in processes),
        end(),
        return_exceptions=True,
    )

    for process in processes:
        await process.close()
    assert set(await states(engine)) == {"cancelled"}


async def test_an_order_whose_first_invoice_was_paid_is_refused_as_before(
    engine: AsyncEngine, first: Invoice, second: Invoice
) -> None:
    chain = await Chain(engine).start()
    await chain.mine((first.address, TEN))

    [refusal] = await cancelled(engine, first.address)

    assert isinstance(refusal, AlreadyReceived)
    assert (await states(engine))[1] == "unpaid"
