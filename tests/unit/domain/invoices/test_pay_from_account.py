"""Invoices that another account pays: what is missing, once, and in the ledger at once."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from app import audit
from app.domain import blocks, invoices
from app.domain.invoices import NoSuchInvoice, PayFromOrder, cancelling, pay_from_account
from app.domain.invoices.pay_from_account import AlreadyPaid, NotOpen, OwnInvoice
from app.domain.ledger import InsufficientFunds
from app.domain.owner import NoSuchAccount
from app.domain.payments import Payment
from app.domain.refusals import Invalid, Refusal
from app.domain.transfers import Transfer
from tests import scenario
from tests.scenario import Chain, accepted, balance, doge, event_types, shown


async def open_accounts(engine: AsyncEngine, amount: int = 100) -> Chain:
    """Open a shop, and a payer with money."""
    await scenario.open_account(engine)
    payer = await scenario.open_account(engine, "payer")
    chain = await Chain(engine).start()
    await chain.mine((payer.address, doge(amount)))
    await chain.deepen(5)
    await event_types(engine)
    return chain


async def settle(engine: AsyncEngine, *orders: PayFromOrder) -> Sequence[Transfer | Refusal]:
    async with engine.begin() as db:
        return await pay_from_account.settle(db, orders, scenario.INSTALLATION)


async def available(engine: AsyncEngine, *accounts: int) -> list[int]:
    return [(await balance(engine, account)).available for account in accounts]


async def test_an_invoice_is_settled_at_once_and_free_and_both_are_told(engine: AsyncEngine) -> None:
    await open_accounts(engine)
    made = await scenario.invoice(engine, value=10)
    await event_types(engine)

    [outcome] = await settle(engine, PayFromOrder(made.address, "payer"))

    transfer = accepted(outcome)
    assert (transfer.payer, transfer.payee) == ("payer", "shop")
    assert (transfer.amount, transfer.reference) == (doge(10), made.address)
    paid = await shown(engine, made.address)
    assert (paid.state, paid.received, paid.confirmed) == ("confirmed", doge(10), doge(10))
    assert await available(engine, 0, 1) == [doge(10), doge(90)]
    assert await event_types(engine) == [
        "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_TOTAL_PAYMENT_CONFIRMED",
        "ACC_PAYMENT", "ACC_PAYMENT", "ACC_BALANCE_CHANGE", "ACC_BALANCE_CHANGE",
    ]  # fmt: skip
    assert (await audit.run(engine)).ok


async def test_only_what_is_missing_is_paid_and_never_twice(engine: AsyncEngine) -> None:
    chain = await open_accounts(engine)
    made = await scenario.invoice(engine, value=10)
    await chain.mine((made.address, doge(4)))

    outcomes = await asyncio.gather(*(settle(engine, PayFromOrder(made.address, "payer")) for _ in range(8)))

    assert [outcome.amount for [outcome] in outcomes if isinstance(outcome, Transfer)] == [doge(6)]
    assert sum(isinstance(outcome, AlreadyPaid) for [outcome] in outcomes) == 7
    assert (await shown(engine, made.address)).received == doge(10)
    await chain.deepen(5)
    assert (await shown(engine, made.address)).state == "confirmed"
    assert (await audit.run(engine)).ok


async def test_a_block_that_pays_meanwhile_is_waited_for_and_counts(engine: AsyncEngine) -> None:
    chain = await open_accounts(engine)
    made = await scenario.invoice(engine, value=10)
    block = chain.block([(made.address, doge(4))])

    async with engine.begin() as db:
        await blocks.connect(db, chain.rules, [block])
        waiting = asyncio.create_task(settle(engine, PayFromOrder(made.address, "payer")))
        await scenario.until_someone_waits(engine)

    assert accepted((await waiting)[0]).amount == doge(6)
    assert (await shown(engine, made.address)).received == doge(10)
    assert (await audit.run(engine)).ok


async def test_a_reorg_takes_back_what_came_on_the_chain_only(engine: AsyncEngine) -> None:
    chain = await open_accounts(engine)
    made = await scenario.invoice(engine, value=10, required_confirmations=1)
    await chain.mine((made.address, doge(4)))
    await settle(engine, PayFromOrder(made.address, "payer"))

    await chain.disconnect()
    lost = await shown(engine, made.address)
    again = accepted((await settle(engine, PayFromOrder(made.address, "payer")))[0])

    assert (lost.state, lost.confirmed, lost.payment_unconfirmed) == ("partial", doge(6), True)
    assert again.amount == doge(4)
    assert (await audit.run(engine)).ok


async def test_a_batch_is_decided_in_order_and_money_that_came_can_go_on(engine: AsyncEngine) -> None:
    await open_accounts(engine, 10)
    await scenario.open_account(engine, "poor")
    first, second = await scenario.invoice(engine, value=10), await scenario.invoice(engine, "payer", value=7)
    third = await scenario.invoice(engine, "poor", value=1)

    outcomes = await settle(
        engine,
        PayFromOrder(second.address, "shop"),
        PayFromOrder(first.address, "payer"),
        PayFromOrder(second.address, "shop"),
        PayFromOrder(first.address, "payer"),
        PayFromOrder(third.address, "payer"),
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [InsufficientFunds, Transfer, Transfer, AlreadyPaid, Transfer]
    assert await available(engine, 0, 1, 2) == [doge(3), doge(6), doge(1)]
    assert (await audit.run(engine)).ok


async def test_what_cannot_be_settled_is_refused_with_a_reason(engine: AsyncEngine) -> None:
    await open_accounts(engine)
    small, large, cancelled = [await scenario.invoice(engine, value=value) for value in (1, 101, 1)]
    async with engine.begin() as db:
        await cancelling.cancel(db, [invoices.CancelOrder("shop", cancelled.address)], scenario.INSTALLATION)

    outcomes = await settle(
        engine,
        PayFromOrder(small.address, "nobody"),
        PayFromOrder("junk", "payer"),
        PayFromOrder(small.address, "shop"),
        PayFromOrder(large.address, "payer"),
        PayFromOrder(cancelled.address, "payer"),
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [NoSuchAccount, NoSuchInvoice, OwnInvoice, InsufficientFunds, NotOpen]
    assert str(outcomes[3]) == "The account has 100 of the 101 that are needed."
    assert await available(engine, 0, 1) == [0, doge(100)]


async def test_on_the_chain_the_same_is_missing_and_refused(engine: AsyncEngine) -> None:
    chain = await open_accounts(engine)
    made, dust, paid = [await scenario.invoice(engine, value=10) for _ in range(3)]
    await chain.mine((made.address, doge(4)), (dust.address, doge("9.995")))
    await settle(engine, PayFromOrder(paid.address, "payer"))

    addresses = (made.address, dust.address, paid.address, "junk")
    orders = [
        *(PayFromOrder(address, "payer") for address in addresses),
        PayFromOrder(made.address, "nobody"),
    ]
    async with engine.begin() as db:
        outcomes = await pay_from_account.request(db, orders, scenario.INSTALLATION)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Payment, Invalid, AlreadyPaid, NoSuchInvoice, NoSuchAccount]
    payment = accepted(outcomes[0])
    assert [(output.address, output.amount) for output in payment.outputs] == [(made.address, doge(6))]
    assert (payment.kind, payment.owner.foreign_id, payment.reference) == ("pay", "payer", made.address)
    assert (await shown(engine, made.address)).received == doge(4)
