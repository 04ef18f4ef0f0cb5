"""New prices for invoices in money that nobody has paid in time, as the shop and its payers get them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.api import application, client_limits
from app.api.context import AppContext
from app.db.tables import NOW, invoices
from app.domain import rates
from app.domain.rates import Rate
from tests import scenario
from tests.scenario import Chain, doge

PLUSH = {"type": "item", "name": "Doge plush", "fiat_value": "9.95", "quantity": 2}
ORDER = {
    "fiat_currency": "EUR",
    "items": [PLUSH],
    "reference": "order-7",
    "metadata": {"cart": 7},
    "required_confirmations": 2,
    "payment_tolerance": "1",
    "expire_minutes": 20,
    "return_url": "https://shop.example/thanks",
    "cancel_url": "https://shop.example/basket",
}
SAME = ("reference", "metadata", "required_confirmations", "return_url", "cancel_url", "fiat_total", "token")


@pytest.fixture
async def shop(admin: httpx.AsyncClient, kennel: AppContext) -> httpx.AsyncClient:
    """An account; a DOGE is worth 0.15 euros."""
    assert (await admin.post("/account/shop", json={"vendor_name": "Moon Shop"})).status_code == 200
    await admin.post("/account/other", json={})
    async with kennel.engine.begin() as db:
        await rates.configure(db, ["EUR"], 600)
    await rated(kennel, "0.15")
    return admin


@pytest.fixture
async def made(shop: httpx.AsyncClient) -> dict[str, Any]:
    return await issued(shop)


async def rated(kennel: AppContext, value: str) -> None:
    """Let a DOGE be worth so many euros from now on."""
    async with kennel.engine.begin() as db:
        await rates.record(db, [Rate("a.example", "EUR", Decimal(value))])


async def issued(shop: httpx.AsyncClient, **terms: Any) -> dict[str, Any]:
    answer = await shop.post("/account/shop/invoice", json=ORDER | terms)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def end(kennel: AppContext, by: timedelta = timedelta(minutes=30)) -> None:
    """Let the time go on by half an hour for all invoices."""
    async with kennel.engine.begin() as db:
        moved = {invoices.c.created: invoices.c.created - by, invoices.c.expires: invoices.c.expires - by}
        await db.execute(sa.update(invoices).where(invoices.c.expires > NOW).values(moved))


async def shown(shop: httpx.AsyncClient, address: str) -> dict[str, Any]:
    return dict((await shop.get(f"/account/shop/invoice/{address}")).json())


async def pressed(payer: httpx.AsyncClient, address: str, **parameters: str) -> str:
    """Press the button of the page; return the id of the invoice to which it leads."""
    answer = await payer.post(f"/pay/{address}", params=parameters)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


async def number(shop: httpx.AsyncClient) -> int:
    return len((await shop.get("/account/shop/invoices?limit=100")).json()["items"])


async def test_a_payer_gets_the_same_order_at_the_rate_of_now_and_the_first_invoice_stays_as_it_is(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    await rated(kennel, "0.2")

    address = await pressed(payer, made["id"])

    first, second = await shown(shop, made["id"]), await shown(shop, address)
    assert {name: second[name] for name in SAME} == {name: made[name] for name in SAME}
    assert (first["total"], second["total"], second["rate"]) == ("132.66666667", "99.5", "0.2")
    assert second["items"][0]["value"] == "49.75"
    assert (first["renewed_by"], second["renews"]) == (address, made["id"])
    assert second["renewable_until"] == made["renewable_until"]
    lasts = datetime.fromisoformat(second["expires"]) - datetime.fromisoformat(second["created"])
    assert round(lasts / timedelta(minutes=1)) == 20
    async with kennel.engine.connect() as db:
        due = await db.scalar(sa.select(invoices.c.due).where(invoices.c.address == address))
    assert due == doge("98.505")


async def test_the_shop_hears_of_the_new_price_and_of_every_payment_which_order_it_is_for(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    address = await pressed(payer, made["id"])
    chain = await Chain(kennel.engine).start()
    await chain.mine((address, doge("132.66666667")))
    await chain.deepen(1)

    told = await scenario.event_messages(kennel.engine, "INV_")

    of_new = [message for message in told if address in (message.get("id"), message.get("invoice_id"))]
    assert [message["type"] for message in of_new] == [
        "INV_CREATED", "INV_BALANCE_CHANGED", "INV_TOTAL_PAYMENT_DETECTED", "INV_BALANCE_CHANGED",
        "INV_TOTAL_PAYMENT_CONFIRMED",
    ]  # fmt: skip
    assert {message["renews"] for message in of_new} == {made["id"]}
    [renewed] = [message for message in told if message["type"] == "INV_RENEWED"]
    assert (renewed["invoice_id"], renewed["renewed_by"]) == (made["id"], address)
    assert "renews" not in renewed


async def test_however_often_and_wherever_the_button_is_pressed_it_leads_to_the_same_invoice(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)

    together = await asyncio.gather(*(pressed(payer, made["id"]) for _ in range(8)))
    again = [await pressed(payer, address) for address in (made["id"], together[0])]
    await end(kennel)
    third = await pressed(payer, made["id"])

    assert len({*together, *again}) == 1
    assert third not in together
    assert await pressed(payer, together[0]) == third
    assert (await shown(shop, made["id"]))["renewed_by"] == third
    assert (await shown(shop, third))["renews"] == made["id"]
    assert await number(shop) == 3


async def test_before_its_time_is_over_nothing_is_renewed(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, made: dict[str, Any]
) -> None:
    page = (await payer.get(f"/pay/{made['id']}")).text

    assert await pressed(payer, made["id"]) == made["id"]
    assert 'id="again"' not in page
    assert "After that, send nothing: you get a new price here." in page
    assert await number(shop) == 1


async def test_what_comes_late_counts_for_the_old_invoice_and_leads_its_payer_there(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    address = await pressed(payer, made["id"])
    chain = await Chain(kennel.engine).start()
    await chain.mine((made["id"], doge("132.66666667")))

    page = (await payer.get(f"/pay/{address}?token={made['token']}&lang=en")).text

    assert (await shown(shop, made["id"]))["state"] == "detected"
    assert 'data-screen="elsewhere"' in page
    assert f'href="{made["id"]}?token={made["token"]}&amp;lang=en"' in page
    assert f"dogecoin:{address}" not in page
    await end(kennel)
    assert await pressed(payer, address) == made["id"]
    assert await number(shop) == 2


async def test_an_invoice_to_which_money_has_come_is_not_renewed(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    chain = await Chain(kennel.engine).start()
    await chain.mine((made["id"], doge(1)))
    await end(kennel)

    page = (await payer.get(f"/pay/{made['id']}")).text

    assert await pressed(payer, made["id"]) == made["id"]
    assert 'id="again"' not in page
    assert await number(shop) == 1


async def test_the_page_leads_on_with_what_its_visitor_knows_and_nothing_more(
    payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)

    page = await payer.get(f"/pay/{made['id']}")
    stranger = await payer.post(f"/pay/{made['id']}?lang=de&mode=till&evil=1")
    known = await payer.post(f"/pay/{made['id']}?token={made['token']}&origin=https://shop.example")

    assert '<form method="post"><button class="button main" id="again">' in page.text
    assert "If you have paid already, wait" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert '<meta name="referrer" content="same-origin">' in page.text
    assert stranger.headers["location"].endswith("?mode=till&lang=de")
    assert known.headers["location"].endswith(f"?token={made['token']}&origin=https%3A%2F%2Fshop.example")
    assert known.headers["cache-control"] == "no-store"
    opened = (await payer.get(f"/pay/{known.headers['location']}")).text
    assert "Doge plush" in opened


@pytest.mark.parametrize(
    ("terms", "after"),
    [
        ({"renew_minutes": 0}, 30),
        ({"renew_minutes": 5}, 30),
        ({}, 20 + 24 * 60 + 1),
        ({"fiat_currency": "", "items": [{"type": "item", "value": 1, "quantity": 1}]}, 30),
    ],
)
async def test_an_order_whose_shop_gives_no_new_price_any_more_has_no_button(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, terms: dict[str, Any], after: int
) -> None:
    made = await issued(shop, **terms)
    passed = timedelta(minutes=after)
    await end(kennel, passed)
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no trigger keeps it
        until = {invoices.c.renewable_until: invoices.c.renewable_until - passed}
        await db.execute(sa.update(invoices).values(until))

    page = (await payer.get(f"/pay/{made['id']}")).text
    refused = await shop.post(f"/account/shop/invoice/{made['id']}/renew")

    assert 'id="again"' not in page
    assert await pressed(payer, made["id"]) == made["id"]
    assert (refused.status_code, refused.json()["error"]["field"]) == (409, "id")
    assert await number(shop) == 1


async def test_a_shop_that_has_ended_the_order_cancels_it_and_no_price_is_renewed(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    second = await pressed(payer, made["id"])
    await shop.post(f"/account/shop/invoice/{made['id']}/cancel")
    pages = [(await payer.get(f"/pay/{address}")).text for address in (made["id"], second)]
    await end(kennel)

    statuses = [
        (await shop.post(f"/account/shop/invoice/{address}/renew")).status_code
        for address in (made["id"], second)
    ]

    assert statuses == [409, 409]
    assert all("This order is cancelled" in page and "dogecoin:" not in page for page in pages)
    assert await pressed(payer, second) == second
    assert await number(shop) == 2


async def test_without_a_fresh_rate_the_page_says_so_and_nothing_is_made(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE rates SET at = at - interval '11 minutes'"))

    answer = await payer.post(f"/pay/{made['id']}")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "There is no price in DOGE right now." in answer.text
    assert 'id="again"' in answer.text
    assert (await shop.post(f"/account/shop/invoice/{made['id']}/renew")).status_code == 503
    assert await number(shop) == 1


async def test_while_a_database_may_be_an_old_one_payers_are_asked_to_come_again(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    link = (await shop.post("/account/shop/link", json={"amount": "5"})).json()["id"]
    await end(kennel)
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE installation SET behind = 'it is behind'"))

    answers = [await payer.post(path) for path in (f"/pay/{made['id']}", f"/l/{link}")]

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "60")] * 2
    assert all("There is no price in DOGE right now." in answer.text for answer in answers)
    assert await number(shop) == 1


async def test_a_closed_account_renews_nothing(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE accounts SET state = 'closed' WHERE foreign_id = 'shop'"))

    answer = await payer.post(f"/pay/{made['id']}")

    assert answer.status_code == 409
    assert "There is no new price for this order. Ask the shop." in answer.text
    assert await number(shop) == 1


async def test_the_merchant_renews_by_the_same_verb_once_for_a_key_and_only_what_is_his(
    shop: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any]
) -> None:
    await end(kennel)
    path, keyed = f"/account/shop/invoice/{made['id']}/renew", {"Idempotency-Key": "again"}

    strangers = [
        (await shop.post(f"/account/{name}/invoice/{made['id']}/renew")).status_code
        for name in ("other", "nobody")
    ]
    unknown = (await shop.post("/account/shop/invoice/n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb/renew")).status_code
    first, again = await shop.post(path, headers=keyed), await shop.post(path, headers=keyed)

    assert [*strangers, unknown] == [404, 404, 404]
    assert (first.status_code, first.json()["renews"]) == (200, made["id"])
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("address", ["junk", "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb", "%00", "D" * 500, "'"])
async def test_what_is_no_invoice_has_no_new_price(payer: httpx.AsyncClient, address: str) -> None:
    answer = await payer.post(f"/pay/{address}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such payment" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": "https://evil.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403)],
)
async def test_no_page_of_another_site_renews_a_price(
    payer: httpx.AsyncClient, kennel: AppContext, made: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    await end(kennel)

    assert (await payer.post(f"/pay/{made['id']}", headers=headers)).status_code == status


@pytest.fixture
async def robot(kennel: AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with one address, of which three openings an hour are taken."""
    limited = replace(kennel, openings=client_limits.per_hour(3, lambda: 0.0))
    app = application.public(limited, lambda: "id")
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        yield opened


