"""What the page at /pay/{id} says in its headers and its HTML, to whom, and what it keeps to itself."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context
from app.api.checkout.branding import Branding
from tests.scenario import Chain, doge
from tests.unit.api.conftest import client_of

ITEMS = [
    {"type": "item", "name": "Doge plush", "value": "10", "quantity": 1},
    {"type": "discount", "name": "", "value": "-1", "quantity": 2},
]


@pytest.fixture
async def branded(kennel: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    branding = Branding(
        name="Moon Mall",
        contact="https://help.example/?a=1",
        logo="https://cdn.example/logo.png",
        frame_origins=frozenset({"https://shop.example"}),
        image_origins=frozenset({"https://icons.example"}),
        explorer_url="https://explorer.example/{txid}",
    )
    app = application.public(replace(kennel, branding=branding), lambda: "id")
    async with client_of(app) as opened:
        yield opened


async def issued(admin: httpx.AsyncClient, **vendor: str) -> dict[str, Any]:
    assert (await admin.post("/account/shop", content=json.dumps(vendor))).status_code == 200
    order = {"items": ITEMS, "reference": "1001", "required_confirmations": 2}
    made = await admin.post("/account/shop/invoice", content=json.dumps(order))
    return dict(made.json())


def page_of(invoice: dict[str, Any], **parameters: str) -> str:
    return str(httpx.URL(f"/pay/{invoice['id']}").copy_merge_params(parameters))


async def test_the_policy_lets_in_nothing_but_our_own_files(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    answer = await payer.get(page_of(await issued(admin)))

    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script[^>]*>[^<]|\sstyle=|\son\w+=|javascript:", answer.text)


async def test_the_operator_says_who_may_frame_it_and_whose_pictures_it_shows(
    admin: httpx.AsyncClient, branded: httpx.AsyncClient
) -> None:
    invoice = await issued(admin, vendor_icon="https://icons.example/a.png")

    answer = await branded.get(page_of(invoice, origin="https://shop.example"))
    other = await branded.get(page_of(invoice, origin="https://evil.example"))

    assert "x-frame-options" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors https://shop.example" in policy
    assert "img-src 'self' data: https://cdn.example https://icons.example;" in policy
    assert 'data-parent="https://shop.example"' in answer.text
    assert 'data-parent=""' in other.text
    assert 'src="https://icons.example/a.png"' in answer.text


async def test_a_picture_from_elsewhere_gives_way_to_the_logo_and_a_script_is_no_link(
    admin: httpx.AsyncClient, branded: httpx.AsyncClient
) -> None:
    invoice = await issued(
        admin, vendor_icon="https://tracker.example/a.png", vendor_url="javascript:alert(1)"
    )

    page = (await branded.get(page_of(invoice))).text

    assert 'src="https://cdn.example/logo.png"' in page
    assert "tracker.example" not in page
    assert "javascript:" not in page
    assert '<p dir="auto">Moon Mall</p>' in page


@pytest.mark.parametrize("token", ["", "wrong", "ö" * 300])
async def test_without_the_token_the_page_has_no_items_and_no_reference(
    token: str, admin: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    invoice = await issued(admin)

    closed = (await payer.get(page_of(invoice, token=token))).text
    opened = (await payer.get(page_of(invoice, token=invoice["token"]))).text

    assert "Doge plush" not in closed
    assert "1001" not in closed
    assert ("Doge plush" in opened, "Order 1001" in opened, "Discount" in opened) == (True, True, True)
    assert (">8 <abbr" in closed, ">8 <abbr" in opened) == (True, True)


@pytest.mark.parametrize("text", ["nope", "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb", "%00", "D" * 500, "%22%3E"])
async def test_what_is_no_invoice_gets_a_page_that_says_so(branded: httpx.AsyncClient, text: str) -> None:
    answer = await branded.get(f"/pay/{text}")

    assert answer.status_code == 404
    assert "There is no such payment" in answer.text
    assert "DOGE" not in answer.text
    assert 'href="https://help.example/?a=1&amp;order="' in answer.text


async def test_the_transaction_leads_to_the_explorer_and_a_problem_to_the_shop(
    admin: httpx.AsyncClient, branded: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    invoice = await issued(admin)
    chain = await Chain(engine).start()
    block = await chain.mine((invoice["id"], doge(9)))

    page = (await branded.get(page_of(invoice, token=invoice["token"]))).text

    txid = block.outputs[0].outpoint.txid[::-1].hex()
    assert f'href="https://explorer.example/{txid}"' in page
    assert "Confirmations: 1 of 2" in page
    assert "You have paid 1 DOGE too much" in page
    assert 'href="https://help.example/?a=1&amp;order=1001"' in page


async def test_the_files_are_kept_for_ever_because_their_urls_change_with_them(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    page = (await payer.get(page_of(await issued(admin)))).text
    urls = re.findall(r'(?:href|src)="\.\.(/checkout/[^"]+)"', page)

    answers = [await payer.get(url) for url in urls]

    assert [url.partition("?")[0] for url in urls] == ["/checkout/page.css", "/checkout/page.js"]
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert [answer.headers["content-type"].partition(";")[0] for answer in answers] == [
        "text/css",
        "text/javascript",
    ]
    assert (await payer.get("/checkout/../page.py")).status_code == 404
    assert (await payer.get("/checkout/en.toml")).status_code == 404


async def test_the_language_is_the_switchs_then_the_browsers(
    admin: httpx.AsyncClient, payer: httpx.AsyncClient
) -> None:
    page = page_of(await issued(admin), token="t", mode="till")
    german = {"accept-language": "fi, de-AT;q=0.8"}

    answer = await payer.get(page, headers=german)
    switched = await payer.get(page + "&lang=ar", headers=german)

    assert answer.headers["content-language"] == "de"
    assert answer.headers["vary"].startswith("Accept-Language")
    assert '<html lang="de" dir="ltr">' in answer.text
    assert 'href="?token=t&amp;mode=till&amp;lang=ar"' in answer.text
    assert '<html lang="ar" dir="rtl">' in switched.text


@pytest.mark.parametrize("name", ["return_url", "cancel_url", "url", "back", "origin", "next"])
async def test_nothing_in_the_request_leads_the_payer_elsewhere(
    name: str, admin: httpx.AsyncClient, branded: httpx.AsyncClient
) -> None:
    invoice = await issued(admin)
    elsewhere = "https://evil.example"

    page = (await branded.get(page_of(invoice, mode="till", **{name: elsewhere}))).text

    hrefs = re.findall(r'(?:href|src|data-return|data-parent)="([^"]*)"', page)
    assert not [href for href in hrefs if href.startswith(elsewhere)]
