"""Asking for payments: what is set aside, and what is refused."""

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import WORLD, addresses, outbox
from app.domain import accounts, dogecoin, ledger, payments
from app.domain.dogecoin import REGTEST
from app.domain.ledger import Bucket, Entry, InsufficientFunds, Posting
from app.domain.owner import NoSuchAccount
from app.domain.pages import PageRequest
from app.domain.payments import Payee, Payment, PayOrder, fees
from app.domain.payments.payment_rows import NoSuchPayment
from app.domain.refusals import Invalid
from app.money import DUST, Koinu
from tests import scenario
from tests.chain_harness import request
from tests.scenario import balance, doge, event_types

LEAST = 192_000
"""Koinu that the smallest payment to one P2PKH address costs."""


def payee(amount: int | str, number: int = 0, share: int = 0) -> Payee:
    script = dogecoin.p2pkh(number.to_bytes(20, "big"))
    return Payee.of(
        REGTEST, "", dogecoin.to_address(REGTEST, script) or "", doge(amount), share * fees.PERCENT
    )


def order(amount: int | str, foreign_id: str = "shop", *, share: int = 0, **terms: Any) -> PayOrder:
    return PayOrder(foreign_id, (payee(amount, share=share),), **terms)


async def pay(engine: AsyncEngine, order: PayOrder) -> Payment:
    [outcome] = await request(engine, order)
    return scenario.accepted(outcome)


@pytest.fixture
async def shop(engine: AsyncEngine) -> int:
    """An account with 100 DOGE."""
    return await funded(engine, "shop", 100)


async def funded(engine: AsyncEngine, foreign_id: str, amount: int | str) -> int:
    account = await scenario.open_account(engine, foreign_id)
    postings = (
        Posting(WORLD, Bucket.AVAILABLE, -doge(amount)),
        Posting(account.id, Bucket.AVAILABLE, doge(amount)),
    )
    async with engine.begin() as db:
        await ledger.post(db, [Entry("TEST", ("test", ""), f"fund:{foreign_id}", postings)])
    await event_types(engine)
    return account.id


async def test_amount_and_fee_limit_are_set_aside_at_once_and_told(engine: AsyncEngine, shop: int) -> None:
    payment = await pay(engine, order(10, reference="bill 7"))

    assert (payment.state, payment.amount, payment.reserved, payment.reference) == (
        "PENDING",
        doge(10),
        doge(11),
        "bill 7",
    )
    assert (await balance(engine, shop))[:4] == (doge(89), 0, 0, doge(11))
    assert await event_types(engine) == ["PAYMENT_REQUESTED", "ACC_PAYMENT", "ACC_BALANCE_CHANGE"]


@pytest.mark.parametrize(
    ("new", "reserved"),
    [
        (order(10, max_fee=doge("0.5")), doge("10.5")),
        (order(10, explicit_fee=doge("0.02")), doge("10.02") + DUST - 1),
        (order(10, explicit_fee=doge("0.02"), max_fee=doge(5)), doge("10.02") + DUST - 1),
        (order(10, max_fee=doge(500)), doge(100)),  # the limit is 100, as far as it is there
        (order("99.5"), doge(100)),
        (order(10, share=100), doge(10) + DUST - 1),
        (order(100, share=100), doge(100)),
    ],
)
async def test_what_is_set_aside_follows_the_fees_terms(
    engine: AsyncEngine, shop: int, new: PayOrder, reserved: int
) -> None:
    payment = await pay(engine, new)

    assert payment.reserved == reserved
    assert (await balance(engine, shop))[:4] == (doge(100) - reserved, 0, 0, reserved)


async def test_all_is_spent_but_the_least_fee_and_no_koinu_more(engine: AsyncEngine, shop: int) -> None:
    script = dogecoin.p2pkh(bytes(20))
    rest = doge(100) - LEAST

    [much] = await request(engine, PayOrder("shop", (Payee("", script, Koinu(rest + 1)),)))
    [exact] = await request(engine, PayOrder("shop", (Payee("", script, Koinu(rest)),)))

    assert isinstance(much, InsufficientFunds)
    assert isinstance(exact, Payment)
    assert (await balance(engine, shop)).available == 0


@pytest.mark.parametrize(
    ("new", "needed"),
    [
        (order(101), "101.00192"),
        (order(100), "100.00192"),
        (order("99.99", explicit_fee=doge("0.02")), "100.01"),
        (order(101, share=100), "101"),
    ],
)
async def test_too_little_money_is_refused_with_the_numbers(
    engine: AsyncEngine, shop: int, new: PayOrder, needed: str
) -> None:
    [refused] = await request(engine, new)

    assert isinstance(refused, InsufficientFunds)
    assert str(refused) == f"The account has 100 of the {needed} that are needed."
    assert (await balance(engine, shop))[:4] == (doge(100), 0, 0, 0)
    assert await event_types(engine) == []


async def test_nobody_pays_from_an_account_that_is_not_there(engine: AsyncEngine, shop: int) -> None:
    [refused] = await request(engine, order(1, "nobody"))

    assert isinstance(refused, NoSuchAccount)


