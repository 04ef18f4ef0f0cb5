import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import outbox
from app.domain import dogecoin, invoices, payments
from app.domain.dogecoin import REGTEST
from app.domain.invoices import AboveReceived, NoSuchInvoice, NothingToRefund, Refund, Twice
from app.domain.invoices.refunds import OwnInvoice
from app.domain.ledger import InsufficientFunds
from app.domain.owner import NoSuchAccount
from app.domain.payments import Payment, signing_queue, voiding
from app.domain.refusals import Conflict, Invalid, Refusal
from app.domain.transfers import Transfer
from tests import scenario
from tests.scenario import Chain, accepted, balance, doge, event_types, shown

End = Callable[[AsyncEngine, Payment], Awaitable[None]]

CUSTOMER = dogecoin.to_address(REGTEST, dogecoin.p2pkh(bytes(20))) or ""


@pytest.fixture
async def chain(engine: AsyncEngine) -> Chain:
    return await Chain(engine).start()


@pytest.fixture
async def paid(engine: AsyncEngine, chain: Chain) -> str:
    """An invoice of 10 DOGE, paid; its shop has 5 more."""
    shop = await scenario.open_account(engine)
    await scenario.open_account(engine, "customer")
    made = await scenario.invoice(engine, value=10, required_confirmations=1)
    await chain.mine((shop.address, doge(5)))
    await chain.deepen(5)
    await chain.mine((made.address, doge(10)))
    await event_types(engine)
    return made.address


async def inside(engine: AsyncEngine, *orders: Refund) -> Sequence[Transfer | Refusal]:
    async with engine.begin() as db:
        return await invoices.refund_inside(db, orders, scenario.INSTALLATION)


async def outside(engine: AsyncEngine, *orders: Refund) -> Sequence[Payment | Refusal]:
    async with engine.begin() as db:
        return await invoices.refund_on_chain(db, orders, scenario.INSTALLATION)


async def fail(engine: AsyncEngine, payment: Payment) -> None:
    async with engine.begin() as db:
        await signing_queue.store(db, (), [(payment, Conflict())])


async def void(engine: AsyncEngine, payment: Payment) -> None:
    async with engine.begin() as db:
        accepted((await voiding.void(db, [payments.VoidOrder("shop", payment.id)]))[0])


