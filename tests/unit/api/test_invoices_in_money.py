"""Invoices with a price in money: what they cost in DOGE, how long, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.context import AppContext
from app.db.tables import invoices
from app.domain import accounts, dogeconnect, rates
from app.domain import invoices as invoicing
from app.domain.dogeconnect import Terms
from app.domain.rates import Rate
from app.money import Koinu
from tests import scenario

PLUSH = {"type": "item", "name": "Doge plush", "fiat_value": "9.99", "quantity": 2}
TAX = {"type": "tax", "name": "VAT", "fiat_value": 1.5, "quantity": 1}
OFF = {"type": "discount", "name": "Friend", "fiat_value": "-1.58", "quantity": 1}
ORDER = {"fiat_currency": "eur", "items": [PLUSH, TAX, OFF]}


async def told(engine: AsyncEngine, *values: str, currencies: tuple[str, ...] = ("EUR", "JPY")) -> None:
    """Let sources of the currencies say so."""
    async with engine.begin() as db:
        await rates.configure(db, currencies, 600)
        said = [Rate(f"source-{n}", "EUR", Decimal(value)) for n, value in enumerate(values)]
        await rates.record(db, said)


@pytest.fixture
async def shop(admin: httpx.AsyncClient, kennel: AppContext) -> httpx.AsyncClient:
    """An account; a DOGE is worth 0.15 euros."""
    assert (await admin.post("/account/shop", json={})).status_code == 200
    await told(kennel.engine, "0.149", "0.151")
    return admin


async def issued(shop: httpx.AsyncClient, **order: Any) -> dict[str, Any]:
    answer = await shop.post("/account/shop/invoice", content=json.dumps(order))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_invoice_in_money_costs_what_that_is_by_the_median_of_now_rounded_up(
    shop: httpx.AsyncClient,
) -> None:
    made = await issued(shop, **ORDER, fiat_total="19.90")

    assert (made["fiat_total"], made["fiat_currency"]) == ("19.90", "EUR")
    assert (made["rate"], made["rate_source"]) == ("0.15", "source-0, source-1")
    assert made["total"] == "132.66666667"
    assert made["uri"].startswith(f"dogecoin:{made['id']}?amount=132.66666667")
    [plush, tax, off] = made["items"]
    assert (plush["fiat_value"], plush["value"], plush["quantity"]) == ("9.99", "66.6", 2)
    assert (tax["fiat_value"], tax["value"]) == ("1.50", "10")
    assert (off["fiat_value"], off["value"]) == ("-1.58", "-10.53333333")


async def test_it_expires_with_its_quote_unless_the_shop_says_how_long_it_holds(
    shop: httpx.AsyncClient,
) -> None:
    def minutes(invoice: dict[str, Any]) -> float:
        created, expires = (datetime.fromisoformat(invoice[name]) for name in ("created", "expires"))
        return round((expires - created) / timedelta(minutes=1), 1)

    assert minutes(await issued(shop, **ORDER)) == 15
    assert minutes(await issued(shop, **ORDER, expire_minutes=60)) == 60


async def test_all_who_see_the_invoice_see_its_price_and_its_rate(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext
) -> None:
    made = await issued(shop, fiat_currency="EUR", fiat_total=5)
    names = ("fiat_total", "fiat_currency", "rate", "rate_source", "rate_at", "total")
    price = {name: made[name] for name in names}

    path = f"/account/shop/invoice/{made['id']}"
    [event] = await scenario.event_messages(kennel.engine, "INV_CREATED")
    to_payers = [(await payer.get(f"/invoice/{made['id']}{end}")).json() for end in ("", "/status")]
    shown = [(await shop.get(path)).json(), *to_payers, event]

    assert made["items"] == []
    assert price["fiat_total"] == "5.00"
    assert [{name: view[name] for name in names} for view in shown] == [price] * 4


async def test_an_invoice_in_dogecoin_has_no_price_in_money(shop: httpx.AsyncClient) -> None:
    made = await issued(shop, items=[{"type": "item", "value": 1, "quantity": 1}])

    assert (made["fiat_total"], made["fiat_currency"], made["rate"], made["rate_source"]) == ("", "", "", "")
    assert (made["rate_at"], made["expires"]) == (None, None)
    assert "fiat_value" not in made["items"][0]


async def test_wallets_read_the_price_and_the_taxes_in_money(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    made = await issued(shop, **ORDER)
    terms = Terms("https://pay.example", "token", Koinu(1), "shop")
    async with kennel.engine.connect() as db:
        invoice = await invoicing.fetch(db, kennel.network, made["id"])
        vendor = await accounts.fetch(db, "shop")

    now = datetime.now(UTC)
    request = json.loads(dogeconnect.payload(invoice, vendor, terms, now, with_items=True))
    bare = json.loads(dogeconnect.payload(invoice, vendor, terms, now, with_items=False))

    price = ("fiat_total", "fiat_tax", "fiat_currency", "total")
    assert [request[name] for name in price] == ["19.90", "1.50", "EUR", made["total"]]
    assert [bare[name] for name in price] == ["19.90", "", "EUR", made["total"]]


async def test_the_price_and_the_rate_of_an_invoice_never_change(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    made = await issued(shop, **ORDER)
    await told(kennel.engine, "0.3")

    assert (await shop.get(f"/account/shop/invoice/{made['id']}")).json()["total"] == made["total"]
    for column in (invoices.c.fiat_total, invoices.c.rate):
        with pytest.raises(sa.exc.IntegrityError, match="cannot be changed"):
            async with kennel.engine.begin() as db:
                await db.execute(sa.update(invoices).values({column: 7}))


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"fiat_currency": "EUR"}, "items"),
        ({"fiat_currency": "EURO", "fiat_total": 1}, "fiat_currency"),
        ({"fiat_currency": "CHF", "fiat_total": 1}, "fiat_currency"),
        ({"fiat_total": 1}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": "1.234"}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": "x"}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": 0}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": "-1"}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": "9999999999"}, "fiat_total"),
        ({"fiat_currency": "EUR", "fiat_total": 10**16}, "fiat_total"),
        ({**ORDER, "fiat_total": "19.91"}, "fiat_total"),
        ({"fiat_currency": "EUR", "items": [{"type": "item", "value": 1, "quantity": 1}]}, "items.0.value"),
        ({"fiat_currency": "EUR", "items": [{**PLUSH, "value": 1}]}, "items.0.value"),
        ({"fiat_currency": "EUR", "items": [PLUSH, {**PLUSH, "fiat_value": "1.999"}]}, "items.1.fiat_value"),
        ({"fiat_currency": "EUR", "items": [{**PLUSH, "fiat_value": 0.0}]}, "items.0.fiat_value"),
        ({"items": [PLUSH]}, "items.0.fiat_value"),
    ],
)
async def test_what_is_no_price_is_refused_by_name_and_changes_nothing(
    shop: httpx.AsyncClient, order: dict[str, Any], field: str
) -> None:
    answer = await shop.post("/account/shop/invoice", content=json.dumps(order))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad-request"), answer.text
    assert answer.json()["error"]["field"] == field
    assert (await shop.get("/account/shop/invoices")).json()["items"] == []


async def test_without_a_fresh_rate_nothing_is_priced_and_a_sentence_says_so(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    stale = await shop.post("/account/shop/invoice", json={"fiat_currency": "JPY", "fiat_total": 500})
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE rates SET at = at - interval '11 minutes'"))
    later = await shop.post("/account/shop/invoice", json=ORDER)
    dogecoin = await shop.post(
        "/account/shop/invoice", json={"items": [{"type": "item", "value": 1, "quantity": 1}]}
    )

    assert (stale.status_code, later.status_code, dogecoin.status_code) == (503, 503, 200)
    assert later.json()["error"] == {
        "code": "not-available",
        "message": "There is no fresh rate of EUR now: its sources do not answer. Try again later.",
        "field": "fiat_currency",
    }
    assert later.headers["retry-after"]
