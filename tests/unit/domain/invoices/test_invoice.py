"""Invoices: each has an address of its own, stays as it was ordered, and is found by its account."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.keys import Keyring
from app.db.tables import accounts as account_rows
from app.db.tables import invoices as invoice_rows
from app.domain import dogecoin, invoices
from app.domain.dogecoin import REGTEST
from app.domain.idempotency import Claim
from app.domain.invoices import Invoice, InvoiceOrder, NoSuchInvoice, invoice, issuing
from app.domain.invoices.invoice import NotInThisAccount
from app.domain.owner import AccountClosed, NoSuchAccount
from app.domain.refusals import Invalid, Refusal
from tests import scenario
from tests.scenario import Chain, accepted, doge, event_types, item


async def create(engine: AsyncEngine, *orders: InvoiceOrder) -> list[Invoice | Refusal]:
    async with engine.begin() as db:
        return list(await issuing.create(db, orders, scenario.INSTALLATION))


async def page(engine: AsyncEngine, first: int, limit: int) -> list[int]:
    async with engine.connect() as db:
        return [invoice.index for invoice in await invoices.page(db, REGTEST, "shop", first, limit)]


async def close(engine: AsyncEngine, foreign_id: str) -> None:
    async with engine.begin() as db:
        await db.execute(
            sa.update(account_rows).where(account_rows.c.foreign_id == foreign_id).values(state="closed")
        )


def key_address(account: int, index: int) -> str | None:
    """The address of the private key at m/44'/1'/account'/0/index, without any public derivation."""
    key = Keyring(REGTEST, scenario.WORDS).private_key(account, 0, index)
    return dogecoin.to_address(REGTEST, dogecoin.p2pkh(dogecoin.hash160(key.public_key.format())))


def order(value: int | str = 1, foreign_id: str = "shop", **terms: Any) -> InvoiceOrder:
    return InvoiceOrder(foreign_id, (item(value),), **terms)


async def test_each_invoice_has_the_next_address_of_its_account(engine: AsyncEngine) -> None:
    shop, other = await scenario.open_account(engine), await scenario.open_account(engine, "other")

    outcomes = await create(engine, order(), order(foreign_id="other"), order(), order(foreign_id="other"))
    outcomes += await create(engine, order())

    issued = [accepted(outcome) for outcome in outcomes]
    paths = [(invoice.owner.id, invoice.index) for invoice in issued]
    assert paths == [(shop.id, 0), (other.id, 0), (shop.id, 1), (other.id, 1), (shop.id, 2)]
    assert [invoice.address for invoice in issued] == [key_address(*path) for path in paths]


async def test_an_invoice_is_stored_as_it_was_ordered(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)

    terms: dict[str, Any] = {"required_confirmations": 3, "tolerance": Decimal("0.5"), "reference": "r"}
    made = await scenario.invoice(engine, value=10, metadata='{"a":1}', **terms)

    assert (made.total, made.due, made.required_confirmations) == (doge(10), doge("9.95"), 3)
    assert (made.reference, made.metadata, made.state, made.received) == ("r", '{"a":1}', "unpaid", 0)
    assert await scenario.shown(engine, made.address) == made
    assert await event_types(engine) == ["ACC_CREATED", "INV_CREATED"]


@pytest.mark.parametrize(("ordered", "required"), [(None, 6), (-1, 6), (0, 0), (1, 1), (1000, 1000)])
async def test_confirmations_are_the_installations_where_none_are_asked_for(
    engine: AsyncEngine, ordered: int | None, required: int
) -> None:
    await scenario.open_account(engine)

    invoice = await scenario.invoice(engine, required_confirmations=ordered)

    assert invoice.required_confirmations == required


