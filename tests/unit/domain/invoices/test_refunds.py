"""Refunds: never more than was confirmed goes back, by either way, whoever asks at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.db.tables import outbox
from app.domain import dogecoin, invoices, payments
from app.domain.commands import Result
from app.domain.dogecoin import REGTEST
from app.domain.invoices import NoSuchInvoice, Refund, cancelling, pay_from_account, refunds
from app.domain.invoices.refunds import AboveReceived, NothingToRefund, OwnInvoice, Twice
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
        return await refunds.refund_inside(db, orders, scenario.INSTALLATION)


async def outside(engine: AsyncEngine, *orders: Refund) -> Sequence[Payment | Refusal]:
    async with engine.begin() as db:
        return await refunds.refund_on_chain(db, orders, scenario.INSTALLATION)


def kinds(outcomes: Sequence[object]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


async def fail(engine: AsyncEngine, payment: Payment) -> None:
    async with engine.begin() as db:
        await signing_queue.store(db, (), [(payment, Conflict())])


async def void(engine: AsyncEngine, payment: Payment) -> None:
    async with engine.begin() as db:
        accepted((await voiding.void(db, [payments.VoidOrder("shop", payment.id)]))[0])


async def test_a_refund_to_an_account_moves_money_in_the_ledger_and_is_told(
    engine: AsyncEngine, paid: str
) -> None:
    transfer = accepted((await inside(engine, Refund(paid, "customer", doge(4))))[0])

    assert (transfer.kind, transfer.payer, transfer.payee) == ("REFUND", "shop", "customer")
    assert transfer.amount == doge(4)
    assert [(await balance(engine, n)).available for n in (0, 1)] == [doge(11), doge(4)]
    assert (await shown(engine, paid)).refunded == doge(4)
    async with engine.begin() as db:
        first = sa.select(outbox.c.message).order_by(outbox.c.id).limit(1)
        message = json.loads((await db.execute(first)).scalar_one())
    names = ("amount", "refunded", "to", "invoice_id")
    assert [message[name] for name in names] == ["4", "4", "customer", paid]
    assert await event_types(engine) == [
        "INV_PAYMENT_REFUNDED", "ACC_PAYMENT", "ACC_PAYMENT", "ACC_BALANCE_CHANGE", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip
    assert (await audit.run(engine)).ok


async def test_a_refund_to_an_address_is_a_payment_that_the_shop_bears(
    engine: AsyncEngine, paid: str
) -> None:
    payment = accepted((await outside(engine, Refund(paid, CUSTOMER, doge(4))))[0])

    assert (payment.kind, payment.state) == ("refund", "PENDING")
    assert (payment.amount, payment.reference) == (doge(4), paid)
    assert [output.address for output in payment.outputs] == [CUSTOMER]
    assert (await shown(engine, paid)).refunded == doge(4)
    shop = await balance(engine, 0)
    assert (shop.outgoing, shop.available) == (doge(5), doge(10))
    assert "INV_PAYMENT_REFUNDED" in await event_types(engine)
    assert (await audit.run(engine)).ok


async def test_without_an_amount_all_that_remains_goes_back(engine: AsyncEngine, paid: str) -> None:
    part = accepted((await outside(engine, Refund(paid, CUSTOMER, doge(3))))[0])
    rest = accepted((await inside(engine, Refund(paid, "customer")))[0])

    assert (part.amount, rest.amount) == (doge(3), doge(7))
    assert kinds(await inside(engine, Refund(paid, "customer"))) == [NothingToRefund]
    assert kinds(await outside(engine, Refund(paid, CUSTOMER))) == [NothingToRefund]


async def test_never_more_than_was_received_goes_back_whoever_asks_at_once(
    engine: AsyncEngine, paid: str
) -> None:
    payments_back = [outside(engine, Refund(paid, CUSTOMER, doge(3))) for _ in range(6)]
    transfers_back = [inside(engine, Refund(paid, "customer", doge(3))) for _ in range(6)]

    outcomes = [*await asyncio.gather(*payments_back), *await asyncio.gather(*transfers_back)]

    refused = [outcome for [outcome] in outcomes if isinstance(outcome, Refusal)]
    assert len(outcomes) - len(refused) == 3
    assert set(kinds(refused)) <= {AboveReceived, InsufficientFunds}
    assert (await shown(engine, paid)).refunded == doge(9)
    assert (await audit.run(engine)).ok


async def test_both_ways_at_once_share_what_remains(engine: AsyncEngine, paid: str) -> None:
    ways = [
        outside(engine, Refund(paid, CUSTOMER, doge(6))),
        inside(engine, Refund(paid, "customer", doge(6))),
    ]

    outcomes = [outcome for [outcome] in await asyncio.gather(*ways)]

    assert kinds([outcome for outcome in outcomes if isinstance(outcome, Refusal)]) == [AboveReceived]


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

    assert kinds(early) == [NothingToRefund, NothingToRefund]
    assert accepted(late).amount == doge(10)


async def test_a_reorg_after_a_refund_leaves_nothing_to_refund(
    engine: AsyncEngine, paid: str, chain: Chain
) -> None:
    await inside(engine, Refund(paid, "customer", doge(4)))

    await chain.disconnect()

    assert kinds(await inside(engine, Refund(paid, "customer"))) == [NothingToRefund]
    assert (await shown(engine, paid)).refunded == doge(4)
    assert (await audit.run(engine)).ok


async def test_what_was_settled_inside_can_go_back(engine: AsyncEngine, paid: str) -> None:
    made = await scenario.invoice(engine, "customer", value=12)
    async with engine.begin() as db:
        await pay_from_account.settle(
            db, [invoices.PayFromOrder(made.address, "shop")], scenario.INSTALLATION
        )

    [outcome] = await inside(engine, Refund(made.address, "shop"))

    assert accepted(outcome).amount == doge(12)
    assert (await audit.run(engine)).ok


async def test_refunds_of_one_batch_are_decided_in_order(engine: AsyncEngine, paid: str) -> None:
    outcomes = await inside(
        engine,
        Refund(paid, "nobody"),
        Refund(paid, "shop"),
        Refund("junk", "customer"),
        *(Refund(paid, "customer", doge(amount)) for amount in (8, 8, 2)),
    )

    refused = [NoSuchAccount, OwnInvoice, NoSuchInvoice]
    assert kinds(outcomes) == [*refused, Transfer, AboveReceived, Transfer]
    assert str(outcomes[4]) == "The invoice can give back 2, and 8 were asked for."


async def test_two_payments_back_of_one_invoice_do_not_share_a_batch(engine: AsyncEngine, paid: str) -> None:
    with pytest.raises(Twice):
        await outside(engine, Refund(paid, CUSTOMER, doge(8)), Refund(paid, CUSTOMER, doge(2)))

    command, commits = invoices.REFUND_TO_ADDRESS, scenario.commits(engine)
    orders = [Refund(paid, CUSTOMER, doge(amount)) for amount in (1, 99, 2, 3)]
    results = await asyncio.gather(
        *(commits.submit(command, order) for order in orders), return_exceptions=True
    )

    assert kinds(results) == [Result, AboveReceived, Result, Result]
    assert (await shown(engine, paid)).refunded == doge(6)


async def test_a_shop_that_has_spent_the_money_cannot_refund_it(engine: AsyncEngine, paid: str) -> None:
    made = await scenario.invoice(engine, "customer", value=12)
    async with engine.begin() as db:
        await pay_from_account.settle(
            db, [invoices.PayFromOrder(made.address, "shop")], scenario.INSTALLATION
        )

    refused = [
        *await inside(engine, Refund(paid, "customer")),
        *await outside(engine, Refund(paid, CUSTOMER)),
    ]

    assert kinds(refused) == [InsufficientFunds, InsufficientFunds]
    assert (await shown(engine, paid)).refunded == 0


async def test_a_refund_that_could_never_be_is_refused_at_birth(engine: AsyncEngine, paid: str) -> None:
    for amount in (0, -1):
        with pytest.raises(Invalid):
            Refund(paid, "customer", doge(amount))

    refused = [
        *await outside(engine, Refund(paid, CUSTOMER, doge("0.001"))),
        *await outside(engine, Refund(paid, "junk")),
    ]

    fields = [(type(outcome), outcome.field) for outcome in refused if isinstance(outcome, Refusal)]
    assert fields == [(Invalid, "amount"), (Invalid, "address")]


async def test_everything_at_once_leaves_a_ledger_that_agrees(
    engine: AsyncEngine, paid: str, chain: Chain
) -> None:
    made = [
        await scenario.invoice(engine, value=2, required_confirmations=1, expire_minutes=1) for _ in range(12)
    ]
    await inside(engine, Refund(paid, "customer", doge(9)))

    async def mine() -> None:
        for invoice in made:
            await chain.mine((invoice.address, doge(1)))
        for _ in range(3):
            await chain.disconnect()
        await chain.deepen(3)

    async def settle() -> None:
        for invoice in reversed(made):
            orders = [
                invoices.PayFromOrder(address, "customer") for address in (invoice.address, made[0].address)
            ]
            async with engine.begin() as db:
                await pay_from_account.settle(db, orders, scenario.INSTALLATION)

    async def refund() -> None:
        for invoice in made:
            part = Refund(invoice.address, "customer", doge(1))
            await inside(engine, part, Refund(made[-1].address, "customer"))
            await outside(engine, Refund(invoice.address, CUSTOMER, doge("0.5")))

    async def end() -> None:
        for invoice in made:
            order = invoices.CancelOrder("shop", invoice.address)
            async with engine.begin() as db:
                await cancelling.cancel(db, [order], scenario.INSTALLATION)
                await invoices.expire(db, still=True)

    await asyncio.gather(mine(), settle(), refund(), end())

    assert (await audit.run(engine)).ok
