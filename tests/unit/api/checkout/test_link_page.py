"""Pay links as payers open them: a page that changes nothing, and a button that makes an invoice."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.api import application, client_limits
from app.api.context import AppContext
from app.db.tables import invoices
from app.domain import links
from app.domain.links import opening
from app.runtime.loop import WakeUp
from tests import scenario
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of, rate_in_euros

PLUSH = {"type": "item", "name": "Doge plush", "fiat_value": "9.95", "quantity": 2}


@pytest.fixture
async def shop(admin: httpx.AsyncClient, kennel: AppContext) -> httpx.AsyncClient:
    assert (await admin.post("/account/shop", json={"vendor_name": "Moon Shop"})).status_code == 200
    await rate_in_euros(kennel, "0.15")
    return admin


@pytest.fixture
async def other(kennel: AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """Another browser."""
    async with client_of(application.public(kennel, lambda: "id")) as opened:
        yield opened


async def linked(shop: httpx.AsyncClient, **order: Any) -> str:
    """Make a link; return the path of its page."""
    return f"/l/{(await shop.post('/account/shop/link', json=order)).json()['id']}"


async def opened(payer: httpx.AsyncClient, path: str, **form: str) -> str:
    """Press the button; return the id of the invoice."""
    answer = await payer.post(path, data=form)
    assert answer.status_code == 303, answer.text
    match = re.fullmatch(r"\.\./pay/(\w+)\?token=[\w-]+", answer.headers["location"])
    assert match
    return match[1]


async def made(shop: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await shop.get("/account/shop/invoices?limit=100")).json()["items"])


async def pay(kennel: AppContext, *paid: tuple[str, int]) -> Chain:
    chain = await Chain(kennel.engine).start()
    await chain.mine(*paid)
    return chain


async def age(kennel: AppContext) -> None:
    """Let the time of all invoices be over."""
    async with kennel.engine.begin() as db:
        await db.execute(sa.update(invoices).values(expires=invoices.c.created))


async def test_looking_at_a_link_makes_nothing(shop: httpx.AsyncClient, payer: httpx.AsyncClient) -> None:
    path = await linked(shop, fiat_currency="EUR", items=[PLUSH])

    answers = [await payer.get(path) for _ in range(5)]

    text = " ".join(re.sub(r"<[^>]+>", " ", answers[0].text).split())
    assert {answer.status_code for answer in answers} == {200}
    assert "Moon Shop Pay with Dogecoin 19.90 EUR \u2248 132.67 DOGE 1 DOGE = 0.15 EUR (a.example" in text
    assert "Doge plush 2 \u00d7 9.95" in text
    assert "form-action 'self'" in answers[0].headers["content-security-policy"]
    assert "script" not in answers[0].text
    assert await made(shop) == []


async def test_the_button_makes_an_invoice_with_the_price_of_now_and_what_the_link_says(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext
) -> None:
    terms = {"reference": "order-7", "return_url": "https://shop.example/thanks", "required_confirmations": 2}
    path = await linked(shop, fiat_currency="EUR", items=[PLUSH], **terms)

    address = await opened(payer, path)

    [invoice] = await made(shop)
    assert invoice["id"] == address
    assert (invoice["fiat_total"], invoice["rate"], invoice["total"]) == ("19.90", "0.15", "132.66666667")
    assert invoice["link"] == path.removeprefix("/l/")
    assert {name: invoice[name] for name in terms} == terms
    assert invoice["expires"]
    [event] = await scenario.event_messages(kennel.engine, "INV_CREATED")
    assert event["link"] == invoice["link"]


async def test_a_browser_goes_on_with_its_invoice_and_another_gets_its_own(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, other: httpx.AsyncClient, kennel: AppContext
) -> None:
    path = await linked(shop, amount="5")

    first = [await opened(payer, path) for _ in range(3)]
    second = await opened(other, path)
    await age(kennel)
    fresh = await opened(payer, path)

    assert len({*first}) == 1
    assert len({*first, second, fresh}) == 3


async def test_the_payer_says_how_much_where_the_link_lets_him(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    tips = await linked(shop, fiat_currency="EUR", open_amount=True, fiat_total="5")
    coins = await linked(shop, open_amount=True)

    page = (await payer.get(tips)).text
    for path, amount in ((tips, "2,5"), (tips, "3"), (coins, "12.5")):
        await opened(payer, path, amount=amount)

    assert 'value="5.00"' in page
    invoiced = await made(shop)
    assert [(invoice["fiat_total"], invoice["total"]) for invoice in invoiced] == [
        ("2.50", "16.66666667"), ("3.00", "20"), ("", "12.5")
    ]  # fmt: skip


@pytest.mark.parametrize("amount", ["", "x", "0", "-1", "1.234", "1e30", "9" * 50, "NaN", "<b>"])
async def test_no_amount_is_answered_with_the_page_and_a_sentence(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, amount: str
) -> None:
    path = await linked(shop, fiat_currency="EUR", open_amount=True)

    answer = await payer.post(path, data={"amount": amount})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "This is no amount that can be paid." in answer.text
    assert f'value="{html.escape(amount[:40])}"' in answer.text
    assert await made(shop) == []


async def test_a_payer_changes_neither_the_amount_nor_where_he_is_led(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    path = await linked(shop, amount="5", return_url="https://shop.example/")

    await opened(payer, path, amount="0.01", return_url="https://evil.example/")

    [invoice] = await made(shop)
    assert (invoice["total"], invoice["return_url"]) == ("5", "https://shop.example/")


async def test_a_link_for_once_has_one_invoice_however_many_open_it_at_once(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    path = await linked(shop, amount="5", once=True)

    answers = await asyncio.gather(*(opened(browser, path) for browser in (payer, other) for _ in range(10)))

    assert len(set(answers)) == 1
    assert len(await made(shop)) == 1


async def test_a_link_for_once_is_paid_once_also_late_and_in_parts(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, other: httpx.AsyncClient, kennel: AppContext
) -> None:
    path = await linked(shop, amount="5", once=True)
    first = await opened(payer, path)
    await age(kennel)
    second = await opened(payer, path)
    await pay(kennel, (first, doge(2)))  # late, and a part only
    await age(kennel)

    led = {await opened(payer, path), await opened(other, path)}
    await shop.post(f"/link/{path.removeprefix('/l/')}/close")
    closed = await opened(other, path)

    assert second != first
    assert led == {first}
    assert closed == first


async def test_a_link_that_is_closed_or_over_or_unknown_makes_nothing_and_says_so(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    closed, over = (
        await linked(shop, amount="5"),
        await linked(shop, amount="5", expires="2020-01-01T00:00:00Z"),
    )
    await shop.post(f"/link/{closed.removeprefix('/l/')}/close")

    answers = [
        await method(path) for path in (closed, over, "/l/nothing") for method in (payer.get, payer.post)
    ]

    assert [answer.status_code for answer in answers] == [410, 410, 410, 410, 404, 404]
    assert all("<form" not in answer.text for answer in answers)
    assert await made(shop) == []


async def test_without_a_fresh_rate_the_page_asks_to_come_again(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext
) -> None:
    path = await linked(shop, fiat_currency="EUR", fiat_total="5")
    async with kennel.engine.begin() as db:
        await db.execute(sa.text("UPDATE rates SET at = at - interval '11 minutes'"))

    answers = [await payer.get(path), await payer.post(path)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("There is no price in DOGE right now." in answer.text for answer in answers)
    assert answers[0].headers["retry-after"] == "60"


async def test_a_thousand_openings_from_one_address_burn_few_addresses(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    path = await linked(shop, amount="5")
    limited = replace(kennel, openings=client_limits.per_hour(3, lambda: 0.0))
    app = application.public(limited, lambda: "id")
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as robot:
        statuses = []
        for _ in range(6):
            robot.cookies.clear()
            statuses.append((await robot.post(path)).status_code)

    assert statuses == [303, 303, 303, 429, 429, 429]
    assert len(await made(shop)) == 3


async def test_a_link_waits_for_so_many_payers_and_no_more(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "OPEN_INVOICES", 2)
    path = await linked(shop, amount="5")
    orders = [links.OpenOrder(path.removeprefix("/l/")) for _ in range(2)]
    for order in orders:
        await kennel.commits.submit(links.OPEN, order)

    answer = await payer.post(path)

    assert answer.status_code == 503
    assert "Too many people pay at once." in answer.text


async def test_whoever_numbers_events_hears_that_a_payer_has_opened_a_link(
    shop: httpx.AsyncClient, kennel: AppContext
) -> None:
    path, committed = await linked(shop, amount="5"), list[object]()
    payers = kennel.for_payers(kennel.engine, WakeUp(), committed.append)

    async with client_of(application.public(payers, lambda: "id")) as payer:
        await opened(payer, path)
    await payers.close()

    assert committed == [links.OPEN]


async def test_an_expired_invoice_of_a_link_leads_back_to_the_link(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient, kennel: AppContext
) -> None:
    path = await linked(shop, amount="5")
    address = await opened(payer, path)
    before = (await payer.get(f"/pay/{address}")).text
    await age(kennel)

    after = (await payer.get(f"/pay/{address}")).text

    assert 'id="again"' not in before
    assert f'id="again" href="..{path}"' in after


async def test_the_page_of_a_link_escapes_the_merchants_texts(
    shop: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    evil = "<script>alert(1)</script>"
    await shop.post("/account/shop", json={"vendor_name": evil})
    item = {"type": "item", "name": evil, "description": evil, "value": 1, "quantity": 1}
    path = await linked(shop, items=[item], reference=evil)

    text = (await payer.get(path)).text

    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
