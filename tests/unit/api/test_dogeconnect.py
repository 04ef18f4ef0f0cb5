"""Payment requests as wallets read them: the envelope, what is in it, and the URIs that lead to it."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import application, context, qr
from app.api.relay import Relay
from app.chain.relay_key import RelayKey
from app.db import tables
from app.domain import dogeconnect
from app.domain.invoices import CancelOrder, Invoice, InvoiceOrder, Item, cancelling, issuing
from app.domain.payments import Policy
from app.money import COIN, Koinu
from tests import bip340, scenario
from tests.scenario import Chain, accepted, doge
from tests.unit.api.conftest import client_of

KEY = RelayKey.of(bytes(31) + b"\x03")
SHOP = "https://pay.shop.example"
UNKNOWN = "n2fsmg1BUQmgjYcEnXtTQmzWRbvQWLSRLb"
MAINNET = "DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY"
ITEMS = (
    Item("item", "Doge plush", "SK-101", "Soft", doge("4.5"), 2, "https://shop.example/plush.png"),
    Item("item", "", "", "", doge(1), 1, ""),
    Item("discount", "Friend", "", "", doge(-1), 1, ""),
    Item("tax", "VAT", "", "", doge("0.5"), 2, ""),
)


async def policy() -> Policy:
    return Policy(COIN, Koinu(1_001_386))


@pytest.fixture
def relaying(kennel: context.AppContext) -> context.AppContext:
    relay = Relay(KEY.public_key, KEY.sign, KEY.token, policy)
    return replace(kennel, public_url=SHOP, relay=relay)


@pytest.fixture
async def wallet(relaying: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.public(relaying, lambda: "id")) as opened:
        yield opened


@pytest.fixture
async def merchant(relaying: context.AppContext) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application.admin(relaying, lambda: "id")) as opened:
        yield opened


@pytest.fixture
async def made(engine: AsyncEngine, kennel: context.AppContext) -> Invoice:
    """An invoice of 10 DOGE."""
    await scenario.open_account(
        engine, vendor_name="Much Shop", vendor_icon="https://shop.example/icon.png", vendor_address="Moon 1"
    )
    return await issue(engine, expire_minutes=30)


async def issue(engine: AsyncEngine, **terms: Any) -> Invoice:
    async with engine.begin() as db:
        order = InvoiceOrder("shop", ITEMS, reference="order-7", **terms)
        [outcome] = await issuing.create(db, [order], scenario.INSTALLATION)
    return accepted(outcome)


def opened(answer: httpx.Response) -> dict[str, Any]:
    """The payload, once the envelope is what the specification says."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    envelope = answer.json()
    assert envelope["version"] == "1.0"
    content = base64.b64decode(envelope["payload"], validate=True)
    message = sha256(sha256(content).digest()).digest()
    public_key, signature = bytes.fromhex(envelope["pubkey"]), bytes.fromhex(envelope["sig"])
    assert public_key == KEY.public_key
    assert bip340.verifies(public_key, message, signature)
    payload: dict[str, Any] = json.loads(content)
    return payload


async def test_a_wallet_that_knows_the_address_reads_what_is_to_be_paid_and_no_items(
    wallet: httpx.AsyncClient, made: Invoice
) -> None:
    payload = opened(await wallet.get(f"/dc/{made.address}"))

    issued = datetime.fromisoformat(payload["issued"])
    assert abs(datetime.now(UTC) - issued) < timedelta(minutes=1)
    assert made.expires is not None
    ends = issued + timedelta(seconds=payload["timeout"])
    assert made.expires - timedelta(seconds=3) < ends <= made.expires
    assert payload == {
        "type": "payment",
        "id": made.address,
        "issued": payload["issued"],
        "timeout": payload["timeout"],
        "relay": f"{SHOP}/dc/{made.address}",
        "relay_token": KEY.token(made.address),
        "fee_per_kb": "0.01001386",
        "max_size": 100_000,
        "vendor_icon": "https://shop.example/icon.png",
        "vendor_name": "Much Shop",
        "vendor_address": "Moon 1",
        "vendor_url": "",
        "vendor_order_url": "",
        "vendor_order_id": "",
        "order_reference": "",
        "note": "",
        "total": "10",
        "fees": "",
        "taxes": "",
        "fiat_total": "",
        "fiat_tax": "",
        "fiat_currency": "",
        "items": [],
        "outputs": [{"address": made.address, "amount": "10"}],
    }