async def test_one_address_renews_so_many_prices_an_hour(
    shop: httpx.AsyncClient, robot: httpx.AsyncClient, kennel: AppContext
) -> None:
    addresses = [(await issued(shop))["id"] for _ in range(5)]
    await end(kennel)

    statuses = [(await robot.post(f"/pay/{address}")).status_code for address in addresses]

    assert statuses == [303, 303, 303, 429, 429]
    assert await number(shop) == 8


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"renew_minutes": -1}, "renew_minutes"),
        ({"renew_minutes": 10**9}, "renew_minutes"),
        ({"renew_minutes": "soon"}, "renew_minutes"),
        (
            {"renew_minutes": 5, "fiat_currency": "", "items": [{"type": "item", "value": 1, "quantity": 1}]},
            "renew_minutes",
        ),
    ],
)
async def test_what_is_no_time_to_renew_is_refused_by_name(
    shop: httpx.AsyncClient, terms: dict[str, Any], field: str
) -> None:
    answer = await shop.post("/account/shop/invoice", json=ORDER | terms)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_which_price_an_invoice_renews_and_until_when_never_changes(
    kennel: AppContext, made: dict[str, Any]
) -> None:
    for column in (invoices.c.renews, invoices.c.renewable_until):
        with pytest.raises(sa.exc.IntegrityError, match="cannot be changed"):
            async with kennel.engine.begin() as db:
                await db.execute(
                    sa.update(invoices).values(
                        {column: sa.null() if column.name == "renewable_until" else "x"}
                    )
                )