async def test_an_invoice_that_asks_for_no_confirmation_is_content_with_a_block(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = await scenario.invoice(engine, value=10, required_confirmations=0)
    chain = await Chain(engine).start()

    await chain.mine((made.address, doge(10)))

    assert (await scenario.shown(engine, made.address)).total_payment_confirmed


async def test_what_is_missing_within_the_tolerance_is_paid(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    made = await scenario.invoice(engine, value=10, required_confirmations=1, tolerance=Decimal(1))
    chain = await Chain(engine).start()

    await chain.mine((made.address, doge("9.89")))
    short = await scenario.shown(engine, made.address)
    await chain.mine((made.address, doge("0.01")))
    enough = await scenario.shown(engine, made.address)

    assert (short.state, enough.state, enough.overpaid) == ("partial", "confirmed", 0)
    assert (short.part_payment_detected, short.total_payment_detected) == (True, False)
    assert (enough.part_payment_detected, enough.total_payment_confirmed) == (True, True)


async def test_fifty_at_once_on_one_account_have_fifty_addresses_without_a_gap(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)

    outcomes = await asyncio.gather(*(create(engine, order()) for _ in range(50)))

    issued = [accepted(outcome) for [outcome] in outcomes]
    assert sorted(invoice.index for invoice in issued) == list(range(50))
    assert len({invoice.address for invoice in issued}) == 50
    assert await page(engine, 0, 100) == list(range(50))


async def test_the_same_order_under_one_key_is_one_invoice(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    commits = scenario.commits(engine)
    claim = Claim("shop", "key", b"order")

    results = await asyncio.gather(*(commits.submit(invoices.CREATE, order(), claim) for _ in range(5)))

    issued = await scenario.shown(engine, results[0].resource.address)
    assert {result.resource for result in results} == {issued}
    assert [result.replayed for result in results] == [False, True, True, True, True]
    assert await page(engine, 0, 100) == [0]


async def test_a_refused_order_takes_no_address_and_disturbs_nobody(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.open_account(engine, "closed")
    await close(engine, "closed")
    await event_types(engine)

    names = ("shop", "nobody", "closed", "shop")
    outcomes = await create(engine, *(order(foreign_id=name) for name in names))

    assert [type(outcome) for outcome in outcomes] == [Invoice, NoSuchAccount, AccountClosed, Invoice]
    assert str(outcomes[2]) == "The account closed is closed."
    assert [outcome.field for outcome in outcomes if isinstance(outcome, NoSuchAccount)] == ["foreign_id"]
    assert await page(engine, 0, 10) == [0, 1]
    assert await event_types(engine) == ["INV_CREATED", "INV_CREATED"]


async def test_when_all_are_refused_nothing_is_written(engine: AsyncEngine) -> None:
    await scenario.open_account(engine, "closed")
    await close(engine, "closed")

    [refused] = await create(engine, order(foreign_id="closed"))

    assert isinstance(refused, AccountClosed)
    assert await event_types(engine, "INV_") == []


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"required_confirmations": -2}, "required_confirmations"),
        ({"required_confirmations": 1001}, "required_confirmations"),
        ({"tolerance": Decimal(-1)}, "payment_tolerance"),
        ({"tolerance": Decimal(100)}, "payment_tolerance"),
        ({"value": 0}, "items.0.value"),
        ({"value": "0.001"}, "items"),
    ],
)
def test_an_order_that_can_be_no_invoice_cannot_be_built(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        order(**terms)

    assert refusal.value.field == field


@pytest.mark.parametrize("column", ["items", "total", "due", "address"])
async def test_what_an_invoice_asks_for_cannot_be_changed_by_anybody(
    engine: AsyncEngine, column: str
) -> None:
    await scenario.open_account(engine)
    await scenario.invoice(engine, value=10)
    new = doge(5) if column in ("total", "due") else "[]"

    with pytest.raises(DBAPIError, match="invoices cannot be changed"):
        async with engine.begin() as db:
            await db.execute(sa.update(invoice_rows).values({column: new}))


async def test_pages_go_on_from_a_key_index(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await create(engine, *(order() for _ in range(5)))

    assert [await page(engine, first, 2) for first in (0, 2, 4, 5)] == [[0, 1], [2, 3], [4], []]


async def test_an_account_does_not_see_the_invoices_of_another(engine: AsyncEngine) -> None:
    await scenario.open_account(engine)
    await scenario.open_account(engine, "other")
    made = await scenario.invoice(engine)

    async with engine.connect() as db:
        assert await scenario.fetch(db, invoices.FETCH_OF, invoices.InvoiceKey("shop", made.address)) == made
        assert await invoices.page(db, REGTEST, "other", 0, 10) == []
        with pytest.raises(NotInThisAccount):
            await scenario.fetch(db, invoices.FETCH_OF, invoices.InvoiceKey("other", made.address))
        with pytest.raises(NoSuchAccount):
            await scenario.fetch(db, invoices.FETCH_OF, invoices.InvoiceKey("nobody", made.address))


async def test_any_other_text_is_no_invoice(engine: AsyncEngine) -> None:
    account = await scenario.open_account(engine)
    made = await scenario.invoice(engine)
    on_main = dogecoin.to_address(replace(REGTEST, p2pkh=30), dogecoin.to_script(REGTEST, made.address)) or ""
    junk = [
        "",
        "junk",
        "\0",
        "\ud800",
        "D" * 10_000,
        "' OR 1=1",
        f" {made.address}",
        account.address,
        on_main,
    ]

    async with engine.connect() as db:
        assert await invoice.by_addresses(db, [*junk, made.address, made.address], REGTEST) == {
            made.address: made
        }
        with pytest.raises(NoSuchInvoice, match="no such invoice: junk"):
            await invoices.fetch(db, REGTEST, "junk")


async def test_the_seconds_until_it_is_confirmed_are_estimated_from_what_has_come(
    engine: AsyncEngine,
) -> None:
    await scenario.open_account(engine)
    made = await scenario.invoice(engine, value=10)
    chain = await Chain(engine).start()
    seconds = [(await scenario.shown(engine, made.address)).estimate_seconds_to_confirm]

    await chain.mine((made.address, doge(10)))
    for _ in range(6):
        seconds.append((await scenario.shown(engine, made.address)).estimate_seconds_to_confirm)
        await chain.deepen(1)

    assert seconds == [0, 5, 4, 3, 2, 1, 0]