async def test_with_the_token_it_reads_the_items_and_none_of_their_names_is_empty(
    wallet: httpx.AsyncClient, made: Invoice
) -> None:
    payload = opened(await wallet.get(f"/dc/{made.address}", params={"token": made.token}))

    assert payload["items"] == [
        {
            "type": "item", "id": "SK-101", "icon": "https://shop.example/plush.png", "name": "Doge plush",
            "desc": "Soft", "count": 2, "unit": "4.5", "total": "9", "tax": "",
        },
        {
            "type": "item", "id": "2", "icon": "", "name": "item",
            "desc": "", "count": 1, "unit": "1", "total": "1", "tax": "",
        },
        {
            "type": "discount", "id": "3", "icon": "", "name": "Friend",
            "desc": "", "count": 1, "unit": "-1", "total": "-1", "tax": "",
        },
        {
            "type": "tax", "id": "4", "icon": "", "name": "VAT",
            "desc": "", "count": 2, "unit": "0.5", "total": "1", "tax": "",
        },
    ]  # fmt: skip
    assert (payload["vendor_order_id"], payload["taxes"], payload["fees"]) == ("order-7", "1", "")


async def test_a_wrong_token_opens_nothing_and_an_open_installation_shows_all(
    wallet: httpx.AsyncClient, relaying: context.AppContext, made: Invoice
) -> None:
    async with client_of(application.public(replace(relaying, open_items=True), lambda: "id")) as anyone:
        shown = opened(await anyone.get(f"/dc/{made.address}"))

    assert opened(await wallet.get(f"/dc/{made.address}?token=wrong"))["items"] == []
    assert len(shown["items"]) == len(ITEMS)


async def test_the_other_paths_of_gigawallet_show_the_same(
    wallet: httpx.AsyncClient, merchant: httpx.AsyncClient, made: Invoice
) -> None:
    token = {"token": made.token}

    direct = opened(await wallet.get(f"/dc/{made.address}", params=token))
    old = opened(await wallet.get(f"/invoice/{made.address}/connect", params=token))
    own = opened(await merchant.get(f"/account/shop/invoice/{made.address}/connect"))

    changing = ("issued", "timeout")
    assert [{k: v for k, v in payload.items() if k not in changing} for payload in (old, own)] == [
        {k: v for k, v in direct.items() if k not in changing}
    ] * 2


