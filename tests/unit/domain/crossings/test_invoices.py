"""Invoices that accounts of other cells pay and are refunded to."""

import pytest

from app.domain import invoices
from app.domain.invoices import Invoice, PayFromOrder, Refund
from app.domain.invoices.pay_from_account import AlreadyPaid
from app.domain.invoices.refunds import AboveReceived
from app.domain.ledger import InsufficientFunds
from app.domain.transfers import Share
from app.money import DOGE, Koinu
from tests import scenario
from tests.crossing_town import KOINU, Town, answered, claim
from tests.scenario import doge


@pytest.fixture
async def invoice(town: Town) -> Invoice:
    """Of 4 DOGE, in the lowest cell."""
    return await scenario.invoice(town.engines[0], town.name(0), 4)


async def test_an_account_elsewhere_pays_an_invoice_once(town: Town, invoice: Invoice) -> None:
    asked = PayFromOrder(invoice.address, town.name(1))

    answers = await answered(
        *(town.crossings.submit(invoices.PAY_FROM, asked, None, (1, 0)) for _ in range(3))
    )

    [paid] = [answer.resource for answer in answers if not isinstance(answer, Exception)]
    assert {type(answer) for answer in answers if isinstance(answer, Exception)} == {AlreadyPaid}
    assert (paid.payers, paid.payees) == ((Share(town.name(1), doge(4)),), (Share(town.name(0), doge(4)),))
    assert await town.has(town.name(1), DOGE) == (KOINU - doge(4), 0)
    assert (await scenario.shown(town.engines[0], invoice.address)).confirmed == doge(4)
    told = [event[1] for event in await town.events(0)]
    assert {"INV_TOTAL_PAYMENT_CONFIRMED", "ACC_PAYMENT", "ACC_BALANCE_CHANGE"} <= set(told)
    assert [event[1] for event in await town.events(1)] == ["ACC_PAYMENT", "ACC_BALANCE_CHANGE"]
    await town.check()


async def test_what_the_payer_lacks_pays_nothing(town: Town) -> None:
    invoice = await scenario.invoice(town.engines[2], town.name(2), 11)

    with pytest.raises(InsufficientFunds):
        await town.submit(invoices.PAY_FROM, PayFromOrder(invoice.address, town.name(0)), (0, 2))
    await town.check()


async def test_a_refund_goes_to_an_account_elsewhere(town: Town, invoice: Invoice) -> None:
    await town.submit(invoices.PAY_FROM, PayFromOrder(invoice.address, town.name(1)), (1, 0))

    asked = Refund(invoice.address, town.name(2), doge(1))
    made = await town.submit(invoices.REFUND_TO_ACCOUNT, asked, (0, 2), claim("k"))
    again = await town.crossings.submit(invoices.REFUND_TO_ACCOUNT, asked, claim("k"), (0, 2))
    with pytest.raises(AboveReceived):
        await town.submit(
            invoices.REFUND_TO_ACCOUNT, Refund(invoice.address, town.name(2), Koinu(doge(3) + 1)), (0, 2)
        )

    assert (again.resource, again.replayed) == (made, True)
    assert await town.has(town.name(2), DOGE) == (KOINU + doge(1), 0)
    assert await town.has(town.name(0), DOGE) == (KOINU + doge(3), 0)
    await town.check()
