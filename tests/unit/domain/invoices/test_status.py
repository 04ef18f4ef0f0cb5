"""How far an invoice is paid, in each of its states."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import invoices as invoice_rows
from app.domain import invoices
from app.domain.dogecoin import REGTEST
from app.domain.invoices import Invoice, InvoiceStatus, NoSuchInvoice
from tests import scenario
from tests.scenario import Chain, doge


async def status_of(engine: AsyncEngine, made: Invoice) -> InvoiceStatus:
    async with engine.connect() as db:
        return await scenario.fetch(db, invoices.STATUS, made.address)


async def issued(engine: AsyncEngine, **terms: Any) -> Invoice:
    await scenario.open_account(engine)
    return await scenario.invoice(engine, value=10, required_confirmations=3, **terms)


def shown(status: InvoiceStatus) -> tuple[Any, ...]:
    """State, received, confirmed, remaining, confirmations and seconds."""
    sums = (status.received, status.confirmed, status.remaining)
    return status.state, *sums, status.confirmations, status.estimate_seconds_to_confirm


async def test_the_status_follows_the_payments_of_an_invoice(engine: AsyncEngine) -> None:
    made = await issued(engine)
    chain = await Chain(engine).start()
    nothing, four, ten, eleven = (doge(amount) for amount in (0, 4, 10, 11))

    assert shown(await status_of(engine, made)) == ("unpaid", nothing, nothing, ten, 0, 0)
    await chain.mine((made.address, four))
    assert shown(await status_of(engine, made)) == ("partial", four, nothing, doge(6), 1, 2)
    await chain.deepen(1)
    assert shown(await status_of(engine, made)) == ("partial", four, nothing, doge(6), 2, 1)
    await chain.mine((made.address, doge(7)))
    assert shown(await status_of(engine, made)) == ("detected", eleven, four, nothing, 1, 2)
    await chain.deepen(2)
    assert shown(await status_of(engine, made)) == ("confirmed", eleven, eleven, nothing, 3, 0)
    await chain.deepen(1)
    assert (await status_of(engine, made)).confirmations == 4


async def test_what_a_reorganisation_took_back_has_no_confirmations(engine: AsyncEngine) -> None:
    made = await issued(engine)
    chain = await Chain(engine).start()
    await chain.mine((made.address, doge(10)))

    await chain.disconnect()

    assert shown(await status_of(engine, made)) == ("unpaid", 0, 0, doge(10), 0, 0)


@pytest.mark.parametrize(("flag", "state"), [("expired", "expired"), ("cancelled", "cancelled")])
async def test_an_invoice_that_is_over_says_so(engine: AsyncEngine, flag: str, state: str) -> None:
    made = await issued(engine, expire_minutes=30)
    over: Mapping[str, bool] = {flag: True}
    async with engine.begin() as db:
        await db.execute(sa.update(invoice_rows).values(**over))

    status = await status_of(engine, made)

    assert (status.state, status.id, status.total) == (state, made.address, doge(10))
    assert status.expires == made.expires is not None
    assert status.required_confirmations == 3


async def test_what_is_missing_within_the_tolerance_remains_for_nobody(engine: AsyncEngine) -> None:
    made = await issued(engine, tolerance=10)
    chain = await Chain(engine).start()

    await chain.mine((made.address, doge("9.1")))

    assert shown(await status_of(engine, made))[:4] == ("detected", doge("9.1"), 0, 0)


async def test_many_are_read_in_one_statement_and_what_is_no_invoice_is_left_out(engine: AsyncEngine) -> None:
    made = await issued(engine)
    other = await scenario.invoice(engine, value=5)

    async with engine.connect() as db:
        read = await invoices.statuses(db, REGTEST, ["junk", made.address, other.address, made.address])
        with pytest.raises(NoSuchInvoice):
            await scenario.fetch(db, invoices.STATUS, "junk")

    assert {address: status.total for address, status in read.items()} == {
        made.address: doge(10),
        other.address: doge(5),
    }