async def test_what_was_paid_in_part_is_to_be_paid_no_more(
    wallet: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    chain = await Chain(engine).start()
    await chain.mine((made.address, doge("3.25")))

    payload = opened(await wallet.get(f"/dc/{made.address}"))

    assert (payload["total"], payload["outputs"][0]["amount"]) == ("10", "6.75")
    await chain.mine((made.address, doge("6.745")))
    payload = opened(await wallet.get(f"/dc/{made.address}"))
    assert payload["outputs"][0]["amount"] == "0.01"  # wallets make none below


async def test_an_invoice_that_never_expires_is_to_be_paid_within_a_day(
    wallet: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    endless = await issue(engine)

    assert opened(await wallet.get(f"/dc/{endless.address}"))["timeout"] == 86_400


async def test_an_account_without_a_name_has_that_of_the_installation_or_its_host(
    wallet: httpx.AsyncClient, relaying: context.AppContext, engine: AsyncEngine, made: Invoice
) -> None:
    await scenario.open_account(engine, vendor_name="")
    named = replace(relaying, branding=replace(relaying.branding, name="Mall"))
    async with client_of(application.public(named, lambda: "id")) as client:
        shown = opened(await client.get(f"/dc/{made.address}"))

    assert shown["vendor_name"] == "Mall"
    assert opened(await wallet.get(f"/dc/{made.address}"))["vendor_name"] == "pay.shop.example"


async def test_what_is_over_is_not_to_be_paid(
    wallet: httpx.AsyncClient, merchant: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    cancelled, paid = await issue(engine), await issue(engine)
    async with engine.begin() as db:
        await cancelling.cancel(db, [CancelOrder("shop", cancelled.address)], scenario.INSTALLATION)
        past = datetime.now(UTC) - timedelta(seconds=1)
        expired = sa.update(tables.invoices).where(tables.invoices.c.address == made.address)
        await db.execute(expired.values(expires=past))
    await (await Chain(engine).start()).mine((paid.address, doge(10)))

    for invoice, state in ((made, "expired"), (cancelled, "cancelled"), (paid, "paid")):
        message = f"The invoice is {state}: nothing is to be paid for it."
        for client, path in (
            (wallet, f"/dc/{invoice.address}"),
            (wallet, f"/invoice/{invoice.address}/connect"),
            (merchant, f"/account/shop/invoice/{invoice.address}/connect"),
        ):
            answer = await client.get(path)

            assert (answer.status_code, answer.json()) == (400, {"error": "expired", "message": message})
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("text", [UNKNOWN, MAINNET, "junk", "%00", "a" * 300])
async def test_what_is_no_invoice_is_not_found(wallet: httpx.AsyncClient, text: str) -> None:
    answer = await wallet.get(f"/dc/{text}")

    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"
    assert answer.json()["message"]


async def test_a_parameter_that_is_wrong_is_refused_in_the_words_of_wallets(
    wallet: httpx.AsyncClient, merchant: httpx.AsyncClient, made: Invoice
) -> None:
    token = await wallet.get(f"/dc/{made.address}?token={'x' * 256}")
    account = await merchant.get(f"/account/%01/invoice/{made.address}/connect")

    assert (token.status_code, token.json()["error"]) == (400, "invalid_token")
    assert (account.status_code, account.json()["error"]) == (404, "not_found")
    assert token.json()["message"] == "token must have at most 255 characters"


async def test_of_another_account_it_is_not_found(
    merchant: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    await scenario.open_account(engine, "other")

    answer = await merchant.get(f"/account/other/invoice/{made.address}/connect")

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_the_uri_is_that_of_the_specification() -> None:
    public_key = bytes.fromhex("6c52b17752f469c5411b977ba64725d40174d16e780b709b2aff68e0f5abfc50")

    uri = qr.payment_uri(MAINNET, doge("12.25")) + dogeconnect.uri_parameters(
        "https://example.com/dc/1QAB-POvTh2R88nybE8Wwg", public_key
    )

    assert uri == (
        "dogecoin:DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY?amount=12.25"
        "&dc=example.com%2Fdc%2F1QAB-POvTh2R88nybE8Wwg&h=72b-LVh5K_mm7zyN9PXO"
    )


async def test_the_uri_leads_to_the_envelope_and_with_the_token_to_the_items(
    wallet: httpx.AsyncClient, merchant: httpx.AsyncClient, made: Invoice
) -> None:
    key_hash = base64.urlsafe_b64encode(sha256(KEY.public_key).digest()[:15]).decode()
    host = SHOP.removeprefix("https://")
    plain = f"dogecoin:{made.address}?amount=10&dc={quote(f'{host}/dc/{made.address}', safe='')}&h={key_hash}"
    with_token = plain.replace("&h=", quote(f"?token={made.token}", safe="") + "&h=")

    bare = (await wallet.get(f"/invoice/{made.address}")).json()["uri"]
    whole = (await wallet.get(f"/invoice/{made.address}", params={"token": made.token})).json()["uri"]
    own = (await merchant.get(f"/account/shop/invoice/{made.address}")).json()["uri"]

    assert (bare, whole, own) == (plain, with_token, with_token)


async def test_the_qr_code_says_the_uri(
    relaying: context.AppContext, made: Invoice, wallet: httpx.AsyncClient
) -> None:
    painted: list[str] = []

    def paint(content: str) -> qr.Code:
        painted.append(content)
        return qr.code(content)

    painting = replace(relaying, painter=qr.Painter(paint))
    async with client_of(application.public(painting, lambda: "id")) as client:
        for query in ("", "?token=wrong", f"?token={made.token}"):
            assert (await client.get(f"/invoice/{made.address}/qr.png{query}")).status_code == 200

    uris = [
        (await wallet.get(f"/invoice/{made.address}{query}")).json()["uri"]
        for query in ("", f"?token={made.token}")
    ]
    assert painted == uris


async def test_the_payers_page_leads_wallets_to_the_request_until_it_is_over(
    wallet: httpx.AsyncClient, engine: AsyncEngine, made: Invoice
) -> None:
    cancelled = await issue(engine)
    async with engine.begin() as db:
        await cancelling.cancel(db, [CancelOrder("shop", cancelled.address)], scenario.INSTALLATION)

    for query in ("", f"?token={made.token}"):
        uri = (await wallet.get(f"/invoice/{made.address}{query}")).json()["uri"]
        page = (await wallet.get(f"/pay/{made.address}{query}")).text
        assert f'href="{uri.replace("&", "&amp;")}"' in page
    over = (await wallet.get(f"/invoice/{cancelled.address}")).json()["uri"]
    assert over == f"dogecoin:{cancelled.address}?amount=10"


@pytest.mark.parametrize("url", ["http://pay.shop.example", "http://127.0.0.1:8082"])
async def test_without_https_the_uri_says_nothing_of_it(
    relaying: context.AppContext, made: Invoice, url: str
) -> None:
    plain = replace(relaying, public_url=url)
    async with client_of(application.public(plain, lambda: "id")) as client:
        shown = (await client.get(f"/invoice/{made.address}")).json()
        payload = opened(await client.get(f"/dc/{made.address}"))

    assert shown["uri"] == f"dogecoin:{made.address}?amount=10"
    assert payload["relay"] == f"{url}/dc/{made.address}"