async def test_a_refund_to_an_account_moves_money_in_the_ledger_and_is_told(
    engine: AsyncEngine, paid: str
) -> None:
    [done] = await inside(engine, Refund(paid, "customer", doge(4)))

    transfer = accepted(done)
    assert (transfer.kind, transfer.payer, transfer.payee, transfer.amount) == (
        "REFUND",
        "shop",
        "customer",
        doge(4),
    )
    assert [(await balance(engine, n)).available for n in (0, 1)] == [doge(11), doge(4)]
    assert (await shown(engine, paid)).refunded == doge(4)
    async with engine.begin() as db:
        first = sa.select(outbox.c.message).order_by(outbox.c.id).limit(1)
        message = json.loads((await db.execute(first)).scalar_one())
    assert (message["amount"], message["refunded"], message["to"], message["invoice_id"]) == (
        "4",
        "4",
        "customer",
        paid,
    )
    assert await event_types(engine) == [
        "INV_PAYMENT_REFUNDED", "ACC_PAYMENT", "ACC_PAYMENT", "ACC_BALANCE_CHANGE", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip
    assert (await audit.run(engine)).ok


async def test_a_refund_to_an_address_is_a_payment_that_the_shop_bears(
    engine: AsyncEngine, paid: str
) -> None:
    [done] = await outside(engine, Refund(paid, CUSTOMER, doge(4)))

    payment = accepted(done)
    assert (payment.kind, payment.state, payment.amount, payment.reference) == (
        "refund",
        "PENDING",
        doge(4),
        paid,
    )
    assert [output.address for output in payment.outputs] == [CUSTOMER]
    assert (await shown(engine, paid)).refunded == doge(4)
    now = await balance(engine, 0)
    assert (now.outgoing, now.available) == (doge(5), doge(10))
    assert "INV_PAYMENT_REFUNDED" in await event_types(engine)
    assert (await audit.run(engine)).ok


async def test_without_an_amount_all_that_is_left_goes_back(engine: AsyncEngine, paid: str) -> None:
    part = accepted((await outside(engine, Refund(paid, CUSTOMER, doge(3))))[0])
    rest = accepted((await inside(engine, Refund(paid, "customer")))[0])

    assert (part.amount, rest.amount) == (doge(3), doge(7))
    assert [type(one) for one in await inside(engine, Refund(paid, "customer"))] == [NothingToRefund]
    assert [type(one) for one in await outside(engine, Refund(paid, CUSTOMER))] == [NothingToRefund]


async def test_never_more_than_was_received_goes_back_whoever_asks_at_once(
    engine: AsyncEngine, paid: str
) -> None:
    there = [outside(engine, Refund(paid, CUSTOMER, doge(3))) for _ in range(6)]
    here = [inside(engine, Refund(paid, "customer", doge(3))) for _ in range(6)]

    outcomes = [one for [one] in [*await asyncio.gather(*there), *await asyncio.gather(*here)]]

    assert sum(not isinstance(one, Refusal) for one in outcomes) == 3
    assert {type(one) for one in outcomes if isinstance(one, Refusal)} <= {AboveReceived, InsufficientFunds}
    assert (await shown(engine, paid)).refunded == doge(9)
    assert (await audit.run(engine)).ok


async def test_both_ways_at_once_share_what_is_left(engine: AsyncEngine, paid: str) -> None:
    ways = [
        outside(engine, Refund(paid, CUSTOMER, doge(6))),
        inside(engine, Refund(paid, "customer", doge(6))),
    ]

    outcomes = [one for [one] in await asyncio.gather(*ways)]

    assert [type(one) for one in outcomes if isinstance(one, Refusal)] == [AboveReceived]


@pytest.mark.parametrize("end", [fail, void])
async def test_a_refund_that_did_not_go_out_can_be_made_again(
    engine: AsyncEngine, paid: str, end: End
) -> None:
    payment = accepted((await outside(engine, Refund(paid, CUSTOMER, doge(10))))[0])

    await end(engine, payment)

    assert (await shown(engine, paid)).refunded == 0
    assert accepted((await inside(engine, Refund(paid, "customer")))[0]).amount == doge(10)


async def test_what_is_not_confirmed_cannot_go_back(engine: AsyncEngine, paid: str, chain: Chain) -> None:
    made = await scenario.invoice(engine, value=10, required_confirmations=2)
    await chain.mine((made.address, doge(10)))

    early = [
        *await inside(engine, Refund(made.address, "customer")),
        *await outside(engine, Refund(made.address, CUSTOMER)),
    ]
    await chain.deepen(1)
    [late] = await inside(engine, Refund(made.address, "customer"))

    assert [type(one) for one in early] == [NothingToRefund, NothingToRefund]
    assert accepted(late).amount == doge(10)


async def test_a_reorg_after_a_refund_leaves_nothing_to_refund(
    engine: AsyncEngine, paid: str, chain: Chain
) -> None:
    await inside(engine, Refund(paid, "customer", doge(4)))

    await chain.disconnect()

    assert [type(one) for one in await inside(engine, Refund(paid, "customer"))] == [NothingToRefund]
    assert (await shown(engine, paid)).refunded == doge(4)
    assert (await audit.run(engine)).ok


async def test_what_was_settled_inside_can_go_back(engine: AsyncEngine, paid: str) -> None:
    made = await scenario.invoice(engine, "customer", value=12)
    async with engine.begin() as db:
        await invoices.settle(db, [invoices.PayFromOrder(made.address, "shop")], scenario.INSTALLATION)

    [done] = await inside(engine, Refund(made.address, "shop"))

    assert accepted(done).amount == doge(12)
    assert (await audit.run(engine)).ok


async def test_refunds_of_one_batch_are_judged_in_order(engine: AsyncEngine, paid: str) -> None:
    outcomes = await inside(
        engine, Refund(paid, "nobody"), Refund(paid, "shop"), Refund("junk", "customer"),
        Refund(paid, "customer", doge(8)), Refund(paid, "customer", doge(8)), Refund(paid, "customer", doge(2)),
    )  # fmt: skip

    assert [type(one) for one in outcomes] == [
        NoSuchAccount, OwnInvoice, NoSuchInvoice, Transfer, AboveReceived, Transfer,
    ]  # fmt: skip
    assert str(outcomes[4]) == "The invoice can give back 2, and 8 were asked for."


async def test_two_payments_back_of_one_invoice_do_not_share_a_batch(engine: AsyncEngine, paid: str) -> None:
    with pytest.raises(Twice):
        await outside(engine, Refund(paid, CUSTOMER, doge(8)), Refund(paid, CUSTOMER, doge(2)))

    command, commits = invoices.REFUND_TO_ADDRESS, scenario.commits(engine)
    asked = [Refund(paid, CUSTOMER, doge(amount)) for amount in (1, 99, 2, 3)]
    done = await asyncio.gather(*(commits.submit(command, one) for one in asked), return_exceptions=True)

    assert [type(one).__name__ for one in done] == ["Result", "AboveReceived", "Result", "Result"]
    assert (await shown(engine, paid)).refunded == doge(6)


async def test_a_shop_that_has_spent_the_money_cannot_refund_it(engine: AsyncEngine, paid: str) -> None:
    made = await scenario.invoice(engine, "customer", value=12)
    async with engine.begin() as db:
        await invoices.settle(db, [invoices.PayFromOrder(made.address, "shop")], scenario.INSTALLATION)

    refused = [
        *await inside(engine, Refund(paid, "customer")),
        *await outside(engine, Refund(paid, CUSTOMER)),
    ]

    assert [type(one) for one in refused] == [InsufficientFunds, InsufficientFunds]
    assert (await shown(engine, paid)).refunded == 0


async def test_a_refund_that_could_never_be_is_refused_at_birth(engine: AsyncEngine, paid: str) -> None:
    for amount in (0, -1):
        with pytest.raises(Invalid):
            Refund(paid, "customer", doge(amount))

    refused = [
        *await outside(engine, Refund(paid, CUSTOMER, doge("0.001"))), *await outside(engine, Refund(paid, "junk")),
    ]  # fmt: skip

    assert [(type(one), one.field) for one in refused if isinstance(one, Refusal)] == [
        (Invalid, "amount"), (Invalid, "address"),
    ]  # fmt: skip


async def test_everything_at_once_leaves_books_that_agree(
    engine: AsyncEngine, paid: str, chain: Chain
) -> None:
    made = [
        await scenario.invoice(engine, value=2, required_confirmations=1, expire_minutes=1) for _ in range(12)
    ]
    await inside(engine, Refund(paid, "customer", doge(9)))

    async def blocks() -> None:
        for one in made:
            await chain.mine((one.address, doge(1)))
        for _ in range(3):
            await chain.disconnect()
        await chain.deepen(3)

    async def settling() -> None:
        for one in reversed(made):
            async with engine.begin() as db:
                orders = [
                    invoices.PayFromOrder(one.address, "customer"),
                    invoices.PayFromOrder(made[0].address, "customer"),
                ]
                await invoices.settle(db, orders, scenario.INSTALLATION)

    async def refunding() -> None:
        for one in made:
            await inside(
                engine, Refund(one.address, "customer", doge(1)), Refund(made[-1].address, "customer")
            )
            await outside(engine, Refund(one.address, CUSTOMER, doge("0.5")))

    async def ending() -> None:
        for one in made:
            async with engine.begin() as db:
                await invoices.cancel(db, [invoices.CancelOrder("shop", one.address)], scenario.INSTALLATION)
                await invoices.expire(db, still=True)

    await asyncio.gather(blocks(), settling(), refunding(), ending())

    assert (await audit.run(engine)).ok
