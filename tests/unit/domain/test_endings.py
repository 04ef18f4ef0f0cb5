"""How an invoice ends without being paid, and what comes after that."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import blocks as block_rows
from app.db.tables import invoices as rows
from app.db.tables import outbox
from app.domain import invoices
from app.domain.dogecoin import REGTEST
from app.domain.invoices import (
    CancelOrder,
    Invoice,
    InvoiceFilter,
    InvoiceOrder,
    NoSuchInvoice,
    cancelling,
    issuing,
)
from app.domain.invoices.cancelling import AlreadyReceived
from app.domain.invoices.invoice import NotInThisAccount
from app.domain.owner import NoSuchAccount
from app.domain.refusals import Invalid, Refusal
from app.workers.clocks import STILL_SECONDS, InvoiceExpiry, in_batches
from tests import scenario
from tests.scenario import Chain, accepted, balance, doge, event_types, item, shown


async def overdue(engine: AsyncEngine, **terms: Any) -> Invoice:
    """An invoice whose time is over, though it is not expired yet."""
    invoice = await scenario.invoice(engine, expire_minutes=1, **terms)
    async with engine.begin() as db:
        of_invoice = sa.and_(rows.c.account_id == invoice.owner.id, rows.c.index == invoice.index)
        past = rows.c.expires - timedelta(hours=1)
        await db.execute(sa.update(rows).where(of_invoice).values(expires=past))
    return invoice


async def expire(engine: AsyncEngine, *, still: bool = True) -> int:
    async with engine.begin() as db:
        return await invoices.expire(db, still=still)


async def cancel(engine: AsyncEngine, *orders: CancelOrder) -> list[Invoice | Refusal]:
    async with engine.begin() as db:
        return await cancelling.cancel(db, orders, scenario.INSTALLATION)


async def listed(engine: AsyncEngine, filters: InvoiceFilter) -> list[int]:
    async with engine.connect() as db:
        page = await invoices.page(db, REGTEST, "shop", 0, 100, filters)
    return [invoice.index for invoice in page]


async def test_an_invoice_says_when_it_expires(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)

    made = await scenario.invoice(engine, expire_minutes=90)
    never = await scenario.invoice(engine)

    assert made.expires is not None
    assert timedelta(0) <= made.created + timedelta(minutes=90) - made.expires < timedelta(seconds=20)
    assert never.expires is None
    assert await shown(engine, made.address) == made


@pytest.mark.parametrize("minutes", [0, -1, issuing.MINUTES + 1])
def test_a_time_that_is_none_is_refused(minutes: int) -> None:
    with pytest.raises(Invalid) as refusal:
        InvoiceOrder("shop", (item(),), expire_minutes=minutes)

    assert refusal.value.field == "expire_minutes"


async def test_what_is_overdue_and_unpaid_expires_and_that_is_told_once(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    late = await overdue(engine)
    open_invoice = await scenario.invoice(engine, expire_minutes=10)
    await event_types(engine)

    expired = await asyncio.gather(*(expire(engine) for _ in range(5)))

    assert sum(expired) == 1
    states = [(await shown(engine, invoice.address)).state for invoice in (late, open_invoice)]
    assert states == ["expired", "unpaid"]
    assert await event_types(engine) == ["INV_EXPIRED"]
    assert await expire(engine) == 0


async def test_a_part_does_not_save_an_invoice_and_enough_in_a_block_does(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    part, enough = await overdue(engine, value=10), await overdue(engine, value=10)
    chain = await Chain(engine).start()
    await chain.mine((part.address, doge(9)), (enough.address, doge(10)))

    assert await expire(engine) == 1

    part, enough = [await shown(engine, invoice.address) for invoice in (part, enough)]
    assert (part.state, part.expired) == ("expired", True)
    assert (enough.state, enough.expired) == ("detected", False)


async def test_a_chain_that_is_caught_up_with_has_the_last_word(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await overdue(engine)
    chain = await Chain(engine).start()
    await chain.mine()

    assert await expire(engine, still=False) == 0
    async with engine.begin() as db:
        await db.execute(sa.update(block_rows).values(time=2**33))
    assert await expire(engine, still=False) == 1


async def test_a_newest_block_from_the_future_ends_nothing_early(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.invoice(engine, expire_minutes=10)
    await Chain(engine).start()
    async with engine.begin() as db:
        await db.execute(sa.update(block_rows).values(time=2**33))

    assert await expire(engine, still=False) == 0


async def test_the_clock_decides_once_the_chain_stands_still(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await overdue(engine)
    chain = await Chain(engine).start()
    clock, wakes = [0.0], []
    step = in_batches(engine, InvoiceExpiry(lambda: clock[0]).expire, lambda: wakes.append(1))
    moved = []

    for seconds, mines in ((0, True), (STILL_SECONDS, True), (STILL_SECONDS, False), (1, False)):
        clock[0] += seconds
        if mines:
            await chain.mine()
        moved.append(await step())

    assert moved == [False, False, True, False]
    assert wakes == [1]


async def test_money_that_comes_late_is_credited_and_told_as_late_each_time(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    made = await overdue(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    await expire(engine)
    await event_types(engine)

    await chain.mine((made.address, doge(4)))
    part, events = await shown(engine, made.address), await event_types(engine, "INV_")
    await chain.mine((made.address, doge(6)))
    whole = await shown(engine, made.address)

    assert (part.state, part.late) == ("expired", True)
    assert events == ["INV_BALANCE_CHANGED", "INV_LATE_PAYMENT_DETECTED", "INV_PART_PAYMENT_DETECTED"]
    assert (whole.state, whole.late) == ("confirmed", True)
    assert await event_types(engine, "INV_") == [
        "INV_BALANCE_CHANGED",
        "INV_LATE_PAYMENT_DETECTED",
        "INV_TOTAL_PAYMENT_DETECTED",
        "INV_TOTAL_PAYMENT_CONFIRMED",
    ]
    assert (await balance(engine, account.id)).available == doge(10)


async def test_what_came_in_time_is_not_late_when_it_is_confirmed(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = await overdue(engine, value=10)
    chain = await Chain(engine).start()

    await chain.mine((made.address, doge(9)))
    await expire(engine)
    await chain.deepen(6)

    assert not (await shown(engine, made.address)).late


async def test_an_invoice_without_money_is_cancelled_once(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = await scenario.invoice(engine)
    await event_types(engine)

    first, again = await cancel(engine, CancelOrder("shop", made.address), CancelOrder("shop", made.address))

    assert accepted(first).state == accepted(again).state == "cancelled"
    async with engine.begin() as db:
        [message] = await db.scalars(sa.select(outbox.c.message))
    assert json.loads(message)["invoice_id"] == made.address
    assert await event_types(engine) == ["INV_CANCELLED"]


async def test_a_cancelled_invoice_does_not_expire_and_its_money_is_late(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = await overdue(engine, value=10, required_confirmations=1)
    chain = await Chain(engine).start()
    await cancel(engine, CancelOrder("shop", made.address))

    assert await expire(engine) == 0
    await chain.mine((made.address, doge(10)))

    paid = await shown(engine, made.address)
    assert (paid.state, paid.late, paid.cancelled) == ("confirmed", True, True)


async def test_only_an_accounts_own_empty_invoice_is_cancelled(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.open_account(engine, "other")
    made, paid = await scenario.invoice(engine), await scenario.invoice(engine)
    chain = await Chain(engine).start()
    await chain.mine((paid.address, doge(1)))

    outcomes = await cancel(
        engine,
        CancelOrder("nobody", made.address),
        CancelOrder("other", made.address),
        CancelOrder("shop", "junk"),
        CancelOrder("shop", paid.address),
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [NoSuchAccount, NotInThisAccount, NoSuchInvoice, AlreadyReceived]
    assert (await shown(engine, made.address)).state == "unpaid"


async def test_lists_find_by_state_what_shows_that_state(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    chain = await Chain(engine).start()
    terms: list[dict[str, Any]] = [{}, {}, {}, {"required_confirmations": 1}]
    issued = [await scenario.invoice(engine, value=10, **more) for more in terms]
    issued += [await overdue(engine, value=10), await scenario.invoice(engine, value=10)]
    await expire(engine)
    await cancel(engine, CancelOrder("shop", issued[5].address))
    await chain.mine(*((issued[n].address, doge(amount)) for n, amount in ((1, 3), (2, 10), (3, 10))))

    states = ["unpaid", "partial", "detected", "confirmed", "expired", "cancelled"]

    assert [(await shown(engine, invoice.address)).state for invoice in issued] == states
    assert [await listed(engine, InvoiceFilter(state)) for state in states] == [[n] for n in range(6)]
    assert await listed(engine, InvoiceFilter("seen")) == []


async def test_lists_find_by_reference_and_time(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = [await scenario.invoice(engine, reference=f"order {n % 2}") for n in range(4)]

    assert await listed(engine, InvoiceFilter(reference="order 1")) == [1, 3]
    assert await listed(engine, InvoiceFilter(start=made[1].created, end=made[3].created)) == [1, 2]
    assert await listed(engine, InvoiceFilter("unpaid", "order 0", start=made[1].created)) == [2]