async def test_our_own_change_is_no_payee_and_our_invoices_are(engine: AsyncEngine, shop: int) -> None:
    change = dogecoin.p2pkh(b"\x01" * 20)
    async with engine.begin() as db:
        row = {"script": change, "account_id": shop, "branch": 1, "index": 0, "purpose": "change"}
        await db.execute(sa.insert(addresses).values(row))
    invoice = await scenario.invoice(engine)

    [refused, accepted] = await request(
        engine,
        PayOrder(
            "shop",
            (payee(1), Payee.of(REGTEST, "pay.1.", dogecoin.to_address(REGTEST, change) or "", doge(1))),
        ),
        PayOrder("shop", (Payee.of(REGTEST, "", invoice.address, doge(1)),)),
    )

    assert isinstance(refused, Invalid)
    assert refused.field == "pay.1.to"
    assert isinstance(accepted, Payment)


async def test_payments_of_one_transaction_share_what_the_account_has(engine: AsyncEngine, shop: int) -> None:
    other = await funded(engine, "other", 5)

    outcomes = await request(
        engine, order(60), order(60), order(4, "other"), order(38), order(1, "other"), order(1)
    )

    taken = [outcome.amount if isinstance(outcome, Payment) else 0 for outcome in outcomes]
    assert taken == [doge(60), 0, doge(4), doge(38), 0, 0]
    assert str(outcomes[1]) == "The account has 39 of the 60.00192 that are needed."
    assert (await balance(engine, shop))[:4] == (0, 0, 0, doge(100))
    assert (await balance(engine, other))[:4] == (0, 0, 0, doge(5))
    assert (await event_types(engine)).count("ACC_BALANCE_CHANGE") == 2


async def test_of_50_requests_at_once_as_many_are_accepted_as_there_is_money_for(
    engine: AsyncEngine, shop: int
) -> None:
    await funded(engine, "rich", 210)

    outcomes = await asyncio.gather(
        *(request(engine, order(10, "rich", max_fee=doge("0.5"))) for _ in range(50))
    )

    accepted = [outcome for [outcome] in outcomes if isinstance(outcome, Payment)]
    refused = [outcome for [outcome] in outcomes if isinstance(outcome, InsufficientFunds)]
    assert (len(accepted), len(refused)) == (20, 30)
    assert {payment.reserved for payment in accepted} == {doge("10.5")}


async def test_the_story_of_a_request_names_who_is_paid_and_how_much(engine: AsyncEngine, shop: int) -> None:
    payees = (payee(3, 1, share=25), payee(4, 2, share=75))
    payment = await pay(engine, PayOrder("shop", payees))

    async with engine.connect() as db:
        message = await db.scalar(sa.select(outbox.c.message).where(outbox.c.type == "PAYMENT_REQUESTED"))
    event = json.loads(message or "")
    assert event["payment_id"] == payment.id
    assert (event["total"], event["state"], event["txid"], event["fee"]) == ("7", "PENDING", "", "0")
    assert event["pay_to"] == [
        {"to": payees[0].address, "amount": "3", "deduct_fee_percent": "25"},
        {"to": payees[1].address, "amount": "4", "deduct_fee_percent": "75"},
    ]


async def test_pages_are_newest_first_and_end(engine: AsyncEngine, shop: int) -> None:
    await funded(engine, "other", 50)
    requested = [await pay(engine, order(1, "other" if n == 2 else "shop")) for n in range(6)]
    own = [payment.id for payment in requested if payment.owner.foreign_id == "shop"]

    async with engine.connect() as db:
        first = await payments.page(db, "shop", PageRequest(None, 3))
        rest = await payments.page(db, "shop", PageRequest(first.rest, 3))

    assert [payment.id for payment in (*first.items, *rest.items)] == own[::-1]
    assert rest.rest is None
    assert first.items[0].outputs == requested[5].outputs


async def test_a_payment_is_shown_to_its_own_account_only(engine: AsyncEngine, shop: int) -> None:
    await funded(engine, "other", 50)
    payment = await pay(engine, order(1))

    async with engine.connect() as db:
        assert await scenario.fetch(db, payments.FETCH, payments.PaymentKey("shop", payment.id)) == payment
        for foreign_id, number in (("other", payment.id), ("shop", payment.id + 1)):
            with pytest.raises(NoSuchPayment):
                await scenario.fetch(db, payments.FETCH, payments.PaymentKey(foreign_id, number))
        with pytest.raises(NoSuchAccount):
            await payments.page(db, "nobody", PageRequest(None, 10))
        assert (await accounts.fetch(db, "shop")).id == shop


@pytest.mark.parametrize(("of_account", "of_order", "shares"), [
    (False, None, False), (True, None, True), (True, False, False), (False, True, True),
])  # fmt: skip
async def test_a_payment_shares_its_transaction_as_it_says_itself_or_else_as_its_account_says(
    engine: AsyncEngine, shop: int, *, of_account: bool, of_order: bool | None, shares: bool
) -> None:
    await funded(engine, "other", 100)
    await scenario.open_account(engine, "shop", batch=of_account)

    outcomes = await request(engine, order(1, batch=of_order), order(1, "other"))

    assert [scenario.accepted(payment).batch for payment in outcomes] == [shares, False]
